"""Writing and changing: from an object to a file under its key, again where somebody else wrote in between.

Nothing stored changes before a whole file of the new value lies in scratch; how it gets under
its key is the publisher's business.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, StorageBackend
from autostore.errors import InvalidConfigError, PreconditionFailedError, StorageError, compose
from autostore.handler import DataHandler
from autostore.handlers.registry import HandlerRegistry
from autostore.handlers.sending import send
from autostore.holding.patience import chance
from autostore.keys import Key, where
from autostore.mark import Mark
from autostore.naming.publishing import Publisher
from autostore.naming.resolution import Resolver
from autostore.store.loading import Loader

__all__ = ["Changer"]

STANDSTILL = 3
"""How often a change is refused though nobody seems to have written, before it is the place that refuses: on S3 the
same bytes have the same ETag, so that a rival who came and went does not show."""


class _Functions(threading.local):
    """The functions of `modify` that run in this thread, by key, and what each wrote under its own.

    One that writes its key makes its own change fail, as often as it is called.
    """

    def __init__(self) -> None:
        self._running: list[tuple[str, list[str]]] = []

    @contextlib.contextmanager
    def running(self, key: str) -> Iterator[list[str]]:
        """While a function runs; what it wrote under the key, filled meanwhile."""
        wrote: list[str] = []
        self._running.append((key, wrote))
        try:
            yield wrote
        finally:
            self._running.pop()

    def wrote(self, key: str) -> None:
        """Note a write."""
        for running, written in self._running:
            if running == key:
                written.append(key)


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
        self._functions = _Functions()

    def write(
        self,
        key: Key,
        data: Any,
        *,
        format: str | None = None,
        if_etag: str | None = None,
        if_absent: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> FileMetadata:
        """Keep an object, under at most one condition."""
        if if_etag is not None:
            written = self._write_over(key, data, format, if_etag, if_absent=if_absent, options=options)
        else:
            written = self._write(key, data, format, if_absent=if_absent, options=options)
        self._functions.wrote(key.text)
        return written

    def _write(
        self, key: Key, data: Any, format: str | None, *, if_absent: bool, options: Mapping[str, Any] | None
    ) -> FileMetadata:
        wanted = self._registry.agreed(key.text, format, key.extension, self._backend.uri)
        data = self._registry.streamed(data, wanted, key.text, self._backend.uri)
        if self._backend.receives and not if_absent:
            writer = self._registry.streamer(data, wanted)
            if writer is not None:
                return self._send(key, data, writer, options)
        with self._encoded(key, data, wanted, options) as (file, extension):
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
            with self._functions.running(key.text) as wrote:
                made = fn(value)  # what it raises is the user's own, also where it is one of our errors
            try:
                written = self._swap(key, seen, made)
            except PreconditionFailedError as error:
                refusals = 0 if self._has_changed(key, seen) and not wrote else refusals + 1
                if refusals == STANDSTILL and wrote:
                    raise _writes_itself(key.text, self._backend.uri) from error
                if refusals == STANDSTILL:
                    raise
            else:
                self._functions.wrote(key.text)
                return written
            time.sleep(chance(0, 0.001 * 2 ** min(attempt, 7)))
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

    def _send(
        self, key: Key, data: Any, writer: tuple[DataHandler, str], options: Mapping[str, Any] | None
    ) -> FileMetadata:
        """Write a value while it is computed; nothing is held meanwhile, and nothing of it seen."""
        path = key.path(writer[1], self._backend.uri)
        with self._backend.receive(path, mark=None if path == key.text else Mark.fresh(key.text)) as incoming:
            send(writer, data, incoming, where(key.text, self._backend.uri), options)
            return self._publisher.publish(key, path, incoming.publish, begun=incoming.mark)

    def _write_over(
        self,
        key: Key,
        data: Any,
        format: str | None,
        etag: str,
        *,
        if_absent: bool,
        options: Mapping[str, Any] | None,
    ) -> FileMetadata:
        if if_absent:
            raise InvalidConfigError("if_etag and if_absent exclude each other. Pass one of them.")
        held = self._resolver.held(key, etag)
        if held.path != key.text and held.mark is not None:  # looked up where several files answer
            self._publisher.settle(key, "write it")
        self._registry.agreed(key.text, format, key.extension_of(held.path), self._backend.uri)
        return self._swap(key, held, data, options)

    def _swap(self, key: Key, seen: FileMetadata, data: Any, options: Mapping[str, Any] | None = None) -> FileMetadata:
        """Replace the version that was seen, and nothing else; the format stays."""
        extension = key.extension_of(seen.path)
        data = self._registry.streamed(data, extension, key.text, self._backend.uri)
        with self._encoded(key, data, extension, options) as (file, _):
            mark = self._publisher.mark_beside(key, seen)
            swapped = self._backend.upload(file, seen.path, mark=mark, if_etag=seen.etag)
        self._resolver.agree(key, seen.path)
        return swapped

    def _current(self, key: Key, as_type: Any) -> tuple[Any, FileMetadata]:
        """The object, and the version of its file."""
        found = self._loader.load(key, as_type, versioned=True)
        assert found.version is not None
        return found.value, found.version

    def _has_changed(self, key: Key, seen: FileMetadata) -> bool:
        """Whether another writer is the reason of a refusal."""
        return self._resolver.locate(key).etag != seen.etag

    @contextlib.contextmanager
    def _encoded(
        self, key: Key, data: Any, extension: str, options: Mapping[str, Any] | None
    ) -> Iterator[tuple[Path, str]]:
        """A whole file of the object and its extension; removed at the end unless the backend took it."""
        place = where(key.text, self._backend.uri)
        try:
            files = self._backend.scratch_files()
        except StorageError as error:
            raise type(error)(f"{place}: {error}") from error
        with files:
            yield self._registry.encode(data, files, extension, place, options)


def _writes_itself(key: str, uri: str) -> PreconditionFailedError:
    problem = "The function of this modify writes the key itself, and so it is never done"
    return PreconditionFailedError(compose(problem, key=key, uri=uri, remedy="Let it return the value."))
