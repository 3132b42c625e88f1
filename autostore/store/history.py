"""Reading the past of a key: its versions, one of them by id or by time, and bringing one back.

The current value is looked at first and its versions are listed after that: whatever is replaced in between is found
in one place or the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from autostore.backend import FileMetadata, StorageBackend
from autostore.errors import (
    InvalidConfigError,
    StorageError,
    StorageFileNotFoundError,
    compose,
)
from autostore.handlers.registry import HandlerRegistry
from autostore.handlers.verdicts import FileGone
from autostore.keys import Key
from autostore.mark import Mark
from autostore.naming.publishing import Publisher
from autostore.naming.resolution import Resolver
from autostore.naming.versions import (
    Kept,
    in_nanoseconds,
    is_version_id,
    kept_files,
    moment,
    note_path,
    shelf,
    version_id,
    version_path,
)
from autostore.parallel import in_order
from autostore.store.loading import Loader
from autostore.store.version import Version

__all__ = ["Fetches", "History", "shelves"]

ATTEMPTS = 50
"""How often what vanished between two looks is looked for again."""


class Fetches(Protocol):
    """Whatever hands out the bytes of versions."""

    def fetch(self, key: Key, name: str, file: Path) -> tuple[str, str]:
        """See `History.fetch`."""


class _Past(NamedTuple):
    """What a key has and had: (id, file) of the value now and of what a crash left beside it, and its shelves."""

    now: list[tuple[str, FileMetadata]]
    kept: list[Kept]

    def versions(self) -> list[Kept]:
        """Versions that are not the file of a value now."""
        there = {name for name, _ in self.now}
        return [kept for kept in self.kept if kept.is_version and kept.id not in there]


class History:
    """The past of the keys of one store; `place` is where its files lie, below all that keeps and changes them."""

    def __init__(
        self,
        place: StorageBackend,
        backend: StorageBackend,
        *,
        registry: HandlerRegistry,
        resolver: Resolver,
        publisher: Publisher,
        loader: Loader,
    ) -> None:
        self._place = place
        self._backend = backend
        self._registry = registry
        self._resolver = resolver
        self._publisher = publisher
        self._loader = loader

    def versions(self, key: Key) -> list[Version]:
        """Every value of the key, newest first, the one that it has now before all others."""
        past = self._past(key)
        noted = {kept.id: kept.file.path for kept in past.kept if not kept.is_version and kept.deleted is None}
        found = [(name, file, number == 0) for number, (name, file) in enumerate(past.now)]
        found += [(kept.id, kept.file, False) for kept in past.versions()]
        found.sort(key=lambda entry: (entry[2], _written(entry[0]), entry[0]), reverse=True)
        notes = in_order(lambda entry: self._note(noted.get(entry[0])), found, self._place.concurrency)
        return [
            Version(name, moment(_written(name)), file.size, file.etag, note, current, file.path)
            for (name, file, current), note in zip(found, notes, strict=True)
        ]

    def load(self, key: Key, name: str | None, at: datetime | None, as_type: Any) -> Any:
        """The value of a version, or what the key had at a moment."""
        if at is None:
            return self._load(key, name, as_type)
        if name is not None:
            raise InvalidConfigError("version and at exclude each other. Pass one of them.")
        if not isinstance(at, datetime) or at.tzinfo is None:
            problem = f"at={at!r} does not say in which time zone"
            raise InvalidConfigError(compose(problem, remedy="Pass an aware datetime, such as datetime.now(UTC)."))
        for attempt in range(ATTEMPTS):
            name = self._id_at(key, in_nanoseconds(at) + 999)
            try:
                return self._load(key, name, as_type)
            except StorageFileNotFoundError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    def restore(self, key: Key, name: str) -> FileMetadata:
        """Make a version the value again, by a copy of its bytes; of the value itself nothing is written."""
        found = self._find(key, name)
        if isinstance(found, FileMetadata):
            return found
        stem, kept = found
        path = self._path_of(key, stem, kept.extension)

        def put(mark: Mark | None) -> FileMetadata:
            return self._backend.copy(kept.file.path, path, mark=mark)

        try:
            return self._publisher.publish(key, path, put)
        except StorageFileNotFoundError as error:
            raise self._no_version(key, name) from error  # pruned meanwhile

    def fetch(self, key: Key, name: str, file: Path) -> tuple[str, str]:
        """Write the bytes of a version into `file`; its stem and extension."""
        found = self._find(key, name)
        if isinstance(found, FileMetadata):
            self._place.download(found.path, file)
            return self._registry.split(found.path)
        stem, kept = found
        self._place.download(kept.file.path, file)
        return stem, kept.extension

    def adopt(self, key: Key, name: str, other: Fetches) -> FileMetadata:
        """Restore a version that lies in another store."""
        with self._place.scratch_file() as file:
            stem, extension = other.fetch(key, name, file)
            path = self._path_of(key, stem, extension)

            def put(mark: Mark | None) -> FileMetadata:
                return self._backend.upload(file, path, mark=mark)

            return self._publisher.publish(key, path, put)

    def note(self, written: FileMetadata, note: str) -> None:
        """Lay a note beside the versions, for the one that was just written."""
        stem = self._registry.split(written.path)[0]
        with self._place.scratch_file() as file:
            file.write_text(note, encoding="utf-8", errors="surrogatepass")
            self._place.upload(file, note_path(stem, version_id(self._place, written)))

    def _load(self, key: Key, name: object, as_type: Any) -> Any:
        for _ in range(ATTEMPTS):
            found = self._find(key, name)
            now = isinstance(found, FileMetadata)
            path = found.path if isinstance(found, FileMetadata) else found[1].file.path
            extension = key.extension_of(path) if isinstance(found, FileMetadata) else found[1].extension
            try:
                value = self._loader.load_file(key.text, path, extension, as_type).value
                # What was read as the value now must still be it; else it lies among the versions.
                if not now or any(name == there for there, _ in self._now(key)):
                    return value
            except (StorageFileNotFoundError, FileGone):
                continue
        raise self._no_version(key, name)

    def _find(self, key: Key, name: object) -> FileMetadata | tuple[str, Kept]:
        """The file of the value now, or a version with its stem; its name is its id, so nothing else is listed."""
        for _ in range(2 if is_version_id(name) else 0):
            for stem, extension in shelves(key, self._registry):
                for kept in kept_files(self._place.list_own(version_path(stem, str(name), extension or ""))):
                    if kept.is_version and kept.id == name and extension in (None, kept.extension):
                        return stem, kept
            for there, file in self._now(key):
                if there == name:
                    return file
        raise self._no_version(key, name)

    def _past(self, key: Key) -> _Past:
        now = self._now(key)
        kept = [
            kept
            for stem, extension in shelves(key, self._registry)
            for kept in kept_files(self._place.list_own(shelf(stem)))
            if extension in (None, kept.extension) or not (kept.is_version or kept.deleted is not None)
        ]
        return _Past(now, kept)

    def _now(self, key: Key) -> list[tuple[str, FileMetadata]]:
        """The file of the value first, then those that a crash left beside it; again where one vanished."""
        if key.names_file is not False:
            with contextlib.suppress(StorageFileNotFoundError):
                named = self._place.get_metadata(key.text)
                return [(version_id(self._place, named), named)]
        for _ in range(0 if key.names_file else ATTEMPTS):
            files = self._resolver.candidates(key)
            detailed = self._resolver.detail(files)
            if len(files) == len(detailed):
                break
        if key.names_file or not detailed:
            return []
        value = self._resolver.choose(key, detailed)
        beside = [file for file in detailed if file.mark is not None and file.path != value.path]
        return [(version_id(self._place, file), file) for file in (value, *beside)]

    def _id_at(self, key: Key, at: int) -> str:
        past = self._past(key)
        ids = {name for name, _ in past.now} | {kept.id for kept in past.versions()}
        newest = max(((_written(name), name) for name in ids if _written(name) <= at), default=(0, ""))[1]
        gone = {kept.id for kept in past.kept if kept.deleted is not None and kept.deleted <= at}
        if not newest or newest in gone - {name for name, _ in past.now}:
            problem, remedy = "Nothing was stored here at that time", "store.versions(key) lists what was, and when."
            raise StorageFileNotFoundError(compose(problem, key=key.text, uri=self._place.uri, remedy=remedy))
        return newest

    def _path_of(self, key: Key, stem: str, extension: str) -> str:
        """Where the value of a version of this stem goes."""
        if key.extension and (stem, extension) == self._registry.split(key.text):
            return key.text
        return f"{key.text}{extension}" if key.extension else key.path(extension, self._place.uri)

    def _note(self, path: str | None) -> str:
        if path is None:
            return ""
        try:
            with self._place.scratch_file() as file:
                self._place.download(path, file)
                return file.read_text(encoding="utf-8", errors="surrogatepass")
        except StorageFileNotFoundError:
            return ""  # pruned meanwhile

    def _no_version(self, key: Key, name: object) -> StorageError:
        shown = repr(name)
        problem = f"There is no version {shown if len(shown) <= 100 else shown[:97] + '...'} of this key"
        remedy = "store.versions(key) lists those there are."
        return StorageFileNotFoundError(compose(problem, key=key.text, uri=self._place.uri, remedy=remedy))


def shelves(key: Key, registry: HandlerRegistry) -> Iterator[tuple[str, str | None]]:
    """(stem, extension) of the versions of a key; None: of every extension."""
    if key.extension:
        stem, extension = registry.split(key.text)
        yield stem, extension
        if key.names_file is None and stem != key.text:
            yield key.text, None
    else:
        yield key.text, None


def _written(name: str) -> int:
    return int(name.partition("-")[0])
