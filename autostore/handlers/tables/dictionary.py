"""How long the texts of a dictionary are, in a Parquet file and in memory.

That of a file is packed as a page of texts is, so that pyarrow reads it as the only page of a file made around it:
a loop over a megabyte of texts here would take as long as reading the rest of their column.
"""

from __future__ import annotations

import struct
from typing import Any

from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["longest", "texts_in"]

# Kinds of values in Thrift's compact protocol.
_I32, _I64, _TEXT, _LIST, _STRUCT = 5, 6, 8, 9, 12
_TEXTS, _PLAIN, _RUNS = 6, 0, 3


def longest(packed: bytes, *, values: int, size: int, codec: int) -> int:
    """Bytes of the longest of so many texts, whose page unfolds to this size; the size where it cannot be read."""
    if not 0 < values <= size // 4:
        return size
    pa, compute = require("pyarrow"), require("pyarrow.compute")
    file = _file(packed, values, size, codec)
    try:
        table = require("pyarrow.parquet").ParquetFile(pa.BufferReader(file)).read(use_threads=False)
    except Exception as error:  # whoever reads the table says what is wrong with its dictionary
        let_pass(error)
        return size
    return int(compute.max(compute.binary_length(table.column(0))).as_py())


def _file(packed: bytes, values: int, size: int, codec: int) -> bytes:
    details = _struct((1, _I32, values), (2, _I32, _PLAIN), (3, _I32, _RUNS), (4, _I32, _RUNS))
    head = _struct((1, _I32, 0), (2, _I32, size), (3, _I32, len(packed)), (5, _STRUCT, details))
    page = head + packed
    column = _struct(
        *((1, _I32, _TEXTS), (2, _LIST, [(_I32, _number(_PLAIN))]), (3, _LIST, [(_TEXT, _text(b"t"))])),
        *((4, _I32, codec), (5, _I64, values), (6, _I64, size + len(head)), (7, _I64, len(page)), (9, _I64, 4)),
    )
    chunk = _struct((2, _I64, 4), (3, _STRUCT, column))
    group = _struct((1, _LIST, [(_STRUCT, chunk)]), (2, _I64, size + len(head)), (3, _I64, values))
    root = _struct((4, _TEXT, _text(b"s")), (5, _I32, 1))
    leaf = _struct((1, _I32, _TEXTS), (3, _I32, 0), (4, _TEXT, _text(b"t")))
    footer = _struct(
        *((1, _I32, 1), (2, _LIST, [(_STRUCT, root), (_STRUCT, leaf)])),
        *((3, _I64, values), (4, _LIST, [(_STRUCT, group)])),
    )
    return b"".join((b"PAR1", page, footer, struct.pack("<I", len(footer)), b"PAR1"))


def _struct(*fields: tuple[int, int, int | bytes | list[tuple[int, bytes]]]) -> bytes:
    made, last = b"", 0
    for number, kind, value in fields:
        made += bytes([number - last << 4 | kind])
        if isinstance(value, list):
            made += bytes([len(value) << 4 | value[0][0]]) + b"".join(item for _, item in value)
        else:
            made += _number(value) if isinstance(value, int) else value
        last = number
    return made + b"\0"


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def _number(value: int) -> bytes:
    left, made = value << 1, bytearray()
    while left > 127:
        made.append(left & 127 | 128)
        left >>= 7
    return bytes([*made, left])


def texts_in(words: Any) -> Any:
    """The words of a dictionary as a type whose lengths Arrow knows: numbers and days are none, and take no place."""
    pa = require("pyarrow")
    is_text = words.type in (pa.string(), pa.large_string(), pa.string_view())
    is_bytes = words.type in (pa.binary(), pa.large_binary(), pa.binary_view())
    return words.cast(pa.large_binary()) if is_text or is_bytes else pa.nulls(len(words), pa.binary())
