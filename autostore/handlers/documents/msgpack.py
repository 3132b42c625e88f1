"""MessagePack as .msgpack, under exactly its name: https://github.com/msgpack/msgpack/blob/master/spec.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from autostore.errors import CorruptDataError
from autostore.handlers.documents.compact import CONTAINER, SCALAR, CompactHandler
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, loaded_type, require

__all__ = ["MsgpackHandler"]

_FIXED = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8, 0xD4: 2, 0xD5: 3,
    0xD6: 5, 0xD7: 9, 0xD8: 17, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4,
}  # fmt: skip
"""Bytes behind the first one of an item, none where it is not named."""

_MEASURED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""Bytes of the number behind the first one, which says how many follow."""

_TYPES = {
    "dict": (*range(0x80, 0x90), 0xDE, 0xDF), "list": (*range(0x90, 0xA0), 0xDC, 0xDD), "NoneType": (0xC0,),
    "bool": (0xC2, 0xC3), "bytes": (0xC4, 0xC5, 0xC6), "float": (0xCA, 0xCB),
    "str": (*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB), "int": (*range(0x80), *range(0xCC, 0xD4), *range(0xE0, 0x100)),
}  # fmt: skip
_TYPE_OF = {first: name for name, firsts in _TYPES.items() for first in firsts}
_CONTAINERS = frozenset((*_TYPES["dict"], *_TYPES["list"]))


class MsgpackHandler(CompactHandler):
    """What MessagePack gives back exactly, as .msgpack."""

    types = "what JSON holds, bytes, int of 64 bits, keys of int and bytes; `msgpack.ExtType` and `Timestamp`"
    read_by = "MessagePack in any language"
    requires = ("msgpack",)
    install = f"{DISTRIBUTION}[msgpack]"
    media_types = {".msgpack": "application/vnd.msgpack"}
    named_extensions = (".msgpack",)
    word = "MessagePack"

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The type that the first byte names."""
        first = file.read(1)
        return Header(type=_TYPE_OF.get(first[0])) if first else Header()

    def more(self) -> frozenset[type]:
        """The library's own."""
        return frozenset(filter(None, (loaded_type("msgpack", name) for name in ("ExtType", "Timestamp"))))

    def packed(self, data: Any) -> bytes:
        """As the library writes it."""
        content: bytes = require("msgpack").packb(data)
        return content

    def unpacked(self, content: bytes) -> Any:
        """As the library reads it, once all that is announced was found to be there."""
        msgpack = require("msgpack")
        walker = msgpack.Unpacker(max_buffer_size=len(content))
        walker.feed(content)
        try:
            walker.skip()
        except msgpack.OutOfData as error:
            raise CorruptDataError("The file was cut: it announces more than it holds.") from error
        if walker.tell() != len(content):
            raise CorruptDataError("More stands behind the value. Where there are several, read it with as_type=bytes.")
        return msgpack.unpackb(content, strict_map_key=False, object_pairs_hook=_unique)

    def sizes(self, content: bytes) -> Iterator[int]:
        """By the first byte of each."""
        at, end = 0, len(content)
        while at < end:
            first, count = content[at], 0
            at += 1 + _FIXED.get(first, 0)
            if first in _MEASURED:
                width = _MEASURED[first]
                count = int.from_bytes(content[at : at + width], "big") + (0xC7 <= first <= 0xC9)
                at += width
            elif 0xA0 <= first <= 0xBF:
                count = first & 0x1F
            count = min(count, end - at)
            at += count
            yield CONTAINER if first in _CONTAINERS else SCALAR + count


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    try:
        found = dict(pairs)
    except TypeError as error:
        raise CorruptDataError("A list or map is a key, which no dict has. Look at it with as_type=bytes.") from error
    if len(found) != len(pairs):
        raise CorruptDataError("A map of the file has a key twice, and readers disagree on which counts.")
    return found
