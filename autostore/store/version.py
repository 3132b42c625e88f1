"""One version of a key, as users see it, and what may be noted beside one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import overload

from autostore.errors import InvalidConfigError

__all__ = ["Version", "check_note", "name_of"]

LONGEST_NOTE = 2_000


@dataclass(frozen=True)
class Version:
    """One value that a key had, or has.

    Attributes:
        id: for `read(key, version=...)` and `restore`.
        time: when it was written, aware, UTC.
        size: of its file, bytes.
        etag: of its file.
        note: what its writer noted; "" where nothing.
        current: whether it is the value now.
        path: where its file lies, below the store's URI.
    """

    id: str
    time: datetime
    size: int
    etag: str
    note: str
    current: bool
    path: str


def check_note(note: object, *, history: bool) -> None:
    """Refuse, before anything is written, what cannot be noted."""
    if not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise InvalidConfigError(f"A note is a text of at most {LONGEST_NOTE:,} characters. Pass a shorter str.")
    if not history:
        raise InvalidConfigError("A note is kept beside a version, and this store has none. Open it with history=True.")


@overload
def name_of(version: str | Version) -> str: ...
@overload
def name_of(version: None) -> None: ...
@overload
def name_of(version: str | Version | None) -> str | None: ...
def name_of(version: str | Version | None) -> str | None:
    """The id of a version that is given as such; any other name as it is."""
    return version.id if isinstance(version, Version) else version
