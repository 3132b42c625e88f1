"""A `pathlib.Path` under a name with an extension: the bytes of the file that it names, whatever they are.

The file is read in blocks, once; a link is followed. What is no file, or changes while it is read, is an error
before anything is stored.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from autostore.errors import StorageIOError, StoragePermissionError, UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.holding.descriptors import opened
from autostore.preview import Preview

__all__ = ["FileHandler", "copy_into", "is_path"]

_BLOCK = 1 << 20
_Path = type(Path())


def is_path(data: Any) -> bool:
    """Whether this is a path of this machine, exactly as pathlib makes them."""
    return type(data) is _Path


class FileHandler(DataHandler):
    """Files of this machine, by their `pathlib.Path`; asked where nobody else takes one for a value."""

    @property
    def extensions(self) -> list[str]:
        """Those of all others."""
        return []

    def can_handle_data(self, data: Any) -> bool:
        """Exact paths."""
        return is_path(data)

    def can_stream(self, data: Any) -> bool:
        """Always: a file is sent block by block."""
        return True

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """Never asked: the handler of the extension reads what lies there."""
        raise AssertionError

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Copy the file."""
        with open(file_path, "wb") as target:
            self.write_to_stream(data, target, file_extension)

    def write_to_stream(self, data: Any, stream: BinaryIO, file_extension: str) -> None:
        """The same, as it is read."""
        copy_into(data, stream)

    def preview(self, data: Any) -> Preview:
        """Its name and its size."""
        try:
            return {"file": data.name, "bytes": data.stat().st_size}
        except OSError:
            return {"file": data.name}


def copy_into(source: Path, target: BinaryIO) -> None:
    """All bytes of a file as it is at one moment, in flat memory."""
    try:
        # A FIFO that nobody writes to would else be waited for.
        descriptor = opened(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        _refuse(source, error)
    with descriptor:
        before = os.fstat(descriptor.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise _no_file(source, before.st_mode)
        count = 0
        while block := _block(source, descriptor.fileno()):
            target.write(block)
            count += len(block)
        after = os.fstat(descriptor.fileno())
    if count != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise StorageIOError(f"The file {str(source)!r} was changed while it was read. Write it when it is whole.")


def _block(source: Path, descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _BLOCK)
    except OSError as error:
        raise StorageIOError(f"The file {str(source)!r} cannot be read: {error.strerror}. Check its disk.") from error


def _refuse(source: Path, error: OSError | ValueError) -> NoReturn:
    name = repr(str(source))
    if isinstance(error, PermissionError):
        raise StoragePermissionError(f"The file {name} may not be read. Check its permissions.") from error
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        problem = f"There is no file {name} on this machine, seen from {os.getcwd()!r}"
        raise StorageIOError(f"{problem}. Correct the path.") from error
    said = error.strerror if isinstance(error, OSError) else error
    raise StorageIOError(f"The file {name} cannot be opened: {said}. Correct the path.") from error


def _no_file(source: Path, mode: int) -> UnsupportedFormatError:
    if stat.S_ISDIR(mode):
        remedy = "Give the key a name that ends in .tar, or store its files one by one"
        return UnsupportedFormatError(f"{str(source)!r} is a folder. {remedy}.")
    return UnsupportedFormatError(f"{str(source)!r} is no file, but a device or a pipe. Store what it gives as bytes.")
