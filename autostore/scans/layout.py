"""Where the columns of a Parquet file lie, and what its statistics say: from its footer alone, without a library.

https://parquet.apache.org/docs/file-format/metadata/; numbers of fields are those of parquet.thrift.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from autostore.errors import CorruptDataError
from autostore.handlers.tables import footer
from autostore.handlers.tables.thrift import Compact
from autostore.ranges import Span, Tail

__all__ = ["MAGIC", "Chunk", "Group", "Layout", "Leaf", "Statistics", "description", "footer_of", "layout", "row_count"]

MAGIC = b"PAR1"
SMALLEST = 12
LARGEST_FOOTER = 1 << 30
_STRUCT = 12
_UNITS = {9: "ms", 10: "us"}
"""Of the older `converted_type`."""


class Statistics(NamedTuple):
    """Bounds of a column in a row group, in the bytes of its physical type; None where nothing is said."""

    least: bytes | None
    most: bytes | None
    nulls: int | None


class Chunk(NamedTuple):
    """A column in a row group."""

    span: Span
    statistics: Statistics
    memory: int


class Group(NamedTuple):
    """A row group: its rows, and a chunk for each leaf."""

    rows: int
    chunks: list[Chunk]

    def spans(self, leaves: list[int]) -> list[Span]:
        """Where these leaves lie."""
        return [self.chunks[leaf].span for leaf in leaves]

    def memory(self, leaves: list[int]) -> int:
        """Bytes that these leaves take once they are unfolded, at least."""
        return sum(self.chunks[leaf].memory for leaf in leaves)


class Leaf(NamedTuple):
    """A column as it is stored: the table's column that it is a part of, its physical type, its unit of time."""

    column: str
    type: int
    unit: str
    nested: bool


class Layout(NamedTuple):
    """What a footer says."""

    leaves: list[Leaf]
    groups: list[Group]

    def leaves_of(self, columns: set[str]) -> list[int]:
        """The leaves that these columns of the table consist of."""
        return [number for number, leaf in enumerate(self.leaves) if leaf.column in columns]

    def starts(self) -> list[int]:
        """The first row of each group, and the number of all rows."""
        found = [0]
        for group in self.groups:
            found.append(found[-1] + group.rows)
        return found


def footer_of(tail: Tail, read: Callable[[Sequence[Span]], list[bytes]] | None = None) -> bytes:
    """The last bytes of a file, from its footer on; `read` brings what the tail lacks."""
    size, data = tail.size, tail.data
    if read is not None and size >= SMALLEST and len(data) < 8:
        (data,) = read([(size - 8, size)])
    length = struct.unpack("<I", data[-8:-4])[0] + 8 if len(data) >= 8 else 0
    if size < SMALLEST or data[-4:] != MAGIC or length + 4 > size or length > LARGEST_FOOTER:
        raise CorruptDataError("It does not end as Parquet does")
    if length > len(data) and read is not None:
        (more,) = read([(size - length, size - len(data))])
        data = more + data
    return data[-length:]


def row_count(footer: bytes) -> int:
    """How many rows the whole file has."""
    try:
        compact = Compact(footer)
        for field, kind in compact.fields():
            if field == 3:
                return compact.number()
            compact.skip(kind)
    except (IndexError, ValueError) as error:
        raise CorruptDataError(f"The footer cannot be read: {error}") from error
    raise CorruptDataError("The footer does not say how many rows there are")


def description(footer: bytes) -> tuple[bytes, ...]:
    """What says which columns there are: alike in tables of one schema, whatever their rows."""
    compact, found = Compact(footer), []
    try:
        for field, kind in compact.fields():
            start = compact.position
            compact.skip(kind)
            if field in (2, 5):
                found.append(footer[start : compact.position])
    except (IndexError, ValueError) as error:
        raise CorruptDataError(f"The footer cannot be read: {error}") from error
    return tuple(found)


