"""What the footer of a Parquet file says, and how large the file unfolds: before a page is read, and without a library.

https://parquet.apache.org/docs/file-format/metadata/
"""

from __future__ import annotations

import contextlib
import functools
import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from autostore.errors import CorruptDataError
from autostore.handlers.tables.levels import SMALLEST_TOO_DEEP, check_schema
from autostore.handlers.tables.thrift import Compact

__all__ = [
    "BYTE_ARRAY",
    "Chunk",
    "Footer",
    "Leaf",
    "Place",
    "check_levels",
    "memory_of",
    "read_footer",
    "unfolded",
]

MAGIC = b"PAR1"
# Bytes in memory of one value, by the number of its physical type; texts and bytes take a view of 16 besides.
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 6: 16, 7: 16}
BYTE_ARRAY, _FIXED = 6, 7
# Numbers of the fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_SCHEMA, _ROW_GROUPS, _SAID, _COLUMNS, _META = 2, 4, 5, 1, 3
_CLAIMED, _PLACED = (1, 5, 6, 2), (4, 7, 9, 11)
# And of SchemaElement, with two of its repetitions.
_LENGTH, _REPETITION, _CHILDREN = 2, 3, 5
_OPTIONAL, _REPEATED = 1, 2
_KEPT = 4 << 20
"""Bytes of a footer that is kept parsed for a while, as one read asks for it several times."""
_OTHERS = frozenset(code << 1 for code in range(10) if code != 7)
"""The encodings but DELTA_BYTE_ARRAY, as they stand in a list."""


class Chunk(NamedTuple):
    """A column of a row group, as the footer claims it.

    Attributes:
        type: its physical type; -1 where that is encrypted.
        values: how many it holds, nulls too.
        size: its bytes before compression.
        encodings: where in the footer those of its pages stand.
    """

    type: int
    values: int
    size: int
    encodings: int = 0


_HIDDEN = Chunk(-1, 0, 0)


class Place(NamedTuple):
    """Where a chunk lies: the number of its codec, its bytes in the file, its first page of data, its dictionary."""

    codec: int
    packed: int
    data: int
    dictionary: int


class Leaf(NamedTuple):
    """A column as it is stored: bytes of a value of fixed length, and on how many floors it is optional, repeated."""

    length: int
    optional: int
    repeated: int


class Footer:
    """What a footer claims.

    Attributes:
        groups: of each row group the chunk of each leaf.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.groups: list[list[Chunk]] = []
        self._elements: list[tuple[int, ...]] = []
        compact = Compact(data)
        for field, kind in compact.fields():
            if field == _ROW_GROUPS:
                for _ in compact.items():
                    self.groups.append([Chunk(*told) if told else _HIDDEN for told in _columns(compact, _CLAIMED)])
            elif field == _SCHEMA:
                self._elements += [_element(compact) for _ in compact.items()]
            else:
                compact.skip(kind)
        check_schema(child for *_, child in self._elements)

    @functools.cached_property
    def places(self) -> list[list[Place]]:
        """Where the chunks of each row group lie; asked of few files."""
        with _damage():
            compact = Compact(self._data)
            groups = _items_of(compact, _ROW_GROUPS)
            return [[Place(*told or (0, 0, 0, 0)) for told in _columns(compact, _PLACED)] for _ in groups]

    @functools.cached_property
    def leaves(self) -> list[Leaf]:
        """The columns as they are stored."""
        with _damage():
            return list(_leaves(self._elements))

    def said(self, name: str) -> str | None:
        """What whoever wrote the file says of it under this name; None where that is nothing."""
        with _damage():
            compact = Compact(self._data)
            for _ in _items_of(compact, _SAID):
                texts = {field: compact.binary() for field, _ in compact.fields()}
                if texts.get(1) == name.encode():
                    return texts[2].decode() if 2 in texts else None
        return None

    def is_delta(self, chunk: Chunk) -> bool:
        """Whether some of its texts are said to be stored as how they differ from the one before."""
        at = chunk.encodings
        return at > 0 and not _OTHERS.issuperset(self._data[at + 1 : at + 1 + (self._data[at] >> 4)])

    def memory(self) -> list[int]:
        """Bytes that each leaf takes in memory, at least."""
        fixed = any(chunk.type == _FIXED for group in self.groups for chunk in group)
        lengths = [leaf.length for leaf in self.leaves] if fixed else []
        taken = [0] * max(map(len, self.groups), default=0)
        for group in self.groups:
            for at, chunk in enumerate(group):
                taken[at] += memory_of(chunk, lengths[at] if at < len(lengths) else 0)
        return taken


def unfolded(stream: BinaryIO) -> int:
    """Bytes that the table takes in memory, at least; the stream's position is kept."""
    return sum(read_footer(stream).memory())


