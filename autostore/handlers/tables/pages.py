"""The pages of a column of texts in a Parquet file: what their heads say, and how long the texts in them are.

Writers hold a text that comes again only once: in a dictionary, or as what the one before began with. A reader
that gives each text a place of its own takes what `dictionary.longest` and `shared_beginnings` tell.
https://parquet.apache.org/docs/file-format/data-pages/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from autostore.errors import CorruptDataError
from autostore.handlers.tables.footer import Leaf, Place
from autostore.handlers.tables.thrift import Compact
from autostore.optional import require

__all__ = ["DELTA", "DICTIONARY", "INDICES", "Page", "content", "packed", "pages", "shared_beginnings"]

_DATA, DICTIONARY, _DATA_V2 = 0, 2, 3
INDICES, DELTA = (2, 8), 7
"""Encodings: indices into the dictionary, and a text as how it differs from the one before."""

_HEAD = 1 << 10
"""Bytes that most heads are shorter than; those with long bounds are read again."""

_LONGEST_HEAD = 16 << 20
_TOO_LONG = 1 << 31
# Where the details of each kind of page stand, and in which field their encoding.
_DETAILS = {_DATA: (5, 2), DICTIONARY: (7, 2), _DATA_V2: (8, 4)}
_RUNS = 3
_NOT_PACKED = (7, 2)
"""The field `is_compressed`, and that it is false."""

_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 5: "lz4", 6: "zstd", 7: "lz4_raw"}


class Page(NamedTuple):
    """A page of a chunk.

    Attributes:
        kind: of data in either version, or the dictionary.
        values: how many it holds, nulls too.
        encoding: of its values.
        size: its bytes before compression.
        start: where it begins in the file, behind its head.
        packed: its bytes there.
        levels: those of them that come first and are never compressed.
        is_packed: whether the others may be.
        is_odd: whether its levels are not written as runs, as all writers of today do.
    """

    kind: int
    values: int
    encoding: int
    size: int
    start: int
    packed: int
    levels: int
    is_packed: bool
    is_odd: bool


def pages(stream: BinaryIO, place: Place, values: int) -> Iterator[Page]:
    """The pages of a chunk of so many values, as its readers go through them."""
    at = place.dictionary if 0 < place.dictionary < place.data else place.data
    end = at + place.packed
    while at < end and values > 0:
        page = _page(stream, at, end)
        if page.kind != DICTIONARY:
            values -= page.values
        yield page
        at = page.start + page.packed


def _page(stream: BinaryIO, at: int, end: int) -> Page:
    length = min(_HEAD, end - at)
    while True:
        stream.seek(at)
        compact = Compact(stream.read(length))
        try:
            return _head(compact, at)
        except IndexError as error:
            if length < min(_LONGEST_HEAD, end - at):
                length = min(length * 32, end - at)
                continue
            raise CorruptDataError("A page of the file has no head") from error
        except ValueError as error:
            raise CorruptDataError(f"The head of a page cannot be read: {error}") from error


def _head(compact: Compact, at: int) -> Page:
    told = {1: 0, 2: 0, 3: 0, 5: 0, 7: 0, 8: 0}
    compact.take(told)
    kind, size, packed, *_ = told.values()
    start, (details, encoding) = at + compact.position, _DETAILS.get(kind, (0, 0))
    found = dict.fromkeys(range(1, 7), 0)
    is_packed = True
    if details and told[details]:
        compact.position = told[details]
        if kind == _DATA_V2:
            is_packed = _is_packed(compact)
            compact.position = told[details]
        compact.take(found)
    levels = found[5] + found[6] if kind == _DATA_V2 else 0
    is_odd = kind == _DATA and not found[3] == found[4] == _RUNS
    if min(size, packed, found[1], levels) < 0 or levels > min(size, packed):
        raise ValueError("its sizes cannot be")
    return Page(kind, found[1], found[encoding] if encoding else 0, size, start, packed, levels, is_packed, is_odd)


def _is_packed(compact: Compact) -> bool:
    """What the details of a page in the second version say; it is, if they do not."""
    found = True
    for field, kind in compact.fields():
        found = found and (field, kind) != _NOT_PACKED
        compact.skip(kind)
    return found


def packed(stream: BinaryIO, page: Page) -> bytes:
    """The bytes of a page in the file, behind its uncompressed levels."""
    stream.seek(page.start + page.levels)
    return stream.read(page.packed - page.levels)


def content(stream: BinaryIO, page: Page, codec: int) -> bytes | None:
    """What these bytes unfold to; None where nothing here does that."""
    data = packed(stream, page)
    if not codec or not page.is_packed:
        return data
    if codec not in _CODECS:
        return None
    pa = require("pyarrow")
    try:
        return bytes(pa.Codec(_CODECS[codec]).decompress(data, page.size - page.levels, asbytes=True))
    except (pa.ArrowException, OSError, ValueError):
        return None  # a reader says what is wrong with it


def shared_beginnings(page: Page, data: bytes, leaf: Leaf) -> int | None:
    """Bytes that the texts of a page have in common with the one before each, all together; None if it does not say."""
    at = 0
    if page.is_odd:
        return None
    try:
        if page.kind == _DATA:
            for depth in (leaf.repeated, leaf.optional):
                at += 4 + int(struct.unpack_from("<I", data, at)[0]) if depth else 0
        return _sum_of_deltas(data[at:], page.values)
    except (struct.error, IndexError, ValueError):
        return None


def _sum_of_deltas(data: bytes, most: int) -> int:
    """The sum of numbers that are packed as their differences (DELTA_BINARY_PACKED)."""
    compact = Compact(data)
    block, parts, count = compact.size(), compact.size(), compact.size()
    value = total = compact.number()
    left = count - 1
    if count > most or parts < 1 or block < parts:
        raise ValueError("its numbers are not packed as they should be")
    while left > 0:
        least = compact.number()
        for width in compact.raw(parts):
            take = min(left, block // parts)
            if take:
                packed = compact.raw(block // parts * width // 8)
                value, more = _summed(packed, width, take, value, least)
                total, left = total + more, left - take
    return total


def _summed(packed: bytes, width: int, count: int, value: int, least: int) -> tuple[int, int]:
    """The last of so many numbers after this one, and the sum of them; each differs by `least` and what is packed."""
    total = 0
    if not width:  # steps of one size, however many
        total = count * value + least * count * (count + 1) // 2
        value += count * least
    else:
        bits, mask = int.from_bytes(packed, "little"), (1 << width) - 1
        for number in range(count):
            value += least + (bits >> number * width & mask)
            total += value
            if not 0 <= value < _TOO_LONG:
                break
    if not 0 <= value < _TOO_LONG:
        raise ValueError("its numbers leave their range")
    return value, total
