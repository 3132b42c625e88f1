"""How large a Parquet file unfolds, from its footer alone: before a page is read, and without a library.

https://parquet.apache.org/docs/file-format/metadata/
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from autostore.errors import CorruptDataError
from autostore.handlers.tables.thrift import Compact

__all__ = ["Chunk", "chunks", "memory_of", "unfolded"]

MAGIC = b"PAR1"
# Bytes in memory of one value, by the number of its physical type; texts and bytes take a view of 16 besides.
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 6: 16, 7: 16}
_BYTE_ARRAY = 6
# Numbers of the fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROW_GROUPS, _COLUMNS, _META = 4, 1, 3
_TYPE, _VALUES, _UNCOMPRESSED = 1, 5, 6


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


def memory_of(chunk: Chunk) -> int:
    """Bytes that a chunk takes in memory, at least."""
    kind, values, size = chunk
    width = _WIDTHS.get(kind, 16)
    taken = values * width if values > 0 else 0
    return taken + size if kind == _BYTE_ARRAY and size > 0 else taken


def chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Every column of every row group; not asked of pyarrow, which ends the process where a column is encrypted."""
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    length = struct.unpack("<I", tail[:4])[0] if len(tail) == 8 else 0
    if tail[4:] != MAGIC or length + 8 > size:
        raise CorruptDataError("The file does not end as Parquet does")
    stream.seek(size - 8 - length)
    try:
        yield from _chunks(Compact(stream.read(length)))
    except (IndexError, struct.error, ValueError) as error:
        raise CorruptDataError(f"The footer of the file cannot be read: {error}") from error


def _chunks(compact: Compact) -> Iterator[Chunk]:
    """Every column of every row group; a wide table has tens of thousands of values here."""
    for _ in _items_of(compact, _ROW_GROUPS):
        for _ in _items_of(compact, _COLUMNS):
            told = {_TYPE: 0, _VALUES: 0, _UNCOMPRESSED: 0}
            if compact.take(told, within=_META):
                yield Chunk(*told.values())


def _items_of(compact: Compact, wanted: int) -> Iterator[int]:
    """Each item of the list that is this field of a struct, for the caller to read; the rest is passed over."""
    for field, kind in compact.fields():
        if field == wanted:
            yield from compact.items()
        else:
            compact.skip(kind)
