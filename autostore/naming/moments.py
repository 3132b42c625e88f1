"""Which version answered to a key when: a walk through the writes and deletions of one stem, pure.

What was written under the bare key goes when the bare key is written in another format; what was written under its
full name stays beside, and answers to the bare key only where nothing else does, and it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Moment", "Written", "answered"]


class Written(NamedTuple):
    """One version, kept or a value now.

    Attributes:
        id: of the version.
        extension: of its file.
        bare: whether it was written under the bare key, as far as is known.
        deleted: when it was deleted (ns); None of one that was not, or is a value now.
    """

    id: str
    extension: str
    bare: bool
    deleted: int | None

    @property
    def time(self) -> int:
        """When it was written, nanoseconds."""
        return int(self.id.partition("-")[0])


class Moment(NamedTuple):
    """From when on (ns) which versions answered: none, one, or several of which no reader could choose."""

    time: int
    found: tuple[Written, ...]


def answered(versions: Iterable[Written], extension: str | None) -> Iterator[Moment]:
    """What answered to the bare key, or (`extension`) to a full name, from each change of the stem on, in order."""
    versions = list(versions)
    events = [(one.time, one.id, True, one) for one in versions]
    events += [(one.deleted, one.id, False, one) for one in versions if one.deleted is not None]
    there: dict[str, Written] = {}
    for time, _, written, one in sorted(events, key=lambda event: event[:3]):
        if written:
            there = {name: other for name, other in there.items() if not (one.bare and other.bare)}
            there[one.extension] = one
        elif there.get(one.extension) is one:
            del there[one.extension]
        yield Moment(time, tuple(_answering(there, extension)))


def _answering(there: dict[str, Written], extension: str | None) -> list[Written]:
    if extension is not None:
        return [there[extension]] if extension in there else []
    return [one for one in there.values() if one.bare] or list(there.values())
