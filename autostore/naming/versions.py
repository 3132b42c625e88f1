"""How the files of a key's versions are named, below `.autostore/versions/`, and read back from a listing.

    .autostore/versions/<stem>/.autostore/<id><ext>                 a version: its bytes, as they were
                                          <id>.~named<ext>          one that was not written under the bare key
                                          <id><ext>.<ns>.~deleted   it was deleted then
                                          <id>.~note                what its writer noted

`<id>` is `<time of the write, ns>-<what tells it apart>`. The reserved segment parts `a` from `a/b`. A stem that
is too long to be a part of a longer name is hashed, below `.autostore/versions/.autostore/`.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from autostore.backend import FileMetadata, StorageBackend
from autostore.keys import RESERVED, can_be_key

__all__ = [
    "VERSIONS",
    "Kept",
    "has_versions",
    "in_nanoseconds",
    "is_version_id",
    "kept_files",
    "marker_path",
    "moment",
    "note_path",
    "shelf",
    "version_id",
    "version_path",
]

VERSIONS = f"{RESERVED}/versions/"
DELETED, NOTE, NAMED = ".~deleted", ".~note", ".~named"

LONGEST_STEM = 900
"""Bytes; S3 holds 1,024 in a key."""

_ID = re.compile(r"[0-9]{1,20}-[0-9A-Za-z]{1,64}")
_NAME = re.compile(rf"({_ID.pattern})((?:\.[^/\s]+)?)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kept(NamedTuple):
    """One file of a shelf.

    Attributes:
        stem: of the key; None where it was hashed.
        id: of the version that it is, or is about.
        extension: of the value; "" of a note.
        deleted: when the version was deleted (ns), of a marker; else None.
        file: as it was listed.
        bare: whether it was written under the bare key, as far as is known.
    """

    stem: str | None
    id: str
    extension: str
    deleted: int | None
    file: FileMetadata
    bare: bool = True

    @property
    def is_version(self) -> bool:
        """Whether it is a version itself, not what is said of one."""
        return self.deleted is None and not self.file.path.endswith(NOTE)

    @property
    def written(self) -> int:
        """When the value was written, nanoseconds."""
        return int(self.id.partition("-")[0])


def has_versions(place: StorageBackend) -> bool:
    """Whether any lie there, whoever kept them; one request."""
    return next(iter(place.list_own(VERSIONS)), None) is not None


def shelf(stem: str) -> str:
    """The folder of a stem's versions, ending in `/`."""
    if len(stem.encode()) > LONGEST_STEM:
        digest = hashlib.blake2b(stem.encode(), digest_size=16).hexdigest()
        return f"{VERSIONS}{RESERVED}/{digest}/{RESERVED}/"
    return f"{VERSIONS}{stem}/{RESERVED}/"


def version_path(stem: str, name: str, extension: str = "", *, named: bool = False) -> str:
    """Where a version lies; without its extension how that begins."""
    return f"{shelf(stem)}{name}{NAMED if named else ''}{extension}"


def marker_path(version: str, deleted: int) -> str:
    """Where it is said that the version at this path was deleted, and when (ns)."""
    return f"{version}.{deleted}{DELETED}"


def note_path(stem: str, name: str) -> str:
    """Where a note lies."""
    return f"{shelf(stem)}{name}{NOTE}"


def is_version_id(name: object) -> bool:
    """Whether this can name a version."""
    return isinstance(name, str) and _ID.fullmatch(name) is not None


def version_id(backend: StorageBackend, found: FileMetadata) -> str:
    """Names the write that `found` (of one file, not of a listing) tells of; of foreign files their time and ETag."""
    return backend.write_of(found) or f"{in_nanoseconds(found.modified_time)}-{_plain(found.etag, found.path)}"


def in_nanoseconds(time: datetime) -> int:
    """A moment as whole nanoseconds since 1970; never negative."""
    return max(0, (time - _EPOCH) // timedelta(microseconds=1) * 1_000)


def moment(nanoseconds: int) -> datetime:
    """The inverse of `in_nanoseconds`, to the microsecond; the end of time for what is beyond it."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def kept_files(listed: Iterable[FileMetadata]) -> Iterator[Kept]:
    """What the files below `.autostore/versions/` are, in their order; those that are not ours are left out."""
    for _, same in itertools.groupby(_parsed(listed), key=lambda kept: (kept.file.path.rpartition("/")[0], kept.id)):
        several = list(same)
        yield from (kept for kept in several if not any(_is_laid_beside(kept, other) for other in several))


def _is_laid_beside(kept: Kept, other: Kept) -> bool:
    """Whether it is what an editor, a backup or a synchroniser laid beside a version: an id names one file."""
    mine, its = kept.extension, other.extension
    longer = kept.is_version and other.is_version and kept.bare == other.bare and len(mine) > len(its)
    return longer and (mine.startswith(its) or mine.endswith(its))


def _parsed(listed: Iterable[FileMetadata]) -> Iterator[Kept]:
    for file in listed:
        folder, found, name = file.path.rpartition(f"/{RESERVED}/")
        stem = f"{folder}/".removeprefix(VERSIONS)[:-1]
        deleted = None
        base = name.removesuffix(NOTE)
        if name.endswith(DELETED):
            base, _, digits = name.removesuffix(DELETED).rpartition(".")
            if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
                continue
            deleted = int(digits)
        parsed = _NAME.fullmatch(base)
        known = None if stem.startswith(f"{RESERVED}/") else stem
        if found and parsed is not None and (known is None or can_be_key(known)):
            extension = parsed[2]
            if extension.startswith((NOTE, DELETED)):  # a copy of one
                continue
            named = extension.startswith(f"{NAMED}.")
            yield Kept(known, parsed[1], extension.removeprefix(NAMED if named else ""), deleted, file, not named)


def _plain(etag: str, path: str) -> str:
    """The ETag; one that is made of a time and a size is of this file only, and another's may be the same."""
    if etag.isascii() and etag.isalnum() and len(etag) <= 64:
        return etag
    return hashlib.blake2b(f"{etag}\n{path}".encode(), digest_size=16).hexdigest()
