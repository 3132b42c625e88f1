"""NumPy arrays: one as .npy, several by name as .npz; nothing is ever unpickled.

Both formats are https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality.arrays import ARRAYS, same_dtype
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.handler import DataHandler
from autostore.headers import arrays as arrays_header
from autostore.headers.header import Header
from autostore.holding.mapping import mapped
from autostore.optional import loaded_type, require
from autostore.preview import Preview
from autostore.previews import arrays, records

__all__ = ["MAP_FROM", "NpyHandler", "NpzHandler", "check_array", "check_dtype", "check_members", "read_array"]

MAP_FROM = 16 * 1024 * 1024
# A header holds the dtype as text, and NumPy's default limit of 10,000 refuses wide records.
MAX_HEADER = 1024 * 1024
# What a hostile archive may claim to expand to: this, or this many times its own size.
FREE_EXPANSION = 1024**3
MAX_EXPANSION = 100


class NpyHandler(DataHandler):
    """One exact `ndarray` without objects, as .npy."""

    types = "NumPy arrays"
    read_by = "NumPy and what reads its format"
    equality = ARRAYS
    requires = ("numpy",)

    @property
    def extensions(self) -> list[str]:
        """Only .npy."""
        return [".npy"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Exact arrays; masked ones, matrices and records would come back as plain arrays."""
        return type(data) is loaded_type("numpy", "ndarray")

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Shape and dtype."""
        return arrays_header.array(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The array; from 16 MiB on pages are read when used (setting `mmap`); writing to it changes only it."""
        with open(file_path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < MAP_FROM or not self.may_map:
                self.ceiling.check(size, "The array")
            return read_array(file, size, may_map=self.may_map)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the array; objects and dtypes that the header cannot name are refused."""
        check_dtype(data)
        with failing_disk_is_an_os_error(file_path), open(file_path, "wb") as file:
            require("numpy").lib.format.write_array(_Stream(file), data, allow_pickle=False)

    def preview(self, data: Any) -> Preview:
        """Shape, dtype and range."""
        return arrays.array(data)


class _Stream:
    """A file of which NumPy sees no more than `write`: its own writing hides short writes, and what a signal raises."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write = file.write


def read_array(file: io.BufferedReader, end: int, *, may_map: bool = True) -> Any:
    """The array that begins where `file` stands and must not go beyond `end`; a large one is mapped where it may be."""
    begin = file.tell()
    shape, fortran, dtype = _read_header(file)
    offset = file.tell()
    nbytes = math.prod(shape) * dtype.itemsize
    _check_length(nbytes, end - offset)
    np = require("numpy")
    order: Literal["F", "C"] = "F" if fortran else "C"
    if nbytes >= MAP_FROM and may_map:
        start = offset - offset % mmap.ALLOCATIONGRANULARITY
        data = mapped(file, start, offset - start + nbytes)[offset - start :]
        return np.ndarray(shape, dtype, data, order=order)
    if dtype.names is None and dtype.itemsize:
        flat = np.empty(math.prod(shape), dtype)
        # Not `np.fromfile`, which hides what a signal handler raises meanwhile.
        read = file.readinto(flat.view(np.uint8)) if nbytes else 0
        if read != nbytes:  # shortened while it was read
            raise CorruptDataError(f"The array needs {nbytes} bytes, and the file ended after {read}.")
        return flat.reshape(shape, order=order)
    file.seek(begin)  # NumPy's own reading also decodes UTF-8 in the names of fields, and refuses what is odd
    return np.lib.format.read_array(file, allow_pickle=False, max_header_size=MAX_HEADER)


def _check_length(needed: int, there: int) -> None:
    if needed > there:
        raise CorruptDataError(f"The array needs {needed} bytes, and the file ends after {there}.")
    if needed < there:
        raise UnsupportedFormatError(
            f"More stands behind the array, {there - needed} bytes, such as another that numpy.save added. "
            "Read it with as_type=pathlib.Path and numpy.load, and keep several arrays as .npz."
        )


class NpzHandler(DataHandler):
    """A non-empty dict of exact str to exact arrays, as .npz; it comes back a plain dict."""

    types = "dicts of NumPy arrays"
    read_by = "NumPy and what reads its format"
    requires = ("numpy",)

    @property
    def extensions(self) -> list[str]:
        """Only .npz."""
        return [".npz"]

    @property
    def priority(self) -> int:
        """Just below the single array."""
        return 9

    def in_bundle(self) -> None:
        """Never: its arrays are members themselves."""

    def can_handle_data(self, data: Any) -> bool:
        """By the type of every key and value."""
        array = loaded_type("numpy", "ndarray")
        if array is None or type(data) is not dict or not data:
            return False
        return all(type(k) is str and type(v) is array for k, v in data.items())

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Shape and dtype of each array."""
        return arrays_header.arrays(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> dict[str, Any]:
        """Every member, in the order of the archive."""
        with open(file_path, "rb") as file, zipfile.ZipFile(file) as archive:
            check_members(archive, os.fstat(file.fileno()).st_size, self.ceiling)
            return {info.filename.removesuffix(".npy"): _read_member(archive, info) for info in archive.infolist()}

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the members one by one: `numpy.savez(**data)` loses names like "file"."""
        data = dict(data)  # another thread may change it meanwhile
        for name, array in data.items():
            _check_name(name)
            check_dtype(array)
        np = require("numpy")
        writing = failing_disk_is_an_os_error(file_path)
        with writing, zipfile.ZipFile(file_path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in data.items():
                with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    def preview(self, data: Any) -> Preview:
        """The number of arrays, and the first of them."""
        return records.mapping(data)


def check_dtype(array: Any) -> None:
    """Refuse what the header of a .npy file would not give back."""
    dtype = array.dtype
    if dtype.hasobject:
        raise UnsupportedFormatError("A NumPy file cannot hold Python objects. Give the array a numeric or text dtype.")
    lib = require("numpy").lib.format
    try:
        kept = lib.drop_metadata(dtype) is dtype and same_dtype(lib.descr_to_dtype(lib.dtype_to_descr(dtype)), dtype)
    except (TypeError, ValueError) as error:
        raise UnsupportedFormatError(f"A NumPy file cannot hold the dtype {dtype}: {error}. Convert it.") from error
    if not kept:
        raise UnsupportedFormatError(f"A NumPy file would not give the dtype {dtype} back. Convert it.")


def _check_name(name: str) -> None:
    if "\0" in name:
        raise UnsupportedFormatError(f"A .npz member cannot be named {name!r:.80}. Rename it.")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise UnsupportedFormatError(f"A .npz member cannot be named {name!r:.80}: not UTF-8. Rename it.") from error
    if size > 65_000:  # zip counts a name's length in 16 bits
        raise UnsupportedFormatError(f"A .npz member's name of {size} bytes is too long. Rename it.")


def check_members(archive: zipfile.ZipFile, file_size: int, ceiling: Ceiling) -> None:
    """Refuse archives that claim to be far larger than they are, before anything is read."""
    members = archive.infolist()
    if len({info.filename for info in members}) != len(members):
        raise CorruptDataError("The archive names a member twice. Look at it with as_type=bytes.")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in members):
        raise CorruptDataError("The archive uses a compression that NumPy never writes. Write it with NumPy.")
    if sum(info.compress_size for info in members) > file_size:
        raise CorruptDataError("The archive's members overlap. Look at it with as_type=bytes.")
    total = sum(info.file_size for info in members)
    ceiling.check(total, "The archive")
    if not ceiling.is_set and total > max(FREE_EXPANSION, MAX_EXPANSION * file_size):
        raise CorruptDataError(
            f"The archive of {file_size} bytes claims to hold {total}. If you trust it, pass max_read_bytes."
        )


def check_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Refuse a member whose header claims another size than it has."""
    with archive.open(info) as member:
        shape, _, dtype = _read_header(member)
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes + member.tell() != info.file_size:
            raise CorruptDataError(f"The member {info.filename!r:.80} is not as long as its header says.")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    check_array(archive, info)
    with archive.open(info) as member:
        lib = require("numpy").lib.format
        array = lib.read_array(member, allow_pickle=False, max_header_size=MAX_HEADER)
        member.read(1)  # reaching the end checks the CRC
        return array


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, Any]:
    lib = require("numpy").lib.format
    version = lib.read_magic(file)
    # Version 3 differs from 2 only in its encoding of field names, which do not matter for sizes.
    read = lib.read_array_header_1_0 if version == (1, 0) else lib.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=MAX_HEADER)
    if dtype.hasobject:
        raise CorruptDataError("The file holds pickled Python objects, which are never loaded from NumPy files.")
    if min(shape, default=0) < 0:  # which older versions of NumPy take for "as many as there are"
        raise CorruptDataError(f"The header says that the array has the shape {shape}.")
    return shape, fortran, dtype