@functools.lru_cache(maxsize=4)
def layout(footer: bytes) -> Layout:
    """Everything about where the data lie."""
    compact = Compact(footer)
    leaves: list[Leaf] = []
    groups: list[Group] = []
    try:
        for field, kind in compact.fields():
            if field == 2:
                units = [unit for unit in (_unit(compact) for _ in compact.items()) if unit is not None]
            elif field == 4:
                groups += [_group(compact, leaves) for _ in compact.items()]
            else:
                compact.skip(kind)
        return Layout([leaf._replace(unit=unit) for leaf, unit in zip(leaves, units, strict=bool(leaves))], groups)
    except (IndexError, ValueError, UnboundLocalError) as error:
        raise CorruptDataError(f"The footer cannot be read: {error}") from error


def _unit(compact: Compact) -> str | None:
    """The unit of time of an element of the schema, "" where it has none; None of what only holds others."""
    unit, children = "", 0
    for field, kind in compact.fields():
        if field == 5:
            children = compact.number()
        elif field == 6:
            unit = _UNITS.get(compact.number(), unit)
        elif field == 10 and kind == _STRUCT:
            unit = _logical_unit(compact) or unit
        else:
            compact.skip(kind)
    return None if children else unit


def _logical_unit(compact: Compact) -> str:
    found = ""
    for field, kind in compact.fields():
        if field != 8 or kind != _STRUCT:  # TIMESTAMP
            compact.skip(kind)
            continue
        for part, part_kind in compact.fields():
            if part == 2 and part_kind == _STRUCT:
                for unit, unit_kind in compact.fields():
                    found = {1: "ms", 2: "us", 3: "ns"}.get(unit, "")
                    compact.skip(unit_kind)
            else:
                compact.skip(part_kind)
    return found


def _group(compact: Compact, leaves: list[Leaf]) -> Group:
    rows = 0
    chunks: list[Chunk] = []
    for field, kind in compact.fields():
        if field == 1:
            for _ in compact.items():
                chunk, leaf = _column(compact)
                if len(leaves) <= len(chunks):
                    leaves.append(leaf)
                chunks.append(chunk)
        elif field == 3:
            rows = compact.number()
        else:
            compact.skip(kind)
    if len(chunks) != len(leaves):
        raise ValueError("its row groups differ in columns")
    return Group(rows, chunks)


def _column(compact: Compact) -> tuple[Chunk, Leaf]:
    found = None
    for field, kind in compact.fields():
        if field == 3 and kind == _STRUCT:
            found = _column_metadata(compact)
        elif field == 1:
            raise ValueError("a column lies in another file")
        else:
            compact.skip(kind)
    if found is None:
        raise ValueError("a column is encrypted, or not described")
    return found


def _column_metadata(compact: Compact) -> tuple[Chunk, Leaf]:
    numbers = {1: 0, 5: 0, 6: 0, 7: 0, 9: 0, 11: 0}
    path: list[bytes] = []
    statistics = Statistics(None, None, None)
    for field, kind in compact.fields():
        if field in numbers:
            numbers[field] = compact.number()
        elif field == 3:
            path = [compact.binary() for _ in range(compact.begin_list()[0])]
        elif field == 12:
            statistics = _statistics(compact)
        else:
            compact.skip(kind)
    data, dictionary = numbers[9], numbers[11]
    start = dictionary if 0 < dictionary < data else data
    if not path or start < 0 or numbers[7] < 0:
        raise ValueError("a column is not described")
    memory = footer.memory_of(footer.Chunk(numbers[1], numbers[5], numbers[6]))
    leaf = Leaf(path[0].decode(), numbers[1], "", len(path) > 1)
    return Chunk((start, start + numbers[7]), statistics, memory), leaf


def _statistics(compact: Compact) -> Statistics:
    """Only the newer fields: the older ones are of no defined order."""
    least = most = nulls = None
    for field, kind in compact.fields():
        if field == 3:
            nulls = compact.number()
        elif field == 5:
            most = compact.binary()
        elif field == 6:
            least = compact.binary()
        else:
            compact.skip(kind)
    return Statistics(least, most, nulls)
