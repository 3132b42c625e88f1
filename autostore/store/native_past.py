"""What a key has and had, of a place that keeps versions by itself.

An id is the place's own and the extension of its file. Within a file the order is the place's; across the files of a
key it is that of the times which a listing tells, to the second at worst.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator

from autostore.backend import FileMetadata, look
from autostore.errors import StorageFileNotFoundError
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key
from autostore.naming.native import NativeBackend, path_of_version
from autostore.naming.resolution import Resolver, ambiguous, newest_marked
from autostore.naming.versions import Kept, in_nanoseconds, note_path, shelf
from autostore.store.past import Past
from autostore.store.version import Version
from autostore.versioning import Stored

__all__ = ["NativePast", "belongs", "note_of"]

_PLAIN = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_ID = re.compile(r"[!-.0-~]{1,1024}")
"""No `/`, no space, nothing beyond ASCII: https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html."""


class NativePast(Past):
    """Looks at the keys of one place."""

    def __init__(self, native: NativeBackend, registry: HandlerRegistry, resolver: Resolver) -> None:
        super().__init__(native, registry, resolver)
        self._native = native

    def is_now(self, key: Key, name: object) -> bool:
        """Not asked: what `find` gives is a version, never a file that may be replaced."""
        return True

    def find(self, key: Key, name: object) -> tuple[str, Kept]:
        """A version with its stem, the value now too; one look, as its name says which."""
        for path, extension in self._files(key):
            version = name.removesuffix(extension) if isinstance(name, str) else ""
            if isinstance(name, str) and name.endswith(extension) and _ID.fullmatch(version):
                try:
                    found = self._native.get_metadata(path_of_version(path, version))
                except StorageFileNotFoundError:
                    continue
                return self._registry.split(path)[0], Kept(None, name, extension, None, found)
        raise self.no_version(key, name)

    def to_restore(self, key: Key, name: str) -> FileMetadata | tuple[str, Kept]:
        """As `find`; where it is the value now, that."""
        with contextlib.suppress(StorageFileNotFoundError):
            path = self._resolver.locate(key).path
            version, found = self._native.stored.latest(path)
            if name == f"{version}{key.extension_of(path)}":
                return found
        return self.find(key, name)

    def versions(self, key: Key) -> tuple[list[Version], dict[str, str]]:
        """All of them, newest first, and the paths of their notes by id."""
        stored = list(self._stored(key))
        now = self._current(key, [one for one in stored if one.latest and not one.deleted])
        found = [self._version(key, one, current=one is now) for one in stored if not one.deleted]
        found.sort(key=lambda version: (version.current, version.time), reverse=True)
        ids = {version.id: version for version in found}
        notes = {file.path for stem in self._stems(key) for file in self._native.list_own(shelf(stem))}
        paths = {name: note_of(self._registry.split(version.path)[0], name) for name, version in ids.items()}
        return found, {name: path for name, path in paths.items() if path in notes}

    def id_at(self, key: Key, at: int) -> str:
        """The version that the key had at a moment (ns): of each file what came last, of those the newest."""
        last: dict[str, Stored] = {}
        for one in self._stored(key):
            before = last.get(one.path)
            # Of one time, a deletion came before a write, unless nothing came after it.
            later = before is None or (one.time, one.latest) > (before.time, before.latest)
            if in_nanoseconds(one.time) <= at and later:
                last[one.path] = one
        there = [one for one in last.values() if not one.deleted]
        if not there:
            raise self.nothing_then(key)
        newest = next((one for one in there if one.path == key.text), None) or self._value_of(key, there)
        return f"{newest.id}{key.extension_of(newest.path)}"

    def _value_of(self, key: Key, there: list[Stored]) -> Stored:
        """Of the files of one moment that which a bare key read as: as now, by their marks."""
        if len(there) == 1:
            return there[0]
        files = {path_of_version(one.path, one.id): one for one in there}
        looks = [found for path in files if (found := look(self._native, path)) is not None]
        chosen = newest_marked(looks)
        if chosen is None:
            raise ambiguous(key.text, self._native.uri, map(_metadata, there), "read what was there then")
        return files[chosen.path]

    def note_path(self, written: FileMetadata) -> str | None:
        """One listing, as rivals may have written since."""
        stem, extension = self._registry.split(written.path)
        for one in self._native.stored.listed(written.path, deep=False):
            if one.path == written.path and one.etag == written.etag and not one.deleted:
                return note_of(stem, f"{one.id}{extension}")
        return None

    def _stored(self, key: Key) -> Iterator[Stored]:
        prefix = f"{key.text}." if key.names_file is False else key.text
        listed = self._native.stored.listed(prefix, deep=False)
        return (one for one in listed if belongs(key, one.path))

    def _files(self, key: Key) -> Iterator[tuple[str, str]]:
        """(path, extension) of the files that may have a version of the key."""
        if key.names_file is not False:
            yield key.text, key.extension
        if key.names_file is not True:
            for extension in sorted(key.answers, key=len, reverse=True):
                yield key.text + extension, extension

    def _stems(self, key: Key) -> set[str]:
        return {self._registry.split(key.text)[0], key.text}

    def _current(self, key: Key, live: list[Stored]) -> Stored | None:
        """The version that a read gives."""
        named = [one for one in live if one.path == key.text]
        if named or len(live) < 2:
            return next(iter(named or live), None)
        path = self._resolver.choose(key, [_metadata(one) for one in live]).path
        return next((one for one in live if one.path == path), None)

    def _version(self, key: Key, one: Stored, *, current: bool) -> Version:
        return Version(f"{one.id}{key.extension_of(one.path)}", one.time, one.size, one.etag, "", current, one.path)


def belongs(where: Key | str, path: str) -> bool:
    """Whether a file is one of a key, or below a prefix."""
    if isinstance(where, str):
        return path.startswith(where)
    bare = where.names_file is not True and path.removeprefix(where.text) in where.answers
    return (where.names_file is not False and path == where.text) or (bare and path.startswith(where.text))


def note_of(stem: str, name: str) -> str:
    """Where the note of a version lies."""
    plain = name if _PLAIN.fullmatch(name) else hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return note_path(stem, plain)


def _metadata(one: Stored) -> FileMetadata:
    return FileMetadata(path=one.path, size=one.size, etag=one.etag, modified_time=one.time)
