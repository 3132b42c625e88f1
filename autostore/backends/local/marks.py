"""The marks of a local store: which of its files were written under a bare key.

The marks of one key are one small file below `<root>/.autostore/marks/`, named after a hash of
the key: a line for each extension under which the key was written, one as a rule. Their time
is the modification time of the data file, so overwriting a value in its format writes no
mark, and reading a key looks at one small file instead of once per extension. Lost marks mean
that the store refuses to replace the file by one of another format, never that data is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator

from autostore.backends.local.own import IN_THE_WAY, OwnFolder
from autostore.disk.sync import fsync
from autostore.holding.descriptors import opened
from autostore.mark import Mark

__all__ = ["LocalMarks"]

FOLDER = "marks"

# No key is a thousand extensions long; what is larger is not ours.
LARGEST = 4096

ATTEMPTS = 5
"""How often a folder that somebody removes is made anew."""


class LocalMarks:
    """The marked extensions of each key below one root; writers hold the lock of the key's folder."""

    def __init__(self, own: OwnFolder) -> None:
        self._own, self._folder = own, own.at(FOLDER)

    def of(self, key: str) -> list[str]:
        """The extensions under which this bare key was written; their files may be gone."""
        return _read(self._file(key))

    def has(self, path: str) -> bool:
        """Whether this path was written under a bare key."""
        return any(extension in self.of(key) for key, extension in _splits(path))

    def time(self, mark: Mark | None, path: str, root: str, old: os.stat_result | None) -> int | None:
        """When (ns) a file that gets this mark was written, at least: the mark's time is the file's.

        What replaces exactly one version has the mark of that (`Mark.renewed`), so that a rival's of another format is
        the later one; where there is none the file is written now, and not then.
        """
        if mark is None:
            return None
        if old is None or mark.time_ns > old.st_mtime_ns:
            return mark.time_ns
        others = {mark.key + extension for extension in self.of(mark.key)} - {path}
        beside = any(os.path.lexists(f"{root}/{other}") for other in others)
        return mark.time_ns if beside else time.time_ns()

    def add(self, key: str, extension: str, *, durable: bool = False) -> None:
        """Mark a file of a key; nothing is written where it is marked already."""
        file = self._file(key)
        if extension in _read(file):
            return
        self._own.check(FOLDER)
        for _ in range(ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                _append(file, extension, durable)
                return
            with contextlib.suppress(FileNotFoundError):  # somebody removes what is made here
                os.makedirs(os.path.dirname(file), exist_ok=True)
        _append(file, extension, durable)

    def discard(self, path: str) -> None:
        """Take the mark of a path away, where there is one."""
        for key, extension in _splits(path):
            file = self._file(key)
            marked = _read(file)
            if extension in marked:
                self._own.check(FOLDER)
                with contextlib.suppress(FileNotFoundError):  # somebody removed all marks, this one too
                    _rewrite(file, [other for other in marked if other != extension])

    def _file(self, key: str) -> str:
        name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        return f"{self._folder}/{name}"


def _splits(path: str) -> Iterator[tuple[str, str]]:
    """Every way to read a path as key and extension: `a.pydantic.json` is two."""
    dot = path.find(".", path.rfind("/") + 2)
    while dot != -1:
        yield path[:dot], path[dot:]
        dot = path.find(".", dot + 1)


def _read(file: str) -> list[str]:
    try:
        # Not waiting, should it be a pipe.
        with opened(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW) as descriptor:
            return os.read(descriptor.fileno(), LARGEST).decode("utf-8", "replace").split()
    except FileNotFoundError:
        return []
    except OSError as error:
        if error.errno in IN_THE_WAY:  # no mark: whoever lays one says what stands there
            return []
        raise


def _append(file: str, extension: str, durable: bool) -> None:
    # One short write: a crash leaves the line there whole, or not at all.
    with opened(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW) as descriptor:
        os.write(descriptor.fileno(), f"{extension}\n".encode())
        if durable:
            os.fsync(descriptor.fileno())
    if durable:
        fsync(os.path.dirname(file))


def _rewrite(file: str, extensions: list[str]) -> None:
    if not extensions:
        os.unlink(file)
        return
    new = f"{file}.new"  # the folder's lock is held, so nobody else writes this name
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    try:
        for extension in extensions:
            _append(new, extension, durable=False)
        os.replace(new, file)
    except BaseException:  # Ctrl-C leaves no file behind
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
