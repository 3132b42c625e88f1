"""How a value gets under its key: one key holds one object, and nobody else's file is touched.

A bare key may change its format, and then two files exist for a moment:

    look      which files answer to the key, and were they written under it (their marks)?
    refuse    if another one was not: it is somebody else's
    publish   the new file, with a mark later than all that were seen
    remove    the marked others, each only while it is still the version that was seen

Readers choose the latest mark, so each step leaves a readable key, and a crash leaves the old
value or the new. Where the backend has locks, all of it happens under one. Where it has none
(S3), two writers can interleave, and no write deletes a file that a later one published:
deleting another's file needs a look at it after publishing one's own, and two writers cannot
both have looked before the other published. `tests/model_publishing.py` walks through all
interleavings of two and three writers, with a crash at every step.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable

from autostore.backend import FileMetadata, Mark, StorageBackend, exists_already
from autostore.errors import PreconditionFailedError
from autostore.resolution import Resolver, ambiguous, newest_marked

__all__ = ["Publisher"]

ATTEMPTS = 8

Put = Callable[[Mark | None], FileMetadata]
"""Publishes one file, with this mark (None: under its full name), and returns its metadata."""


class Publisher:
    """The protocol of writing and removing, over any backend."""

    def __init__(self, backend: StorageBackend, resolver: Resolver) -> None:
        self._backend = backend
        self._resolver = resolver

    def publish(self, key: str, path: str, put: Put, *, touching: tuple[str, ...] = ()) -> FileMetadata:
        """Put a file at `path` so that it becomes the value of `key`; `touching` others, as a move does."""
        if path == key:
            return put(None)
        # All locks at once and in the backend's own order, so that two moves never wait for each other.
        with self._backend.lock(path, *touching):
            others, after = self._replaceable(key, path)
            published = put(Mark.fresh(after=after))
            for other in others:
                self._remove_seen(other)
        self._resolver.remember(key, path)
        return published

    def create(self, key: str, path: str, put: Put) -> FileMetadata:
        """Put a file at `path` if nothing answers to `key`; of several at once, one at most succeeds."""
        if path == key:
            return put(None)
        for attempt in range(ATTEMPTS):
            with self._backend.lock(path):
                if self._resolver.candidates(key):
                    break
                created = put(Mark.fresh())
                rivals = [file for file in self._resolver.candidates(key) if file.path != path]
                if not rivals:
                    self._resolver.remember(key, path)
                    return created
                # Another writer took the key in another format: whoever sees the other yields.
                with contextlib.suppress(PreconditionFailedError):
                    self._backend.delete(path, if_etag=created.etag)
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - spreads rivals, keeps no secret
        raise exists_already(key, self._backend.uri)

    def remove(self, key: str, path: str | None = None, *, if_etag: str | None = None) -> None:
        """Remove the file at `path`, or with None every file that was written under the bare key."""
        self._resolver.forget(key)
        if path is not None:
            self._backend.get_metadata(path)
            self._backend.delete(path, if_etag=if_etag)
            return
        with self._backend.lock(key, make=False):
            value = self.settle(key, "delete it")
            self._backend.delete(value.path, if_etag=if_etag)

    def settle(self, key: str, doing: str = "read it") -> FileMetadata:
        """The file of a bare key, after removing what a crashed writer left beside it.

        Otherwise the old value would come back once the new one is deleted or moved away.
        """
        files = self._resolver.candidates(key)
        value = self._resolver.choose(key, files, doing)
        if len(files) > 1:
            for file in self._resolver.detail(files):
                if file.mark is not None and file.path != value.path:
                    self._remove_seen(file)
        return value

    def _replaceable(self, key: str, path: str) -> tuple[list[FileMetadata], int]:
        """The files that this write replaces, and the time that its mark must exceed."""
        files = self._resolver.candidates(key)
        if all(file.path == path for file in files):
            return [], 0
        detailed = self._resolver.detail(files)
        marked = [file for file in detailed if file.mark is not None]
        if len(marked) < len(detailed) and not any(file.path == path for file in marked):
            raise ambiguous(key, self._backend.uri, detailed, f"write {path!r}")
        newest = newest_marked(marked)
        after = newest.mark.time_ns if newest is not None and newest.mark is not None else 0
        return [file for file in marked if file.path != path], after

    def _remove_seen(self, file: FileMetadata) -> None:
        # Changed meanwhile: it is a later writer's value, and that writer removes ours.
        with contextlib.suppress(PreconditionFailedError):
            self._backend.delete(file.path, if_etag=file.etag)
