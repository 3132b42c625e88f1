"""The format .safetensors: trees of arrays, each by its path, and beside them in the metadata how the tree is made.

`autostore` in the metadata is `{"v": 1, "library": "torch"}`, with `"facts"` of single arrays; `autostore.value` is
typed JSON with `{"$file": name}` where a tensor stands. Without them a file is a dict of its tensors.
"""

from __future__ import annotations

import collections
import io
import json
import os
import typing
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from autostore.config import StorageConfig
from autostore.equality.devices import ON_DEVICES
from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.checkpoints import holds
from autostore.handlers.safetensors.layout import DTYPES, Layout, headed, read_layout
from autostore.handlers.safetensors.libraries import (
    LIBRARIES,
    Facts,
    known_library,
    library_of,
    of_jax,
    on_device,
    usable,
)
from autostore.handlers.safetensors.names import Named
from autostore.handlers.typed.decoding import Decoder
from autostore.handlers.typed.encoding import encode
from autostore.handlers.typed.text import parse, seal
from autostore.headers import texts as texts_header
from autostore.headers.header import LONGEST, Header
from autostore.holding.mapping import mapped
from autostore.optional import loaded_type
from autostore.preview import Preview
from autostore.previews import arrays, records

__all__ = ["DeviceHandler", "SafetensorsHandler"]

MAP_FROM = 16 * 1024 * 1024
_OURS, _VALUE, _STATE = "autostore", "autostore.value", "autostore.state"
_BYTES_OF_A_HEADER = 40
"""What a byte of JSON may become in memory."""


class SafetensorsHandler(DataHandler):
    """Arrays of NumPy, PyTorch, JAX and CuPy and trees of them, where the key names .safetensors."""

    types = "arrays of NumPy, PyTorch, JAX and CuPy by name, and any tree of them; of a bare key those of JAX and CuPy"
    read_by = "safetensors, and every framework that has it"
    media_types = {".safetensors": "application/vnd.safetensors"}
    requires = ("numpy",)
    explicit_only: ClassVar[bool] = True

    def __init__(self, config: StorageConfig) -> None:
        self._may_import = config.allow_pickle and config.pickle_key is None

    @property
    def extensions(self) -> list[str]:
        """Only .safetensors."""
        return [".safetensors"]

    @property
    def priority(self) -> int:
        """A typed library's."""
        return 9

    def can_handle_data(self, data: Any) -> bool:
        """Arrays, and whatever may hold some."""
        return library_of(data) is not None or isinstance(data, dict | list | tuple) or hasattr(data, "__dict__")

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Dtype and shape of each tensor."""
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if int.from_bytes(file.read(8), "little") > LONGEST:
            return Header()
        layout = read_layout(file, size)
        parts = {name: f"{tensor.dtype} {tensor.shape}" for name, tensor in list(layout.tensors.items())[:1000]}
        value = layout.metadata.get(_VALUE, "").encode()
        tree = parse(value, dict).get("value") if value else None
        if type(tree) is dict and tree.keys() == {"$file"}:
            library, only = LIBRARIES[_said(layout)["library"]], next(iter(layout.tensors.values()))
            return Header(type=f"{library.module}.{library.array}", shape=only.shape, dtype=only.dtype)
        kind = texts_header.typed(io.BytesIO(value)).type if value else "dict"
        return Header(type=kind, shape=(len(layout.tensors),), parts=parts)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The tree, its arrays of the library that wrote them, or of NumPy where that is not installed."""
        return self._read(file_path, None)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The tree with arrays of another library: `numpy.ndarray`, `dict[str, torch.Tensor]`, `jax.Array`."""
        asked = known_library(next(reversed(typing.get_args(as_type)), as_type))
        if asked is None:
            return super().read_as(file_path, file_extension, as_type)
        return self._read(file_path, asked)

    def _read(self, file_path: Path, library: str | None) -> Any:
        with open(file_path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            is_mapped = self.may_map and size >= MAP_FROM
            length = int.from_bytes(file.read(8), "little")
            self.ceiling.check(_BYTES_OF_A_HEADER * min(length, size) + (0 if is_mapped else size), "The file")
            layout = read_layout(file, size)
            if is_mapped:
                data = mapped(file, 0, size)[layout.begin :]
            else:
                data = memoryview(file.read(size - layout.begin))
                if len(data) != size - layout.begin:
                    raise CorruptDataError("The file was shortened while it was read. Read it again.")
        return _Reader(layout, data, library, is_mapped=is_mapped).value(may_import=self._may_import)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the tensors, the widest first, so that each is aligned; none is held in memory twice."""
        named = Named()
        tree, state = _without_state(data)
        metadata = {_VALUE: seal(encode(tree, named.reference)).decode()}
        if not named.arrays:
            raise UnsupportedFormatError("There is no array in it. Use another format, such as a bare key.")
        if state is not None:
            metadata[_STATE] = seal(encode(state)).decode()
        library = named.library()
        numbers = {name: LIBRARIES[kind].out(array) for name, (kind, array) in named.arrays.items()}
        facts = {name: one.facts | named.stranger(name, library) for name, one in numbers.items()}
        said = {"v": 1, "library": library, "facts": {name: told for name, told in facts.items() if told}}
        metadata = {"format": LIBRARIES[library].format, _OURS: json.dumps(said), **metadata}
        order = sorted(numbers, key=lambda name: (-DTYPES[numbers[name].dtype], name))
        with open(file_path, "wb") as file:
            file.write(headed(((name, numbers[name].dtype, numbers[name].shape) for name in order), metadata))
            file.writelines(numbers[name].data for name in order)

    def preview(self, data: Any) -> Preview:
        """Shape and range of one array, the first parts of a tree."""
        if on_device(data):
            return arrays.jax_array(data) if of_jax(data) else arrays.array(data)
        return records.mapping(data) if isinstance(data, dict) else super().preview(data)


