"""How large a CSV file unfolds: packed files, which Polars opens unasked, and rows that leave out their cells."""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling

__all__ = ["check_size", "unpacked"]

_BLOCK = 1 << 20
_CELL_BYTES = 8
_PACKED = {b"\x1f\x8b": 31, b"\x78\x01": 15, b"\x78\x5e": 15, b"\x78\x9c": 15, b"\x78\xda": 15}
"""How gzip and zlib begin, and what zlib calls them."""

# Text may begin so, too ("x^2,y"), and Polars would take it for packed.
_NOT_PACKED = "The CSV begins like a packed file, and is none, or was cut. If it is text, put its first name in quotes"
_ZSTD = b"\x28\xb5\x2f\xfd"


def unpacked(stream: BinaryIO, ceiling: Ceiling) -> BinaryIO:
    """What Polars will read: the file itself, or what it unpacks, as far as the ceiling allows."""
    stream.seek(0)
    head = stream.read(4)
    if head == _ZSTD:
        raise UnsupportedFormatError("The CSV is packed by zstd. Unpack it first")
    stream.seek(0)
    if head[:2] not in _PACKED:
        return stream
    try:
        _check_unpacked(stream, _PACKED[head[:2]], ceiling)
        stream.seek(0)
        unpacker = zlib.decompressobj(_PACKED[head[:2]])
        content = unpacker.decompress(stream.read())
    except zlib.error as error:
        raise CorruptDataError(f"{_NOT_PACKED}: {error}") from error
    if not unpacker.eof:
        raise CorruptDataError(_NOT_PACKED)
    return io.BytesIO(content)


def check_size(stream: BinaryIO, columns: int, ceiling: Ceiling) -> None:
    """Refuse what would take more memory than the ceiling allows; costs a look unless the file may be such."""
    stream.seek(0)
    head = stream.read(4)
    if head == _ZSTD:
        raise UnsupportedFormatError("The CSV is packed by zstd. Unpack it first")
    if head[:2] in _PACKED:
        _check_unpacked(stream, _PACKED[head[:2]], ceiling)
        return
    size = stream.seek(0, io.SEEK_END)
    ceiling.check(size, "The CSV")
    if ceiling.allows(size * columns * _CELL_BYTES):  # even if every byte began a row
        return
    stream.seek(0)
    rows = sum(block.count(b"\n") for block in iter(lambda: stream.read(_BLOCK), b""))
    cells = rows * columns
    if cells > size:  # a cell that is there takes a byte
        ceiling.check(cells * _CELL_BYTES, "The CSV")


def _check_unpacked(stream: BinaryIO, form: int, ceiling: Ceiling) -> None:
    stream.seek(0)
    unpacker, total = zlib.decompressobj(form), 0
    data = stream.read(_BLOCK)
    while data:
        total += len(unpacker.decompress(data, _BLOCK))
        ceiling.check(total, "The packed CSV")
        data = unpacker.unconsumed_tail or (stream.read(_BLOCK) if not unpacker.eof else b"")
        if unpacker.eof:  # gzip files may be several, one after the other
            data = unpacker.unused_data or stream.read(_BLOCK)
            unpacker = zlib.decompressobj(form)