def memory_of(chunk: Chunk, length: int = 0) -> int:
    """Bytes that a chunk takes in memory, at least; `length` is that of each value where it is fixed."""
    kind, values, size = chunk[:3]
    # A null takes as much as a value of a fixed length, and a dictionary may hold it once for all.
    width = max(16, length) if kind == _FIXED else _WIDTHS.get(kind, 16)
    taken = values * width if values > 0 else 0
    return taken + size if kind == BYTE_ARRAY and size > 0 else taken


def read_footer(stream: BinaryIO) -> Footer:
    """What the footer claims; not asked of pyarrow, which ends the process where a column is encrypted.

    The stream's position is kept.
    """
    data = _bytes(stream)
    if data is None:
        raise CorruptDataError("The file does not end as Parquet does")
    if len(data) <= _KEPT:
        return _parsed(data)
    with _damage():
        return Footer(data)


def check_levels(stream: BinaryIO) -> None:
    """Refuse a schema so deep that a library which reads it ends the process; what is wrong else, that library says."""
    data = _bytes(stream)
    if data is not None and len(data) >= SMALLEST_TOO_DEEP:
        read_footer(stream)


@functools.lru_cache(maxsize=4)
def _parsed(data: bytes) -> Footer:
    with _damage():
        return Footer(data)


def _bytes(stream: BinaryIO) -> bytes | None:
    """The footer, if the file ends in one; the stream's position is kept."""
    position = stream.tell()
    try:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - 8))
        tail = stream.read(8)
        length = struct.unpack("<I", tail[:4])[0] if len(tail) == 8 else 0
        if tail[4:] != MAGIC or length + 8 > size:
            return None
        stream.seek(size - 8 - length)
        return stream.read(length)
    finally:
        stream.seek(position)


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (IndexError, struct.error, ValueError) as error:
        if isinstance(error, CorruptDataError):
            raise
        raise CorruptDataError(f"The footer of the file cannot be read: {error}") from error


def _columns(compact: Compact, fields: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Of every column of a row group these numbers; a wide table has tens of thousands of values here."""
    for _ in _items_of(compact, _COLUMNS):
        told = dict.fromkeys(fields, 0)
        yield tuple(told.values()) if compact.take(told, within=_META) else ()


def _element(compact: Compact) -> tuple[int, ...]:
    told = {_LENGTH: 0, _REPETITION: 0, _CHILDREN: 0}
    compact.take(told)
    return tuple(told.values())


def _leaves(elements: list[tuple[int, ...]]) -> Iterator[Leaf]:
    """Those of the schema, which is a tree written down from its root: each element with its number of children."""
    floors = [(0, 0, 1)]  # optional and repeated floors so far, and the children that are yet to come
    for number, (length, repetition, children) in enumerate(elements):
        optional, repeated, left = floors.pop()
        if left > 1:
            floors.append((optional, repeated, left - 1))
        optional += number > 0 and repetition in (_OPTIONAL, _REPEATED)
        repeated += number > 0 and repetition == _REPEATED
        if children > 0:
            floors.append((optional, repeated, children))
        else:
            yield Leaf(length, optional, repeated)


def _items_of(compact: Compact, wanted: int) -> Iterator[int]:
    """Each item of the list that is this field of a struct, for the caller to read; the rest is passed over."""
    for field, kind in compact.fields():
        if field == wanted:
            yield from compact.items()
        else:
            compact.skip(kind)
