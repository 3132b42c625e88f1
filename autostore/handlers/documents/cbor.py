"""CBOR as .cbor, under exactly its name: https://www.rfc-editor.org/rfc/rfc8949.

Of its tags those are read that say a large number, a moment, a day or a UUID; others would compile patterns, parse
mails, share parts or take powers of numbers that the file chooses.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from autostore.errors import CorruptDataError
from autostore.handlers.documents.compact import CONTAINER, MOST_LEVELS, SCALAR, CompactHandler
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, require

__all__ = ["CBORHandler"]

_TYPES = {0: "int", 1: "int", 2: "bytes", 3: "str", 4: "list", 5: "dict"}
_SIMPLE = {0xF4: "bool", 0xF5: "bool", 0xF6: "NoneType", 0xF9: "float", 0xFA: "float", 0xFB: "float"}
_MEASURED, _CONTAINERS, _INDEFINITE = (2, 3), (4, 5), 31
_SELF_DESCRIBED = b"\xd9\xd9\xf7"
"""The tag that says of a file that it is CBOR, and nothing of its value."""


def _refuse(*_: Any) -> NoReturn:
    raise CorruptDataError("The file has a tag that is not read here. Look at it with as_type=bytes.")


_REFUSED = dict.fromkeys((4, 5, 25, 28, 29, 30, 35, 36, 52, 54, 256, 258, 260, 261, 43000), _refuse)
"""Decimals, fractions, references, patterns, mails, addresses, sets, complex numbers."""


class CBORHandler(CompactHandler):
    """What CBOR gives back exactly, as .cbor."""

    types = "what JSON holds, bytes, int of any size, keys of int and bytes; dates, moments with an offset, UUIDs"
    read_by = "CBOR in any language"
    requires = ("cbor2",)
    install = f"{DISTRIBUTION}[cbor]"
    media_types = {".cbor": "application/cbor"}
    named_extensions = (".cbor",)
    word = "CBOR"

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The type that the first byte names."""
        first = file.read(4).removeprefix(_SELF_DESCRIBED)[:1] or file.read(1)
        return Header(type=_TYPES.get(first[0] >> 5) or _SIMPLE.get(first[0])) if first else Header()

    def more(self) -> frozenset[type]:
        """Those that it has tags for."""
        return frozenset({dt.datetime, dt.date, uuid.UUID})

    def packed(self, data: Any) -> bytes:
        """As the library writes it."""
        content: bytes = require("cbor2").dumps(data)
        return content

    def unpacked(self, content: bytes) -> Any:
        """As the library reads it, but for the tags that are refused."""
        content = content.removeprefix(_SELF_DESCRIBED)
        stream, cbor2 = io.BytesIO(content), require("cbor2")
        decoder = cbor2.CBORDecoder(
            stream, semantic_decoders=_REFUSED, tag_hook=_refuse, max_depth=MOST_LEVELS, allow_duplicate_keys=False
        )
        try:
            value = decoder.decode()
        except cbor2.CBORDecodeError as error:
            if isinstance(error.__cause__, CorruptDataError):
                raise error.__cause__ from None
            raise
        if stream.tell() != len(content):
            raise CorruptDataError("More stands behind the value. Where there are several, read it with as_type=bytes.")
        return value

    def sizes(self, content: bytes) -> Iterator[int]:
        """By the first byte of each."""
        at, end = 0, len(content)
        while at < end:
            kind, said = content[at] >> 5, content[at] & 0x1F
            width = 1 << said - 24 if 24 <= said < _INDEFINITE else 0
            count = said if not width else int.from_bytes(content[at + 1 : at + 1 + width], "big")
            at += 1 + width
            count = min(count, end - at) if kind in _MEASURED and said != _INDEFINITE else 0
            at += count
            yield CONTAINER if kind in _CONTAINERS else SCALAR + count
