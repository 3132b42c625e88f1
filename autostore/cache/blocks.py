"""Pieces of remote files: kept beside whole copies, in the same folder, below the same limit.

A block is named by its version (the ETag), so that it is never stale; the last bytes of a file are
named by their place alone, and confirmed by whoever uses them.
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime

from autostore.backend import FileMetadata, StorageBackend
from autostore.cache.folder import CacheFolder
from autostore.cache.new_file import NewFile
from autostore.config import StorageConfig
from autostore.errors import StorageIOError
from autostore.holding.positions import read_at
from autostore.pieces.ranges import Span, Tail

__all__ = ["Blocks"]


class Blocks:
    """The pieces that one store keeps; without a cache it keeps nothing."""

    def __init__(self, backend: StorageBackend, config: StorageConfig) -> None:
        self._backend = backend
        self._room = CacheFolder(config) if config.cache_enabled else None

    def tail(self, path: str) -> Tail | None:
        """The last bytes, as they were seen last; to be confirmed."""
        found = self._read(self._name(path, "tail"))
        if found is None:
            return None
        data, metadata = found
        return Tail(metadata.etag, int(metadata.extra["size"]), data)

    def keep_tail(self, path: str, tail: Tail) -> None:
        """Keep the last bytes for the next look."""
        self._write(self._name(path, "tail"), tail.etag, tail.data, {"size": str(tail.size)})

    def get(self, path: str, etag: str, span: Span) -> bytes | None:
        """The bytes of a span of this version, if they are here and undamaged."""
        found = self._read(self._name(path, f"{etag}\n{span[0]}-{span[1]}"))
        return found[0] if found is not None and found[1].etag == etag else None

    def put(self, path: str, etag: str, span: Span, data: bytes) -> None:
        """Keep the bytes of a span."""
        self._write(self._name(path, f"{etag}\n{span[0]}-{span[1]}"), etag, data, {})

    def _name(self, path: str, piece: str) -> str:
        if self._room is None:
            return ""
        return hashlib.sha256(f"{self._backend.cache_id(path)}\n{piece}".encode()).hexdigest()

    def _read(self, name: str) -> tuple[bytes, FileMetadata] | None:
        if self._room is None:
            return None
        with contextlib.suppress(OSError, StorageIOError):
            held = self._room.held(self._room.folder(name))
            if held is not None:
                entry, descriptor = held
                with descriptor:
                    self._room.used(self._room.folder(name))
                    return read_at(descriptor.fileno(), entry.size, 0), entry.metadata("")
        return None

    def _write(self, name: str, etag: str, data: bytes, extra: dict[str, str]) -> None:
        if self._room is None:
            return
        described = FileMetadata("", len(data), etag, datetime.now(UTC), extra=extra)
        with contextlib.suppress(OSError, StorageIOError):  # the cache's disk is full, or fails: nobody needs it
            folder = self._room.folder(name)
            with NewFile(folder) as new:
                file = new.create()
                if file is not None:
                    file.write_bytes(data)
                    self._room.keep(folder, file, described)
