"""The container of Avro: a header with the schema, and packed blocks of rows, each unfolded only as far as allowed.

https://avro.apache.org/docs/1.12.0/specification/#object-container-files
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.optional import require

__all__ = ["MAGIC", "Block", "blocks", "header", "zigzag"]

MAGIC = b"Obj\x01"
_SYNC = 16
_PIECE = 1 << 20
_MOST_NAMES = 1000


class Block(NamedTuple):
    """So many rows, and their bytes."""

    rows: int
    data: bytes


def zigzag(number: int) -> bytes:
    """A number as Avro writes it."""
    number, out = (number << 1) ^ (number >> 63), bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def header(stream: io.BytesIO) -> Mapping[str, bytes]:
    """The metadata of a file that begins here: `avro.schema`, `avro.codec` and others."""
    if _take(stream, 4) != MAGIC:
        raise CorruptDataError("The file does not begin as one of Avro. Look at it with as_type=bytes.")
    found: dict[str, bytes] = {}
    while count := _number(stream):
        if count < 0:  # then the size of the group follows
            count = -count
            _number(stream)
        if count + len(found) > _MOST_NAMES:
            raise CorruptDataError("The header of the file has no end. Look at it with as_type=bytes.")
        for _ in range(count):
            name = _bytes(stream).decode()
            found[name] = _bytes(stream)
    return found


def blocks(stream: io.BytesIO, codec: str, ceiling: Ceiling) -> Iterator[Block]:
    """The blocks that stand behind a header, unpacked."""
    sync, total = _take(stream, _SYNC), 0
    while stream.tell() < len(stream.getbuffer()):
        count, packed = _number(stream), _bytes(stream)
        data = _unpacked(packed, codec, ceiling, total)
        total += len(data)
        if not 0 <= count <= len(data):  # a row takes a byte at least
            raise CorruptDataError(f"A block of the file claims {count} rows. Look at it with as_type=bytes.")
        if _take(stream, _SYNC) != sync:
            raise CorruptDataError("A block of the file does not end where it should. Look at it with as_type=bytes.")
        yield Block(count, data)


def _unpacked(data: bytes, codec: str, ceiling: Ceiling, before: int) -> bytes:
    if codec == "null":
        return data
    if codec == "snappy":
        size = _number(io.BytesIO(data), signed=False)
        ceiling.check(before + size, "The table")
        return bytes(require("pyarrow").decompress(data[:-4], size, "snappy", asbytes=True))
    if codec == "zstandard":
        pa = require("pyarrow")
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return _collected(lambda: stream.read(_PIECE), ceiling, before)
    made: dict[str, Any] = {"deflate": lambda: zlib.decompressobj(-15), "bzip2": bz2.BZ2Decompressor,
                            "xz": lzma.LZMADecompressor}  # fmt: skip
    if codec not in made:
        raise UnsupportedFormatError(f"The file is packed by {codec!r:.40}. Rewrite it with the codec deflate.")
    unpacker, rest = made[codec](), [data]

    def read() -> bytes:
        piece: bytes = b"" if unpacker.eof else unpacker.decompress(rest.pop() if rest else b"", _PIECE)
        if codec == "deflate":
            rest.append(unpacker.unconsumed_tail)
        return piece

    return _collected(read, ceiling, before)


def _collected(read: Any, ceiling: Ceiling, before: int) -> bytes:
    out = bytearray()
    while piece := read():
        out += piece
        ceiling.check(before + len(out), "The table")
    return bytes(out)


def _number(stream: io.BytesIO, *, signed: bool = True) -> int:
    found, shift = 0, 0
    while True:
        byte = _take(stream, 1)[0]
        found |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (found >> 1) ^ -(found & 1) if signed else found
        if shift > 63:
            raise CorruptDataError("A number of the file has no end. Look at it with as_type=bytes.")


def _bytes(stream: io.BytesIO) -> bytes:
    length = _number(stream)
    if length < 0:
        raise CorruptDataError("A part of the file has less than no bytes. Look at it with as_type=bytes.")
    return _take(stream, length)


def _take(stream: io.BytesIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise CorruptDataError("The file was cut. Look at it with as_type=bytes.")
    return data
