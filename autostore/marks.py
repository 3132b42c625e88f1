"""The marks of a local store: which of its files were written under a bare key.

A mark is a small file below `<root>/.autostore/marks/`, named after a hash of the path and
holding the path; its time is the modification time of the data file, so overwriting a value
in its format writes no mark. A lost mark means that the store refuses to replace the file by
one of another format; it never means that data is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os

__all__ = ["LocalMarks"]


class LocalMarks:
    """The set of marked paths below one root; callers hold the lock of the path's folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def _file(self, path: str) -> str:
        name = hashlib.blake2b(path.encode(), digest_size=16).hexdigest()
        return f"{self._folder}/{name[:2]}/{name[2:]}"

    def has(self, path: str) -> bool:
        """Whether this path was written under a bare key."""
        return os.access(self._file(path), os.F_OK)

    def add(self, path: str, *, durable: bool = False) -> None:
        """Mark a path; nothing is written where it is marked already."""
        file = self._file(path)
        if os.access(file, os.F_OK):
            return
        try:
            _write(file, path, durable)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(file), exist_ok=True)
            _write(file, path, durable)

    def discard(self, path: str) -> None:
        """Take the mark away, where there is one."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._file(path))


def _write(file: str, path: str, durable: bool) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, path.encode())
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if durable:
        folder = os.open(os.path.dirname(file), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