class DeviceHandler(SafetensorsHandler):
    """Arrays of JAX, keys of its generators, arrays of CuPy, and trees of them, as .safetensors."""

    equality = ON_DEVICES
    explicit_only: ClassVar[bool] = False

    @property
    def priority(self) -> int:
        """A typed library, and asked before what only a name chooses."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Arrays, and nestings of exact dicts, lists and tuples of them and of plain values."""
        loaded = loaded_type("jax", "Array") or loaded_type("cupy", "ndarray")
        return loaded is not None and (on_device(data) or holds(data, on_device))


def _without_state(data: Any) -> tuple[Any, Any]:
    """The tree, and what PyTorch keeps beside the tensors of a state dict: the versions of its modules."""
    beside = vars(data) if type(data) is collections.OrderedDict else {}
    return (data, None) if beside.keys() != {"_metadata"} else (collections.OrderedDict(data), beside["_metadata"])


def _said(layout: Layout) -> dict[str, Any]:
    """What the metadata say of the arrays."""
    if _OURS not in layout.metadata:
        formats = {library.format: name for name, library in reversed([*LIBRARIES.items()])}  # not CuPy's
        return {"library": formats.get(layout.metadata.get("format", ""), "numpy")}
    said = parse(layout.metadata[_OURS].encode(), dict)
    if type(said) is not dict or said.get("v") != 1 or said.get("library") not in LIBRARIES:
        raise CorruptDataError("The file's metadata are of a later version. Upgrade autostore.")
    return said


class _Reader:
    """Makes the arrays of one file when the tree asks for them, each once."""

    def __init__(self, layout: Layout, data: memoryview, library: str | None, *, is_mapped: bool) -> None:
        self._layout, self._data, self._is_mapped = layout, data, is_mapped
        self._said = _said(layout)
        self._asked = library
        self._library = library or usable(self._said["library"])
        self._made: dict[str, Any] = {}

    def value(self, *, may_import: bool) -> Any:
        """The tree; of a file that others wrote a dict of its tensors."""
        metadata = self._layout.metadata
        if _VALUE not in metadata:
            return {name: self._array(name) for name in self._layout.tensors}
        value = Decoder(may_import=may_import, member=self._array).decode(metadata[_VALUE].encode())
        if _STATE in metadata and type(value) is collections.OrderedDict:
            vars(value)["_metadata"] = Decoder(may_import=False).decode(metadata[_STATE].encode())
        return value

    def _array(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._new(name)
        return self._made[name]

    def _new(self, name: str) -> Any:
        if name not in self._layout.tensors:
            raise CorruptDataError(f"The file has no tensor {name!r:.80}. Look at it with as_type=bytes.")
        tensor = self._layout.tensors[name]
        facts: Facts = self._said.get("facts", {}).get(name, {})
        library = self._asked or facts.get("library") or self._library
        data = self._data[tensor.begin : tensor.end]
        # Of a small file each array is on its own, and can be written to.
        aligned = self._is_mapped and (self._layout.begin + tensor.begin) % DTYPES[tensor.dtype] == 0
        data = data if aligned else memoryview(bytearray(data))
        try:
            return LIBRARIES[library].back(tensor.dtype, tensor.shape, data, facts)
        except StorageError:
            raise
        except (KeyError, TypeError, AttributeError) as error:
            let_pass(error)
            raise CorruptDataError(f"The tensor {name!r:.80} is not as its file says: {error!s:.200}") from error
