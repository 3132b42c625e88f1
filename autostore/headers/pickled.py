"""Pickles and checkpoints: what they name, without importing or running any of it.

A pickle is a program; here each class that it asks for is a mute stand-in, which only notes its name.
https://docs.python.org/3/library/pickletools.html
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from typing import Any, BinaryIO

from autostore.headers.archives import opened
from autostore.headers.header import LONGEST, Header, beginning

__all__ = ["checkpoint", "is_of_joblib", "is_whole", "pickled"]

_BEFORE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The number with which such a file begins, as a pickle."""
_LOOKED_AT = 64 * 1024
_MOST_PARTS = 1000
_DEEPEST = 8
_EMPTY = {"EMPTY_DICT": "dict", "EMPTY_LIST": "list", "EMPTY_SET": "set", "EMPTY_TUPLE": "tuple", "MARK": None}
_DTYPES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
}  # fmt: skip


def pickled(file: BinaryIO) -> Header:
    """The first class that the pickle names, which is as a rule that of its value."""
    data, texts = beginning(file, _LOOKED_AT), ["", ""]
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name in ("GLOBAL", "INST"):
                return Header(type=str(argument).replace(" ", "."))
            if opcode.name == "STACK_GLOBAL":
                return Header(type=".".join(texts))
            if opcode.name in _EMPTY:
                return Header(type=_EMPTY[opcode.name])
            if isinstance(argument, str):
                texts = [texts[1], argument]
    except ValueError:  # cut, or no pickle
        return Header()
    return Header()


def is_whole(file: BinaryIO) -> bool:
    """Whether each instruction is one, and the last ends both the program and the file; none is run."""
    try:
        return any(opcode.name == "STOP" for opcode, _, _ in pickletools.genops(file)) and not file.read(1)
    except Exception:  # whatever parts of a file that is no pickle say
        return False


def is_of_joblib(file: BinaryIO) -> bool:
    """Whether `joblib.dump` wrote it, with an array in its first 64 KiB; the file is then where it was.

    The arrays stand bare behind the objects that stand for them, so that `pickle` cannot read on:
    https://github.com/joblib/joblib/blob/main/joblib/numpy_pickle.py
    """
    found = b"joblib.numpy_pickle" in file.read(_LOOKED_AT)
    file.seek(0)
    return found


def checkpoint(file: BinaryIO) -> Header:
    """Each tensor by its path, with dtype and shape; no storage is read, and PyTorch not imported.

    Of a file as PyTorch wrote it before 1.6, which is no archive, nothing.
    """
    if beginning(file, len(_BEFORE)) == _BEFORE:
        return Header()
    with zipfile.ZipFile(file) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        if archive.getinfo(name).file_size > LONGEST:
            return Header()
        with opened(archive, name) as member:
            value = _Mute(io.BytesIO(member.read(LONGEST))).load()
    parts: dict[str, str] = {}
    _walk(value, "", parts, 0)
    if isinstance(value, _Named) and len(parts) == 1:
        return Header(type="torch.Tensor", shape=value.shape, dtype=value.dtype)
    kind = value.name if isinstance(value, _Named) else type(value).__name__
    return Header(type=kind, parts=parts)


class _Named(dict[Any, Any]):
    """What stands for any class, function and instance of a pickle: a name, and what it was called with."""

    name = "object"
    shape: tuple[int, ...] | None = None
    dtype: str | None = None

    def __setstate__(self, state: Any) -> None:
        """Nothing of it matters."""


def _stand_in(module: str, name: str) -> type[_Named]:
    def made(cls: type[_Named], *arguments: Any, **_: Any) -> _Named:
        found: _Named = dict.__new__(cls)
        if name.startswith("_rebuild_tensor") and len(arguments) > 2:
            found.name, found.dtype, found.shape = "torch.Tensor", arguments[0], arguments[2]
        elif name.startswith("_rebuild_parameter") and isinstance(arguments[0], _Named):
            found.name, found.dtype, found.shape = "torch.nn.Parameter", arguments[0].dtype, arguments[0].shape
        return found

    body = {"__new__": made, "__init__": lambda *_, **__: None, "name": f"{module}.{name}"}
    return type(name, (_Named,), body)


class _Mute(pickle._Unpickler):  # noqa: SLF001 - in C the memo is a table as long as a file says
    """Reads a pickle into dicts, lists, texts and stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        """Never the class."""
        return _stand_in(module, name)

    def persistent_load(self, pid: Any) -> str:
        """The dtype of a storage."""
        kind = getattr(pid[1], "__name__", "")
        return _DTYPES.get(kind, kind)


def _walk(value: Any, path: str, parts: dict[str, str], depth: int) -> None:
    if len(parts) >= _MOST_PARTS or depth > _DEEPEST:
        return
    if isinstance(value, _Named) and value.shape is not None:
        parts[path] = f"{value.dtype} {tuple(value.shape)}"
    elif isinstance(value, dict):
        for key, child in value.items():
            _walk(child, f"{path}.{key}" if path else str(key), parts, depth + 1)
    elif isinstance(value, list | tuple):
        for number, child in enumerate(value):
            _walk(child, f"{path}[{number}]", parts, depth + 1)
    else:
        parts[path] = type(value).__name__ if isinstance(value, _Named) else repr(value)[:80]
