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

__all__ = ["Chunk", "chunks", "unfolded"]

MAGIC = b"PAR1"
# Bytes in memory of one value, by the number of its physical type; texts and bytes take a view of 16 besides.
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 6: 16, 7: 16}
_BYTE_ARRAY = 6
# Numbers of the fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROW_GROUPS, _COLUMNS, _META = 4, 1, 3
_TYPE, _VALUES, _UNCOMPRESSED = 1, 5, 6
_DEEPEST = 32
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
        return sum(_memory(chunk) for chunk in chunks(stream))
    finally:
        stream.seek(position)


def _memory(chunk: Chunk) -> int:
    values = max(chunk.values, 0) * _WIDTHS.get(chunk.type, 16)
    return values + max(chunk.size, 0) if chunk.type == _BYTE_ARRAY else values


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
        yield from _found(_Compact(stream.read(length)))
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


def _found(compact: _Compact) -> Iterator[Chunk]:
    for field, kind in compact.fields():
        if field != _ROW_GROUPS:
            compact.skip(kind)
            continue
        for _ in compact.items():
            for inner, inner_kind in compact.fields():
                if inner != _COLUMNS:
                    compact.skip(inner_kind)
                    continue
                for _ in compact.items():
                    yield from _column(compact)


def _column(compact: _Compact) -> Iterator[Chunk]:
    for field, kind in compact.fields():
        if field != _META:
            compact.skip(kind)
            continue
        told = {_TYPE: 0, _VALUES: 0, _UNCOMPRESSED: 0}
        for inner, inner_kind in compact.fields():
            if inner in told:
                told[inner] = compact.number()
            else:
                compact.skip(inner_kind)
        yield Chunk(told[_TYPE], told[_VALUES], told[_UNCOMPRESSED])


class _Compact:
    """A cursor over Thrift's compact protocol that knows just enough to pass over what nobody asks for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """`(number, kind)` of each field of a struct; the caller reads or skips its value."""
        field = 0
        while True:
            head = self._byte()
            kind = head & 0x0F
            if not kind:
                return
            field = field + (head >> 4) if head >> 4 else self.number()
            yield field, kind

    def items(self) -> Iterator[int]:
        """The kind of each item of a list of structs; the caller reads it."""
        count, kind = self._list()
        for _ in range(count):
            yield kind

    def number(self) -> int:
        """A signed integer."""
        raw = self._varint()
        return (raw >> 1) ^ -(raw & 1)

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value."""
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind in _FIXED:
            self._at += _FIXED[kind]
        elif kind in (4, 5, 6):
            self._varint()
        elif kind == 8:
            length = self._varint()
            self._at += length
        elif kind in (9, 10):
            count, inner = self._list()
            for _ in range(count):
                self.skip(3 if inner in (1, 2) else inner, depth + 1)
        elif kind == 12:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise ValueError(f"a value of kind {kind}")

    def _list(self) -> tuple[int, int]:
        head = self._byte()
        count = head >> 4
        return (self._varint() if count == 15 else count), head & 0x0F

    def _byte(self) -> int:
        found = self._data[self._at]
        self._at += 1
        return found

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")
