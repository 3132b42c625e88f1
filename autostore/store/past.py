"""What a key has and had: its files now, its versions, and which of them an id or a moment names."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from autostore.backend import FileMetadata, StorageBackend, look
from autostore.errors import StorageError, StorageFileNotFoundError, compose
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key
from autostore.naming.moments import Moment, Written, answered
from autostore.naming.resolution import Resolver, ambiguous
from autostore.naming.versions import (
    Kept,
    is_version_id,
    kept_files,
    moment,
    note_path,
    shelf,
    version_id,
    version_path,
)
from autostore.store.version import Version

__all__ = ["ATTEMPTS", "Past", "Seen", "shelves", "written_at"]

ATTEMPTS = 50
"""How often what vanished between two looks is looked for again."""


class Seen(NamedTuple):
    """What a key has and had: (id, file) of the value now and of what a crash left beside it, and its shelves."""

    now: list[tuple[str, FileMetadata]]
    kept: list[Kept]

    def versions(self) -> list[Kept]:
        """Versions that are not the file of a value now."""
        there = {name for name, _ in self.now}
        return [kept for kept in self.kept if kept.is_version and kept.id not in there]


class Past:
    """Looks at the keys of one place."""

    def __init__(self, place: StorageBackend, registry: HandlerRegistry, resolver: Resolver) -> None:
        self._place = place
        self._registry = registry
        self._resolver = resolver

    def find(self, key: Key, name: object) -> FileMetadata | tuple[str, Kept]:
        """The file of the value now, or a version with its stem; its name is its id, so nothing else is listed."""
        for _ in range(2 if is_version_id(name) else 0):
            for stem, extension in shelves(key, self._registry):
                for kept in kept_files(self._place.list_own(version_path(stem, str(name)))):
                    if kept.is_version and kept.id == name and extension in (None, kept.extension):
                        return stem, kept
            file = self._file_now(key, name)
            if file is not None:
                return file
        raise self.no_version(key, name)

    def to_restore(self, key: Key, name: str) -> FileMetadata | tuple[str, Kept]:
        """As `find`; where it is the value now, that."""
        return self.find(key, name)

    def versions(self, key: Key) -> tuple[list[Version], dict[str, str]]:
        """All of them, newest first, the value now before all others; and the paths of notes by id."""
        past = self.past(key)
        noted = {kept.id: kept.file.path for kept in past.kept if not kept.is_version and kept.deleted is None}
        found = [(name, file, number == 0) for number, (name, file) in enumerate(past.now)]
        found += [(kept.id, kept.file, False) for kept in self._answering(key, past.versions())]
        found.sort(key=lambda entry: (entry[2], written_at(entry[0]), entry[0]), reverse=True)
        told = [
            Version(name, moment(written_at(name)), file.size, file.etag, "", current, file.path)
            for name, file, current in found
        ]
        return told, noted

    def _answering(self, key: Key, kept: list[Kept]) -> list[Kept]:
        """Without those that were written under a full name, and beside the bare key's value all the time."""
        if key.extension or all(one.bare for one in kept):
            return kept
        changes = self._moments(key.text, None)
        answered = {change.found[0].id for change in changes if len(change.found) == 1}
        return [one for one in kept if one.bare or one.id in answered]

    def note_path(self, written: FileMetadata) -> str | None:
        """Where the note of a write that was just made lies; None where that is gone without a trace."""
        return note_path(self._registry.split(written.path)[0], version_id(self._place, written))

    def past(self, key: Key) -> Seen:
        """All of it: the files now first, then what is on the key's shelves."""
        now = self.now(key)
        kept = [
            kept
            for stem, extension in shelves(key, self._registry)
            for kept in kept_files(self._place.list_own(shelf(stem)))
            if extension in (None, kept.extension) or not (kept.is_version or kept.deleted is not None)
        ]
        return Seen(now, kept)

    def now(self, key: Key) -> list[tuple[str, FileMetadata]]:
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
        try:
            value = self._resolver.choose(key, detailed)
        except StorageFileNotFoundError:  # deleted since it was listed
            return []
        beside = [file for file in detailed if file.mark is not None and file.path != value.path]
        return [(version_id(self._place, file), file) for file in (value, *beside)]

    def id_at(self, key: Key, at: int) -> str:
        """The version that the key had at a moment (ns); not found where it had none."""
        for stem, extension in shelves(key, self._registry):
            found: tuple[Written, ...] = ()
            for change in itertools.takewhile(lambda change: change.time <= at, self._moments(stem, extension)):
                found = change.found
            if len(found) == 1:
                return found[0].id
            if found:
                files = [FileMetadata(f"{stem}{one.extension}", 0, "", moment(one.time)) for one in found]
                raise ambiguous(key.text, self._place.uri, files, "read what was there then")
        raise self.nothing_then(key)

    def is_now(self, key: Key, name: object) -> bool:
        """Whether a version is the file of a value now, that of a full name beside the key's, too."""
        return self._file_now(key, name) is not None

    def _file_now(self, key: Key, name: object) -> FileMetadata | None:
        for stem, extension in shelves(key, self._registry):
            for file in self._files_of(stem, extension):
                if extension in (None, self._registry.split(file.path)[1]) and version_id(self._place, file) == name:
                    return file
        return None

    def _moments(self, stem: str, extension: str | None) -> Iterator[Moment]:
        """What answered when, of a stem; the files now are looked at first."""
        now: dict[str, tuple[str, bool]] = {}
        for file in self._files_of(stem, extension):
            now[version_id(self._place, file)] = self._registry.split(file.path)[1], file.mark is not None
        kept = list(kept_files(self._place.list_own(shelf(stem))))
        deleted: dict[str, int] = {}
        for one in kept:
            if one.deleted is not None and one.id not in now:
                deleted[one.id] = min(one.deleted, deleted.get(one.id, one.deleted))
        there = {one.id: (one.extension, one.bare) for one in kept if one.is_version} | now
        return answered((Written(name, *what, deleted.get(name)) for name, what in there.items()), extension, now)

    def _files_of(self, stem: str, extension: str | None) -> list[FileMetadata]:
        """The files of a stem now; again where one vanished."""
        for _ in range(ATTEMPTS):
            files = self._place.find(stem, {*self._registry.extensions, *([extension] if extension else [])})
            detailed = self._resolver.detail(files)
            if len(files) == len(detailed):
                break
        whole = look(self._place, stem) if self._registry.split(stem)[1] else None  # `report.pdf` is its own stem
        return detailed if whole is None else [*detailed, whole]

    def nothing_then(self, key: Key) -> StorageError:
        """The one way to say that a key had no value at a moment."""
        problem = "Nothing is kept that was stored here at that time"
        remedy = "store.versions(key) lists what is kept, and when."
        return StorageFileNotFoundError(compose(problem, key=key.text, uri=self._place.uri, remedy=remedy))

    def no_version(self, key: Key, name: object) -> StorageError:
        """The one way to say that an id names nothing."""
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


def written_at(name: str) -> int:
    """When the version of this id was written, nanoseconds."""
    return int(name.partition("-")[0])
