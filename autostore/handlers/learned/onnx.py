"""ONNX models as .onnx, under exactly their name; bytes of such a name stay what they are.

https://onnx.ai/onnx/repo-docs/IR.html. A model of ours ends in an entry of its metadata that says so, which every
reader lets be. Reading parses one file: what a model says of other files is opened by nobody here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from autostore.equality.learned import ONNX
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.handlers.named import NamedHandler
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, loaded_type, require
from autostore.preview import Preview
from autostore.previews.learned import onnx_model
from autostore.previews.text import binary

__all__ = ["OnnxHandler"]

NOTE = b'\x72\x15\n\tautostore\x12\x08{"v": 1}'
"""Field 14 of a ModelProto, `metadata_props`: one entry, whose key is `autostore`."""

_BYTES_IN_MEMORY = 8
"""What a byte of packed numbers may become."""


class OnnxHandler(NamedHandler):
    """Models of ONNX, and bytes, where the key names .onnx."""

    types = "models of ONNX (`onnx.ModelProto`), and bytes"
    read_by = "ONNX Runtime and every framework for models"
    install = f"{DISTRIBUTION}[onnx]"
    equality = ONNX
    media_types = {".onnx": "application/vnd.onnx"}
    named_extensions = (".onnx",)

    def can_handle_data(self, data: Any) -> bool:
        """Models, and bytes."""
        return type(data) is bytes or _is_model(data)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Whether a model was written here."""
        file.seek(-min(len(NOTE), file.seek(0, 2)), 2)
        return Header(type="onnx.ModelProto" if file.read() == NOTE else "bytes")

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The model that was written; the bytes of any other file."""
        content = read_whole(file_path, self.ceiling)
        return self._parsed(content) if content.endswith(NOTE) else content

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """`onnx.ModelProto` parses any such file."""
        if as_type is loaded_type("onnx", "ModelProto"):
            return self._parsed(read_whole(file_path, self.ceiling))
        return super().read_as(file_path, file_extension, as_type)

    def _parsed(self, content: bytes) -> Any:
        self.ceiling.check(_BYTES_IN_MEMORY * len(content), "The model")
        model = require("onnx").ModelProto()
        try:
            model.ParseFromString(content.removesuffix(NOTE))
        except require("google.protobuf.message").DecodeError as error:
            raise CorruptDataError(f"This is no model of ONNX: {error}. Look at it with as_type=bytes.") from error
        return model

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the model and our note, or the bytes."""
        content = data if type(data) is bytes else _serialized(data)
        if type(data) is bytes and data.endswith(NOTE):
            raise UnsupportedFormatError(
                "These bytes are a model that this library wrote, and would come back as that. Store the model itself."
            )
        with open(file_path, "wb") as file:
            file.write(content)
            if type(data) is not bytes:
                file.write(NOTE)

    def preview(self, data: Any) -> Preview:
        """Inputs, outputs and size."""
        return onnx_model(data) if _is_model(data) else binary(data)


def _is_model(value: Any) -> bool:
    model = loaded_type("onnx", "ModelProto")
    return model is not None and type(value) is model


def _serialized(model: Any) -> bytes:
    onnx = require("onnx")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise UnsupportedFormatError(
            "The model's weights lie in other files. Load them: onnx.load_external_data_for_model(model, folder)."
        )
    try:
        return bytes(model.SerializeToString(deterministic=True))
    except (ValueError, require("google.protobuf.message").EncodeError) as error:
        raise UnsupportedFormatError(f"ONNX cannot write this model: {error!s:.200}") from error
