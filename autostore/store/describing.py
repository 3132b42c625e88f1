"""Looking at what is stored without loading it: one object, a listing, the formats."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import sys
from collections.abc import Iterator
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import BinaryIO

from autostore.backend import FileMetadata, not_found
from autostore.errors import InvalidConfigError, PreconditionFailedError, StorageError, StorageFileNotFoundError
from autostore.handler import DataHandler
from autostore.handlers.registry import HandlerRegistry
from autostore.headers.header import Header
from autostore.info.values import Entry, Format, Formats, Info, Tree
from autostore.keys import Key, check_prefix, uri_below, where
from autostore.naming.resolution import Resolver
from autostore.optional import install_target, require_installed
from autostore.parallel import in_order
from autostore.scans.fetching import Opener
from autostore.scans.streams import stream_of

__all__ = ["Describer"]

ATTEMPTS = 5
"""How often a look begins again when the file was replaced before it was opened."""

FETCHED_WHOLE = 64 * 1024 * 1024
"""Bytes of the largest file that is fetched for its header where the place hands out no pieces."""


class Describer:
    """Looks at the objects of one store."""

    def __init__(self, opener: Opener, registry: HandlerRegistry, resolver: Resolver, root: str = "") -> None:
        backend = opener.backend
        self._opener = opener
        self._backend = backend
        self._root = root
        self.uri = uri_below(backend.uri, root)
        self._registry = registry
        self._resolver = resolver

    def info(self, key: Key) -> Info:
        """Of one version: file and header."""
        for _ in range(ATTEMPTS):
            found = self._resolver.locate(key)
            extension = key.extension_of(found.path)
            try:
                header = self._header(found, extension, where(key.text, self._backend.uri))
            except (StorageFileNotFoundError, _Replaced):
                continue
            return self._told(key, found, extension, header)
        raise not_found(key.text, self._backend.uri)

    def _told(self, key: Key, found: FileMetadata, extension: str, header: Header) -> Info:
        return Info(
            **{one.name: getattr(header, one.name) for one in dataclasses.fields(Header)},
            key=self._own(key.text),
            uri=self.uri,
            path=self._own(found.path),
            format=extension,
            size=found.size,
            etag=found.etag,
            modified_time=found.modified_time,
            content_type=found.content_type,
            engine=self._backend.engine or None,
        )

    def _own(self, name: str) -> str:
        """A key or path as whoever looks names it."""
        return name[len(self._root) :]

    def entries(self, prefix: str) -> Iterator[Entry]:
        """What is stored, with size and time, in one listing."""
        for listed in self._resolver.keys(self._root + check_prefix(prefix, self.uri)):
            file = listed.file
            yield Entry(
                key=self._own(listed.key), path=self._own(file.path), format=listed.extension, size=file.size,
                modified_time=file.modified_time, etag=file.etag,
            )  # fmt: skip

    def tree(self, prefix: str, limit: int | None, *, headers: bool) -> Tree:
        """The entries below a prefix; with `headers` each is looked at."""
        if limit is not None and not (isinstance(limit, Integral) and limit >= 0):
            raise InvalidConfigError(f"limit={limit!r:.100} is no number of keys. Pass one, such as 100, or None.")
        entries = self.entries(prefix)
        found = list(entries if limit is None else islice(entries, min(limit, sys.maxsize - 1) + 1))
        is_cut = limit is not None and len(found) > limit
        kept = found[:limit]
        if headers:
            kept = list(in_order(self._detailed, kept, self._backend.concurrency))
        return Tree(self.uri, prefix[: prefix.rfind("/") + 1], kept, is_cut)

    def formats(self) -> Formats:
        """Every handler."""
        return Formats(
            _format(handler, tuple(extensions)) for handler, extensions in self._registry.formats() if extensions
        )

    def _detailed(self, entry: Entry) -> Entry:
        file = FileMetadata(self._root + entry.path, entry.size, entry.etag, entry.modified_time)
        try:
            header = self._header(file, entry.format, where(entry.key, self._backend.uri))
        except (StorageFileNotFoundError, _Replaced):
            return entry
        except StorageError as error:
            return dataclasses.replace(entry, problem=type(error).__name__)
        return dataclasses.replace(entry, header=header)

    def _header(self, found: FileMetadata, extension: str, place: str) -> Header:
        with self._opened(found, extension) as file:
            return Header() if file is None else self._registry.header(file, Path(found.path), extension, place)

    @contextlib.contextmanager
    def _opened(self, found: FileMetadata, extension: str) -> Iterator[BinaryIO | None]:
        """The file of exactly this version, open; None where looking would take too much."""
        try:
            pinned = self._opener.look(found, extension, most=FETCHED_WHOLE)
            if pinned is None:
                yield None
                return
            with contextlib.closing(pinned):
                yield stream_of(pinned)
        except PreconditionFailedError as error:
            raise _Replaced from error


class _Replaced(Exception):  # noqa: N818 - an event, not an error: the look begins again
    """Another version lies there by now."""


def _format(handler: DataHandler, extensions: tuple[str, ...]) -> Format:
    """What a handler says of itself."""
    cls = type(handler)
    summary = _first_line(cls)
    return Format(
        name=cls.__name__,
        extensions=extensions,
        is_inferred=not handler.explicit_only and any(one in handler.extensions for one in extensions),
        is_available=all(map(_is_installed, handler.requires)),
        summary=summary,
        types=handler.types or summary,
        lossy={extension: handler.lossy[extension] for extension in extensions if extension in handler.lossy},
        install=handler.install or " ".join(map(install_target, handler.requires)),
        read_by=handler.read_by,
        preview="" if cls.preview is DataHandler.preview else _first_line(cls.preview).partition(";")[0].rstrip("."),
    )


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _is_installed(library: str) -> bool:
    try:
        require_installed(library)
    except ImportError:
        return False
    return True
