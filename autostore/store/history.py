"""Reading the past of a key: its versions, one of them by id or by time, and bringing one back.

The current value is looked at first and its versions are listed after that: whatever is replaced in between is found
in one place or the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from autostore.backend import FileMetadata, StorageBackend
from autostore.disk.small import put_text, text_of
from autostore.errors import (
    InvalidConfigError,
    PreconditionFailedError,
    StorageFileNotFoundError,
    compose,
)
from autostore.handlers.registry import HandlerRegistry
from autostore.handlers.verdicts import FileGone
from autostore.keys import Key
from autostore.mark import Mark
from autostore.naming.publishing import Publisher
from autostore.naming.versions import Kept, in_nanoseconds
from autostore.parallel import in_order
from autostore.store.loading import Loader
from autostore.store.past import ATTEMPTS, Past
from autostore.store.version import Version

__all__ = ["Fetches", "History", "Old", "ReadOld"]


class Old(NamedTuple):
    """A file among the versions of a key, or its value now.

    Attributes:
        loader: reads the place that the file lies in.
        path: where it lies.
        extension: that of its format.
        name: what it is called as the value of its key.
    """

    loader: Loader
    path: str
    extension: str
    name: str


ReadOld = Callable[[Old], Any]
"""Makes of the file what the caller asked for; `StorageFileNotFoundError` or `FileGone` where it went meanwhile."""


class Fetches(Protocol):
    """Whatever hands out the bytes of versions."""

    def fetch(self, key: Key, name: str, file: Path) -> tuple[str, str]:
        """See `History.fetch`."""


class History:
    """The past of the keys of one store; `place` is where its files lie, below all that keeps and changes them."""

    def __init__(
        self,
        place: StorageBackend,
        backend: StorageBackend,
        *,
        registry: HandlerRegistry,
        past: Past,
        publisher: Publisher,
        loader: Loader,
    ) -> None:
        self._place = place
        self._backend = backend
        self._registry = registry
        self._past = past
        self._publisher = publisher
        self._loader = loader

    def versions(self, key: Key) -> list[Version]:
        """Every value of the key, newest first, the one that it has now before all others."""
        found, notes = self._past.versions(key)
        texts = dict(zip(notes, in_order(self._note, notes.values(), self._place.concurrency), strict=True))
        return [dataclasses.replace(one, note=texts[one.id]) if one.id in texts else one for one in found]

    def load(self, key: Key, name: str | None, at: datetime | None, read: ReadOld) -> Any:
        """What `read` makes of a version, or of what the key had at a moment."""
        if at is None:
            return self._load(key, name, read)
        if name is not None:
            raise InvalidConfigError("version and at exclude each other. Pass one of them.")
        if not isinstance(at, datetime) or at.tzinfo is None:
            problem = f"at={at!r:.80} " + (
                "does not say in which time zone" if isinstance(at, datetime) else "is no datetime"
            )
            raise InvalidConfigError(compose(problem, remedy="Pass an aware datetime, such as datetime.now(UTC)."))
        for attempt in range(ATTEMPTS):
            name = self._past.id_at(key, in_nanoseconds(at) + 999)
            try:
                return self._load(key, name, read)
            except StorageFileNotFoundError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    def restore(self, key: Key, name: str) -> FileMetadata:
        """Make a version the value again, by a copy of its bytes; of the value itself nothing is written."""
        found = self._past.to_restore(key, name)
        if isinstance(found, FileMetadata):
            return found
        stem, kept = found
        path = self._path_of(key, stem, kept.extension)

        def put(mark: Mark | None) -> FileMetadata:
            return self._backend.copy(kept.file.path, path, mark=mark)

        try:
            return self._publisher.publish(key, path, put)
        except (StorageFileNotFoundError, PreconditionFailedError) as error:
            if not self._is_gone(kept):
                raise
            raise self._past.no_version(key, name) from error  # pruned meanwhile

    def fetch(self, key: Key, name: str, file: Path) -> tuple[str, str]:
        """Write the bytes of a version into `file`; its stem and extension."""
        found = self._past.find(key, name)
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
        path = self._past.note_path(written)
        if path is not None:
            with self._place.scratch_file() as file:
                put_text(file, note, f"key {path!r} in {self._place.uri}")
                self._place.upload(file, path)

    def _load(self, key: Key, name: object, read: ReadOld) -> Any:
        for _ in range(ATTEMPTS):
            found = self._past.find(key, name)
            try:
                value = read(self._old(key, found))
                # What was read as the value now must still be it; else it lies among the versions.
                if not isinstance(found, FileMetadata) or self._past.is_now(key, name):
                    return value
            except (StorageFileNotFoundError, FileGone):
                continue
        raise self._past.no_version(key, name)

    def _old(self, key: Key, found: FileMetadata | tuple[str, Kept]) -> Old:
        if isinstance(found, FileMetadata):
            path, extension, own = found.path, key.extension_of(found.path), found.path
        else:
            stem, kept = found
            path, extension, own = kept.file.path, kept.extension, self._path_of(key, stem, kept.extension)
        return Old(self._loader, path, extension, own.rpartition("/")[2])

    def _path_of(self, key: Key, stem: str, extension: str) -> str:
        """Where the value of a version of this stem goes."""
        if key.extension and (stem, extension) == self._registry.split(key.text):
            return key.text
        return f"{key.text}{extension}" if key.extension else key.path(extension, self._place.uri)

    def _is_gone(self, kept: Kept) -> bool:
        try:
            self._place.get_metadata(kept.file.path)
        except StorageFileNotFoundError:
            return True
        return False

    def _note(self, path: str) -> str:
        try:
            with self._place.scratch_file() as file:
                self._place.download(path, file)
                return text_of(file, f"key {path!r} in {self._place.uri}")
        except StorageFileNotFoundError:
            return ""  # pruned meanwhile
