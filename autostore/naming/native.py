"""A place that keeps versions by itself: `history="native"`, where a write is a write and nothing is kept beside it.

Each version has a path of its own here, below `.autostore/native/`, that only this module knows: what is read or copied
from such a path is that version.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from autostore.backend import FileMetadata, StorageBackend
from autostore.backends.passing import PassingBackend
from autostore.keys import RESERVED
from autostore.mark import Mark
from autostore.naming.claims import check_claims

__all__ = ["NativeBackend", "path_of_version"]

OURS = f"{RESERVED}/"
NATIVE = f"{OURS}native/"


def path_of_version(path: str, version: str) -> str:
    """What a version is called here; an id of a place holds no `/`."""
    return f"{NATIVE}{version}/{path}"


def _version_at(path: str) -> tuple[str, str] | None:
    """The file and the version that a path of `path_of_version` is of; None of any other path."""
    version, _, file = path.removeprefix(NATIVE).partition("/")
    return (file, version) if path.startswith(NATIVE) else None


class NativeBackend(PassingBackend):
    """A place that must keep versions before anything is changed there; asked once."""

    def __init__(self, inner: StorageBackend) -> None:
        super().__init__(inner)
        self.stored = inner.versioning()
        self._keeps = self._checks = False

    def begin(self) -> None:
        """Refuse, before anything is changed, a place that keeps no versions."""
        if not self._keeps:
            self.stored.check()
            self._keeps = True

    def get_metadata(self, path: str) -> FileMetadata:
        """Of a file, or of a version."""
        version = _version_at(path)
        if version is None:
            return self.inner.get_metadata(path)
        return dataclasses.replace(self.stored.metadata(*version), path=path)

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """Of a file, or of a version."""
        version = _version_at(path)
        if version is None:
            return self.inner.download(path, file, unless_etag=unless_etag)
        found = self.stored.download(*version, file, unless_etag=unless_etag)
        return None if found is None else dataclasses.replace(found, path=path)

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """A write: what was there is a version by that."""
        self.begin()
        if (if_absent or if_etag is not None) and not path.startswith(OURS):
            self._check_conditions(path)
        return self.inner.upload(file, path, mark=mark, if_etag=if_etag, if_absent=if_absent)

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Of a file, or of a version."""
        self.begin()
        version = _version_at(source)
        if version is None:
            return self.inner.copy(source, target, mark=mark, if_etag=if_etag)
        return self.stored.copy(*version, target, mark)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """A copy, and a marker at the source."""
        self.begin()
        return self.inner.move(source, target, mark=mark, if_etag=if_etag)

    def origin(self, path: str) -> StorageBackend:
        """Of a version none: only this module knows its path."""
        return self if path.startswith(NATIVE) else self.inner.origin(path)

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """A write: what was there is a version by that."""
        self.begin()
        if over != "":
            self._check_conditions(target)
        return self.inner.copy_from(other, source, target, mark=mark, if_etag=if_etag, over=over)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """A marker: what was there is a version by that."""
        self.begin()
        self.inner.delete(path, if_etag=if_etag)

    def _check_conditions(self, path: str) -> None:
        """Refuse a condition that the place does not check: radosgw checks none where it keeps versions; asked once."""
        if not self._checks:
            needs = "where it keeps versions, so two could create one key, or lose what the other wrote"
            remedy = "Write without a condition, or use history=True in a bucket without versioning."
            check_claims(self.inner, path, needs=needs, remedy=remedy)
            self._checks = True
