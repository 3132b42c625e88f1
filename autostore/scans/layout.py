"""Where the columns of a Parquet file lie, and what its statistics say: from its footer alone, without a library.

https://parquet.apache.org/docs/file-format/metadata/; numbers of fields are those of parquet.thrift.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from autostore.errors import CorruptDataError
from autostore.handlers.tables import footer
from autostore.handlers.tables.thrift import Compact
from autostore.pieces.ranges import Span

__all__ = ["Chunk", "Group", "Layout", "Leaf", "Statistics", "layout"]

_STRUCT = 12
_FIXED, _VIEW = 7, 16
"""The physical type of values of a fixed length, and the bytes that one counts for where that length is not known."""

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

    columns: list[str]
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


@functools.lru_cache(maxsize=4)
def layout(footer: bytes) -> Layout:
    """Everything about where the data lie."""
    compact = Compact(footer)
    elements: list[_Element] = []
    leaves: list[Leaf] = []
    groups: list[Group] = []
    try:
        for field, kind in compact.fields():
            if field == 2:
                elements = [_element(compact) for _ in compact.items()]
            elif field == 4:
                groups += [_group(compact, leaves) for _ in compact.items()]
            else:
                compact.skip(kind)
        units = [element.unit for element in elements[1:] if not element.children]
        leaves = [leaf._replace(unit=unit) for leaf, unit in zip(leaves, units, strict=bool(leaves))]
        return Layout(_columns(elements), leaves, _widened(groups, leaves, elements))
    except (IndexError, ValueError) as error:
        raise CorruptDataError(f"The footer cannot be read: {error}") from error


class _Element(NamedTuple):
    """An element of the schema, which is a tree written down from its root."""

    name: str
    children: int
    unit: str
    length: int


def _widened(groups: list[Group], leaves: list[Leaf], elements: list[_Element]) -> list[Group]:
    """The groups, with what columns of a fixed length take that only the schema says."""
    lengths = [element.length for element in elements[1:] if not element.children]
    fixed = {at: length for at, (leaf, length) in enumerate(zip(leaves, lengths, strict=False)) if leaf.type == _FIXED}
    for group in groups if fixed else ():
        for at, length in fixed.items():
            chunk = group.chunks[at]
            group.chunks[at] = chunk._replace(memory=chunk.memory * max(length, _VIEW) // _VIEW)
    return groups


def _element(compact: Compact) -> _Element:
    name, unit, children, length = "", "", 0, 0
    for field, kind in compact.fields():
        if field == 4:
            name = compact.binary().decode()
        elif field == 2:
            length = compact.number()
        elif field == 5:
            children = compact.number()
        elif field == 6:
            unit = _UNITS.get(compact.number(), unit)
        elif field == 10 and kind == _STRUCT:
            unit = _logical_unit(compact) or unit
        else:
            compact.skip(kind)
    return _Element(name, children, unit, length)


def _columns(elements: list[_Element]) -> list[str]:
    """The children of the root."""
    found, at = [], 1
    for _ in range(elements[0].children):
        found.append(elements[at].name)
        left = 1
        while left:
            left += elements[at].children - 1
            at += 1
    return found


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
