"""Writing and changing: from an object to a file under its key, again where somebody else wrote in between.

Nothing stored changes before a whole file of the new value lies in scratch; how it gets under
its key is the publisher's business.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, StorageBackend
from autostore.errors import InvalidConfigError, PreconditionFailedError, StorageError
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key, where
from autostore.mark import Mark
from autostore.naming.publishing import Publisher
from autostore.naming.resolution import Resolver
from autostore.store.loading import Loader

__all__ = ["Changer"]

STANDSTILL = 3
"""How often a change is refused though nobody seems to have written, before it is the place that refuses: on S3 the
same bytes have the same ETag, so that a rival who came and went does not show."""


class Changer:
    """Writes, replaces and takes objects of one store."""

    def __init__(
        self,
        backend: StorageBackend,
        registry: HandlerRegistry,
        resolver: Resolver,
        publisher: Publisher,
        loader: Loader,
    ) -> None:
        self._backend = backend
        self._registry = registry
        self._resolver = resolver
        self._publisher = publisher
        self._loader = loader

    def write(
        self, key: Key, data: Any, *, format: str | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Keep an object, under at most one condition."""
        if if_etag is not None:
            return self._write_over(key, data, format, if_etag, if_absent=if_absent)
        wanted = self._registry.agreed(key.text, format, key.extension, self._backend.uri)
        with self._encoded(key, data, wanted) as (file, extension):
            path = key.path(extension, self._backend.uri)

            def put(mark: Mark | None) -> FileMetadata:
                return self._backend.upload(file, path, mark=mark, if_absent=if_absent)

            return (self._publisher.create if if_absent else self._publisher.publish)(key, path, put)

    def modify(self, key: Key, fn: Callable[[Any], object], as_type: Any = None) -> FileMetadata:
        """Replace the object by `fn(object)`, until nobody else wrote meanwhile."""
        attempt = refusals = 0
        while True:
            self._resolver.forget(key)  # the remembered file may be one that a writer replaced, and died
            value, seen = self._current(key, as_type)
            try:
                return self._swap(key, seen, fn(value))
            except PreconditionFailedError:
                refusals = 0 if self._has_changed(key, seen) else refusals + 1
                if refusals == STANDSTILL:
                    raise
            time.sleep(random.uniform(0, 0.001 * 2 ** min(attempt, 7)))  # noqa: S311 - spreads rivals, keeps no secret
            attempt += 1

    def take(self, key: Key, as_type: Any = None) -> Any:
        """Read and remove one version of an object."""
        refusals = 0
        while True:
            value, seen = self._current(key, as_type)
            try:
                self._publisher.remove(key, if_etag=seen.etag)
            except PreconditionFailedError:
                refusals = 0 if self._has_changed(key, seen) else refusals + 1
                if refusals == STANDSTILL:
                    raise
            else:
                return value

    def _write_over(self, key: Key, data: Any, format: str | None, etag: str, *, if_absent: bool) -> FileMetadata:
        if if_absent:
            raise InvalidConfigError("if_etag and if_absent exclude each other. Pass one of them.")
        held = self._resolver.held(key, etag)
        self._registry.agreed(key.text, format, key.extension_of(held.path), self._backend.uri)
        return self._swap(key, held, data)

    def _swap(self, key: Key, seen: FileMetadata, data: Any) -> FileMetadata:
        """Replace the version that was seen, and nothing else; the format stays."""
        with self._encoded(key, data, key.extension_of(seen.path)) as (file, _):
            mark = self._publisher.mark_beside(key, seen)
            return self._backend.upload(file, seen.path, mark=mark, if_etag=seen.etag)

    def _current(self, key: Key, as_type: Any) -> tuple[Any, FileMetadata]:
        """The object, and the version of its file."""
        found = self._loader.load(key, as_type, versioned=True)
        assert found.version is not None
        return found.value, found.version

    def _has_changed(self, key: Key, seen: FileMetadata) -> bool:
        """Whether another writer is the reason of a refusal."""
        return self._resolver.locate(key).etag != seen.etag

    @contextlib.contextmanager
    def _encoded(self, key: Key, data: Any, extension: str) -> Iterator[tuple[Path, str]]:
        """A whole file of the object and its extension; removed at the end unless the backend took it."""
        place = where(key.text, self._backend.uri)
        try:
            files = self._backend.scratch_files()
        except StorageError as error:
            raise type(error)(f"{place}: {error}") from error
        with files:
            yield self._registry.encode(data, files, extension, place)
