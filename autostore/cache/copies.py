"""A file on this machine for every path: the backend's own, a confirmed copy from the cache, or a download."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from autostore.backend import FileMetadata, StorageBackend
from autostore.cache.entry import Entry
from autostore.cache.folder import CacheFolder
from autostore.cache.new_file import NewFile
from autostore.config import StorageConfig
from autostore.disk.failures import disk_errors_are_typed
from autostore.errors import StorageIOError, from_os_error
from autostore.holding.descriptors import Descriptor, opened
from autostore.keys import where

__all__ = ["Copies"]


class Copies:
    """Hands out files to read, and removes what it downloaded once it is not needed."""

    def __init__(self, backend: StorageBackend, config: StorageConfig) -> None:
        self._backend = backend
        self._room = CacheFolder(config) if config.cache_enabled else None

    def open(self, path: str, extension: str) -> AbstractContextManager[tuple[Path, FileMetadata | None]]:
        """A file with the bytes at `path`, readable until the block ends, and their metadata.

        The metadata is None where the file is the backend's own, which may be replaced
        meanwhile; of a copy that was only confirmed, all but the ETag is as of when it was
        fetched. Whoever wants the bytes for longer keeps a descriptor.
        """
        own = self._backend.local_file(path)
        return contextlib.nullcontext((own, None)) if own is not None else self._fetched(path, extension)

    @contextlib.contextmanager
    def _fetched(self, path: str, extension: str) -> Iterator[tuple[Path, FileMetadata | None]]:
        with contextlib.ExitStack() as stack:
            copy = None
            with contextlib.suppress(StorageIOError):  # the cache's disk is full, or fails: nobody needs it
                copy = self._cached(path, stack)
            name = stack.enter_context(self._backend.scratch_file(extension))
            if copy is None:
                yield name, self._backend.download(path, name)
            else:
                yield _pinned(copy, name), copy.metadata

    def stream(self, file: Path, path: str) -> BufferedReader:
        """The file that `open` gave for `path`, open to be read; `FileNotFoundError` where it is gone by now."""
        try:
            return open(file, "rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise from_os_error(error, where(path, self._backend.uri)) from error

    def cleanup(self) -> tuple[int, int]:
        """Drop expired copies and the least recently used above the limit: (copies, bytes) removed."""
        return (0, 0) if self._room is None else self._room.clean()

    def _cached(self, path: str, stack: contextlib.ExitStack) -> _OpenCopy | None:
        """The copy in the cache, confirmed or replaced by one conditional GET; None where there is no cache."""
        if self._room is None:
            return None
        folder = self._room.folder(hashlib.sha256(self._backend.cache_id(path).encode()).hexdigest())
        new = stack.enter_context(NewFile(folder)).create()
        if new is None:
            return None
        held = self._room.held(folder)
        if held is None:
            with self._room.first_download(folder) as lock:
                if not lock.busy:
                    return self._confirmed(path, folder, new, None, stack)
            self._room.wait_for_download(folder)
            held = self._room.held(folder)
        return self._confirmed(path, folder, new, held, stack)

    def _confirmed(
        self, path: str, folder: Path, new: Path, held: tuple[Entry, Descriptor] | None, stack: contextlib.ExitStack
    ) -> _OpenCopy:
        assert self._room is not None
        if held is not None:
            stack.callback(held[1].close)
        found = self._backend.download(path, new, unless_etag=None if held is None else held[0].etag)
        if found is None:
            assert held is not None
            entry, descriptor = held
            self._room.used(folder)
            return _OpenCopy(descriptor, folder / entry.payload, entry.metadata(path))
        with disk_errors_are_typed(f"the cached copy of key {path!r} in {self._backend.uri}"):
            descriptor = opened(new, os.O_RDONLY)
        stack.callback(descriptor.close)
        return _OpenCopy(descriptor, self._room.keep(folder, new, found), found)


class _OpenCopy(NamedTuple):
    """A copy in the cache; it may be evicted at any time."""

    descriptor: Descriptor
    file: Path
    metadata: FileMetadata


def _pinned(copy: _OpenCopy, name: Path) -> Path:
    """The new `name` for the copy, which stays readable even if the file is evicted meanwhile."""
    target = f"/proc/{os.getpid()}/fd/{copy.descriptor.fileno()}"
    try:
        os.stat(target)
        os.symlink(target, name)
    except OSError:  # not Linux: the file itself, for the moment until it is opened
        return copy.file
    return name
