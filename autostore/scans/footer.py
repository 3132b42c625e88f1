"""The end of a Parquet file: found, checked, and asked for what needs no more than a glance.

https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence

from autostore.errors import CorruptDataError
from autostore.handlers.tables.sealed import SEALED, encrypted
from autostore.handlers.tables.thrift import Compact
from autostore.pieces.ranges import Span, Tail

__all__ = ["MAGIC", "description", "footer_of", "row_count"]

MAGIC = b"PAR1"
SMALLEST = 12
LARGEST_FOOTER = 1 << 30


def footer_of(tail: Tail, read: Callable[[Sequence[Span]], list[bytes]] | None = None) -> bytes:
    """The last bytes of a file, from its footer on; `read` brings what the tail lacks."""
    size, data = tail.size, tail.data
    if read is not None and size >= SMALLEST and len(data) < 8:
        (data,) = read([(size - 8, size)])
    length = struct.unpack("<I", data[-8:-4])[0] + 8 if len(data) >= 8 else 0
    if data[-4:] == SEALED:
        raise encrypted()
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


@functools.lru_cache(maxsize=4)
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
