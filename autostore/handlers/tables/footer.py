"""How large a Parquet file unfolds, from its footer alone: before a page is read, and without a library.

The footer is Thrift in its compact protocol: https://parquet.apache.org/docs/file-format/metadata/,
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from autostore.errors import CorruptDataError

__all__ = ["Chunk", "chunks", "memory_of", "unfolded", "unfolded_by"]

MAGIC = b"PAR1"
# Bytes in memory of one value, by the number of its physical type; texts and bytes take a view of 16 besides.
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 6: 16, 7: 16}
_BYTE_ARRAY = 6
# Numbers of the fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROW_GROUPS, _COLUMNS, _META = 4, 1, 3
_TYPE, _VALUES, _UNCOMPRESSED = 1, 5, 6
_DEEPEST = 32
# Kinds of values in Thrift.
_NUMBERS, _TEXT, _LISTS, _STRUCT = (4, 5, 6), 8, (9, 10), 12
_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}
"""Bytes of a value, by its kind in Thrift: true and false stand in the head of their field."""


class Chunk(NamedTuple):
    """A column of a row group: its physical type, how many values it claims, and its bytes before compression."""

    type: int
    values: int
    size: int


def unfolded(stream: BinaryIO) -> int:
    """Bytes that the table takes in memory, at least; the stream's position is kept."""
    position = stream.tell()
    try:
        return sum(map(memory_of, chunks(stream)))
    finally:
        stream.seek(position)


def unfolded_by(metadata: Any) -> int:
    """The same of a footer that pyarrow has read."""
    return sum(map(memory_of, _of_pyarrow(metadata)))


def memory_of(chunk: Chunk) -> int:
    """Bytes that a chunk takes in memory, at least."""
    kind, values, size = chunk
    width = _WIDTHS.get(kind, 16)
    taken = values * width if values > 0 else 0
    return taken + size if kind == _BYTE_ARRAY and size > 0 else taken


def chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Every column of every row group."""
    footer = _by_pyarrow(stream)
    if footer is not None:
        yield from _of_pyarrow(footer)
        return
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    length = struct.unpack("<I", tail[:4])[0] if len(tail) == 8 else 0
    if tail[4:] != MAGIC or length + 8 > size:
        raise CorruptDataError("The file does not end as Parquet does")
    stream.seek(size - 8 - length)
    try:
        yield from _Footer(stream.read(length)).chunks()
    except (IndexError, struct.error, ValueError) as error:
        raise CorruptDataError(f"The footer of the file cannot be read: {error}") from error


_TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


def _by_pyarrow(stream: BinaryIO) -> Any:
    """The footer, where the library is loaded and knows the types in it: it opens no file with Int128."""
    library: Any = sys.modules.get("pyarrow.parquet")
    try:
        return None if library is None else library.read_metadata(stream)
    except NotImplementedError:
        return None


def _of_pyarrow(footer: Any) -> Iterator[Chunk]:
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        for at in range(group.num_columns):
            column = group.column(at)
            yield Chunk(_TYPES.index(column.physical_type), column.num_values, column.total_uncompressed_size)


class _Footer:
    """A cursor over Thrift's compact protocol that knows just enough to pass over what nobody asks for.

    Written for speed, since every table is read through it: a wide one has tens of thousands of values here.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def chunks(self) -> Iterator[Chunk]:
        """Every column of every row group."""
        for _ in self._items_of(_ROW_GROUPS):
            for _ in self._items_of(_COLUMNS):
                yield from self._column()

    def _items_of(self, wanted: int) -> Iterator[None]:
        """Each item of the list that is this field of a struct, for the caller to read; the rest is passed over."""
        for field, kind in self._fields():
            if field != wanted:
                self._skip(kind)
                continue
            for _ in range(self._list()[0]):
                yield

    def _column(self) -> Iterator[Chunk]:
        told = {_TYPE: 0, _VALUES: 0, _UNCOMPRESSED: 0}
        found = self._struct(told, within=_META)
        if found:
            yield Chunk(*told.values())

    def _fields(self) -> Iterator[tuple[int, int]]:
        """`(number, kind)` of each field of a struct; the caller reads or skips its value."""
        data, field = self._data, 0
        while head := data[self._at]:
            self._at += 1
            kind = head & 0x0F
            if not kind:
                raise ValueError("a field of no kind")
            field = field + (head >> 4) if head >> 4 else self._number()
            yield field, kind
        self._at += 1

    def _number(self) -> int:
        """A signed integer."""
        raw = self._varint()
        return (raw >> 1) ^ -(raw & 1)

    def _skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value."""
        if kind == _STRUCT:
            self._struct({}, depth)
        elif kind in _LISTS:
            self._skip_list(depth)
        elif kind in _NUMBERS:
            self._varint()
        elif kind == _TEXT:
            length = self._varint()
            self._at += length
        elif kind in _FIXED:
            self._at += _FIXED[kind]
        else:
            raise ValueError(f"a value of kind {kind}")

    def _struct(self, told: dict[int, int], depth: int = 0, *, within: int = 0) -> bool:
        """Pass over a struct, taking the numbers of the fields that are `told`, here or `within` a struct in it.

        Whether that was there. No call for each plain value, of which a footer has dozens a column.
        """
        data, at, field, found = self._data, self._at, 0, False
        while head := data[at]:
            at += 1
            kind = head & 0x0F
            field += head >> 4
            if kind in _NUMBERS and head > 15 and (within or field not in told):
                while data[at] > 127:
                    at += 1
                at += 1
            elif kind == _TEXT and head > 15 and data[at] < 128:
                at += data[at] + 1
            else:
                self._at = at
                if head < 16:
                    field = self._number()
                if field == within and kind == _STRUCT:
                    found = self._struct(told, _deeper(depth)) or True
                elif field in told and kind in _NUMBERS and not within:
                    told[field] = self._number()
                elif kind > 2:
                    self._skip(kind, _deeper(depth))
                at = self._at
        self._at = at + 1
        return found

    def _skip_list(self, depth: int) -> None:
        data = self._data
        count, kind = self._list()
        if kind in _NUMBERS:
            at = self._at
            for _ in range(count):
                while data[at] > 127:
                    at += 1
                at += 1
            self._at = at
            return
        for _ in range(count):
            self._skip(3 if kind in (1, 2) else kind, _deeper(depth))

    def _list(self) -> tuple[int, int]:
        head = self._data[self._at]
        self._at += 1
        count = head >> 4
        return (self._varint() if count == 15 else count), head & 0x0F

    def _varint(self) -> int:
        data = self._data
        byte = data[self._at]
        self._at += 1
        if byte < 128:
            return byte
        found, shift = byte & 0x7F, 7
        while True:
            byte = data[self._at]
            self._at += 1
            found |= (byte & 0x7F) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")


def _deeper(depth: int) -> int:
    if depth >= _DEEPEST:
        raise ValueError("it is nested too deeply")
    return depth + 1
