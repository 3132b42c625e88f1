"""NumPy's files: shape and dtype of an array, of each array of an archive, and of a sparse matrix.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, read without NumPy.
"""

from __future__ import annotations

import ast
import json
import zipfile
from typing import IO, Any, BinaryIO

from autostore.errors import CorruptDataError
from autostore.headers.archives import opened
from autostore.headers.header import Header

__all__ = ["array", "arrays", "sparse"]

_LONGEST = 1024 * 1024
_FREE = 1024 * 1024
_MOST_PARTS = 1000
_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex", "b": "bool", "V": "void"}


def array(file: BinaryIO) -> Header:
    """One array."""
    file.seek(0)
    return _header(file)


def arrays(file: BinaryIO) -> Header:
    """Each array by its name."""
    with zipfile.ZipFile(file) as archive:
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        parts = {info.filename.removesuffix(".npy"): _part(archive, info) for info in infos[:_MOST_PARTS]}
    return Header(type="dict", shape=(len(infos),), parts=parts)


def sparse(file: BinaryIO) -> Header:
    """The class and the shape, which are members of their own."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        mark = json.loads(_small(archive, "autostore.json")) if "autostore.json" in names else {}
        with opened(archive, "data.npy") as member:
            dtype = _header(member).dtype
        shape = _small(archive, "shape.npy")
        length, at = int.from_bytes(shape[8:10], "little"), 10
        numbers = memoryview(shape)[at + length :].cast("q")
    return Header(type=mark.get("type", "scipy.sparse"), shape=tuple(numbers), dtype=dtype)


def _part(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    with opened(archive, info) as member:
        found = _header(member)
    return f"{found.dtype} {found.shape}"


def _small(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _FREE:
        raise CorruptDataError(f"{name} is too long. Look at it with as_type=bytes.")
    with opened(archive, name) as member:
        return member.read(_FREE)


def _header(file: IO[bytes]) -> Header:
    start = file.read(12)
    if start[:6] != b"\x93NUMPY":
        raise CorruptDataError("The file does not begin as NumPy's do. Look at it with as_type=bytes.")
    wide = 2 if start[6] == 1 else 4
    length = int.from_bytes(start[8 : 8 + wide], "little")
    if length > _LONGEST:
        raise CorruptDataError("The header is too long. Look at it with as_type=bytes.")
    text = start[8 + wide :] + file.read(length - (4 - wide))
    told: dict[str, Any] = ast.literal_eval(text.decode("utf-8" if start[6] == 3 else "latin-1").strip())
    return Header(type="numpy.ndarray", shape=tuple(told["shape"]), dtype=_dtype(told["descr"]))


def _dtype(descr: Any) -> str:
    """`<f8` is float64; the names of a record's fields."""
    if not isinstance(descr, str):
        names = [str(field[0]) for field in descr if isinstance(field, tuple | list)]
        return f"record ({', '.join(names)})"
    kind, size = descr[1:2], descr[2:]
    if kind == "b":
        return "bool"
    return f"{_KINDS[kind]}{int(size) * 8}" if kind in "fiuc" and size.isdigit() else descr
