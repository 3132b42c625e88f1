"""Which version answered to a key when: a walk through the writes and deletions of one stem, pure.

What was written under the bare key goes when the bare key is written in another format; what was written under its
full name stays beside, and answers to the bare key only where nothing else does, and it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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


def answered(versions: Iterable[Written], extension: str | None, now: Collection[str] = ()) -> Iterator[Moment]:
    """What answered to the bare key, or (`extension`) to a full name, from each change of the stem on, in order.

    `now` are the ids of values now: they answer after all that is known to have happened, whatever their times say, as
    a file that was put back from a backup, or came without its time, bears one of before.
    """
    versions = list(versions)
    events = [(one.time, one.id, True, one) for one in versions]
    events += [(one.deleted, one.id, False, one) for one in versions if one.deleted is not None]
    there: dict[str, Written] = {}
    for time, _, written, one in sorted(events, key=lambda event: event[:3]):
        if written:
            there = _with(there, one)
        elif there.get(one.extension) is one:
            del there[one.extension]
        yield Moment(time, tuple(_answering(there, extension)))
    last: dict[str, Written] = {}
    for one in sorted((one for one in versions if one.id in now), key=lambda one: (one.time, one.id)):
        last = _with(last, one)
    if last and last != there:
        yield Moment(time, tuple(_answering(last, extension)))


def _with(there: dict[str, Written], one: Written) -> dict[str, Written]:
    """What is there once one more was written."""
    return {name: other for name, other in there.items() if not (one.bare and other.bare)} | {one.extension: one}


def _answering(there: dict[str, Written], extension: str | None) -> list[Written]:
    if extension is not None:
        return [there[extension]] if extension in there else []
    return [one for one in there.values() if one.bare] or list(there.values())
