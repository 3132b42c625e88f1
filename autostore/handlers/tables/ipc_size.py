"""How much memory a file of Arrow IPC takes once it is read, by what its footer and the heads of its batches claim.

A packed buffer begins with the length that it unfolds to, which every reader allocates. The parts of the flatbuffers
that matter are read here: https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError

__all__ = ["unfolded_ipc"]

_MAGIC = b"ARROW1"
_LONGEST = 256 << 20
"""Bytes of a footer or of the head of a batch."""

_CELL = 8
"""What a row of a column may take that has no bytes in the file, such as one of nulls."""


def unfolded_ipc(stream: BinaryIO) -> int:
    """Bytes in memory; `CorruptDataError` where the file is none."""
    size = stream.seek(0, io.SEEK_END)
    try:
        return size + sum(_batch(stream, *block) for block in _blocks(stream, size))
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        if isinstance(error, StorageError):
            raise
        raise CorruptDataError(f"This is no whole file of Arrow: {error}. Look at it with as_type=bytes.") from error


def _blocks(stream: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Where each batch begins, and how long its head is."""
    stream.seek(max(size - 10, 0))
    tail = stream.read(10)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC:
        _check_kind(stream)
    if tail[4:] != _MAGIC or length > min(size - 10, _LONGEST):
        raise CorruptDataError("The file does not end as one of Arrow does. Look at it with as_type=bytes.")
    stream.seek(size - 10 - length)
    footer = _Table(stream.read(length), None)
    for field in (2, 3):
        start, count = footer.vector(field)
        for number in range(count):
            offset, head, _ = struct.unpack_from("<qi4xq", footer.data, start + 24 * number)
            yield offset, head


def _check_kind(stream: BinaryIO) -> None:
    """Refuse what others store under such a name too, and is none of these files."""
    stream.seek(0)
    head = stream.read(4)
    if head == b"\xff\xff\xff\xff":
        kind, reader = "a stream of Arrow, as datasets of Hugging Face are", "pyarrow.ipc.open_stream"
    elif head == b"FEA1":
        kind, reader = "Feather of version 1", "pyarrow.feather.read_table"
    else:
        return
    raise UnsupportedFormatError(f"The file is {kind}. Read it with as_type=pathlib.Path and {reader}.")


def _batch(stream: BinaryIO, offset: int, length: int) -> int:
    """What the buffers of a batch unfold to beyond the file, and the rows of its columns."""
    if not 0 < length <= _LONGEST:
        raise CorruptDataError("A batch of the file has no head. Look at it with as_type=bytes.")
    stream.seek(offset)
    head = stream.read(length)
    begin = 8 if head[:4] == b"\xff\xff\xff\xff" else 4
    message = _Table(head[begin:], None)
    batch = message.table(2)
    if message.byte(1) == 2:  # a dictionary
        batch = batch.table(1)
    start, count = batch.vector(1)
    rows = 0
    for number in range(count):
        rows += max(int(struct.unpack_from("<q", batch.data, start + 16 * number)[0]), 0)
    return rows * _CELL + (_packed(stream, batch, offset + length) if batch.at(3) else 0)


def _packed(stream: BinaryIO, batch: _Table, body: int) -> int:
    total, (start, count) = 0, batch.vector(2)
    for number in range(count):
        offset, length = struct.unpack_from("<qq", batch.data, start + 16 * number)
        if length >= 8:
            stream.seek(body + offset)
            total += max(int.from_bytes(stream.read(8), "little", signed=True), 0)
    return total


class _Table:
    """A table of a flatbuffer: its fields by number."""

    def __init__(self, data: bytes, position: int | None) -> None:
        self.data = data
        self._position = struct.unpack_from("<I", data)[0] if position is None else position
        (back,) = struct.unpack_from("<i", data, self._position)
        self._index = self._position - back
        if self._index < 0:
            raise CorruptDataError("The file leads before its beginning. Look at it with as_type=bytes.")
        (self._size,) = struct.unpack_from("<H", data, self._index)

    def at(self, field: int) -> int:
        """Where a field stands; 0 where it is left out."""
        place = 4 + 2 * field
        found = struct.unpack_from("<H", self.data, self._index + place)[0] if place < self._size else 0
        return self._position + found if found else 0

    def byte(self, field: int) -> int:
        """A number of one byte."""
        return self.data[self.at(field)] if self.at(field) else 0

    def table(self, field: int) -> _Table:
        """A table within."""
        return _Table(self.data, self._follow(field))

    def vector(self, field: int) -> tuple[int, int]:
        """Where its first item stands, and how many there are."""
        if not self.at(field):
            return 0, 0
        start = self._follow(field)
        return start + 4, struct.unpack_from("<I", self.data, start)[0]

    def _follow(self, field: int) -> int:
        place = self.at(field)
        return place + int(struct.unpack_from("<I", self.data, place)[0])
