"""How a CSV file was written: its encoding, its line ends and its delimiter, looked for before Polars reads it.

What is written here is UTF-8 with commas and quoted names, so only files of other programs are
ever judged by their unquoted text; what stays unclear is refused and never guessed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers.encoding import check_utf8

__all__ = ["MOST_COLUMNS", "delimiter"]

MOST_COLUMNS = 20_000
"""Each costs Polars some 20 KB, so that a file of nothing but commas would take ten thousand times its size."""

_LONGEST_HEADER = 4 * 1024 * 1024
_CHUNK = 1024 * 1024
_ROWS = 100
_LINE = re.compile(rb'(?:[^"\n]+|"[^"]*"?)*')  # what is quoted may hold line ends
_QUOTED = re.compile(rb'"[^"]*"?')
_OTHERS = {b";": "a semicolon", b"\t": "a tab", b"|": "a bar"}


def delimiter(stream: Any, wanted: bytes | None = None) -> tuple[str, int]:
    """What separates the columns of this open file, and how many there are; refuses what would be misread.

    `wanted` is what its name says, as that of a `.tsv` does.
    """
    stream.seek(0)
    check_utf8(_chunks(stream))
    stream.seek(0)
    lines = _lines(stream.read(_LONGEST_HEADER).removeprefix(b"\xef\xbb\xbf"))
    header = next(lines, b"")
    if b"\x00" in header:
        raise CorruptDataError("The file looks like UTF-16. Save it as UTF-8, or read it with as_type=bytes.")
    if b"\r" in header.removesuffix(b"\r"):
        raise CorruptDataError("The lines end with a carriage return alone. Save the file with line feeds.")
    found = wanted or _found(header, list(itertools.islice(lines, _ROWS)))
    columns = header.count(found) + 1
    if columns > MOST_COLUMNS:
        raise UnsupportedFormatError(f"The file has {columns} columns or more. Read it with as_type=bytes.")
    return found.decode(), columns


def _found(header: bytes, rows: list[bytes]) -> bytes:
    candidates = [mark for mark in (b",", *_OTHERS) if mark in header and _agree(header, rows, mark)]
    if len(candidates) == 1 and not header.startswith(b"sep="):
        return candidates[0]
    meant = [mark for mark in _OTHERS if mark in header]
    if not candidates and (b"," in header or not any(mark in row for mark in meant for row in rows)):
        return b","  # of one column the mark is a part of the name
    names = " or ".join(["a comma"] * (b"," in header) + [_OTHERS[mark] for mark in meant])
    raise UnsupportedFormatError(
        f"What separates the columns of this file is not clear; it may be {names}. "
        "Write it with commas, or read it with as_type=bytes and polars.read_csv(..., separator=...)."
    )


def _agree(header: bytes, rows: list[bytes], mark: bytes) -> bool:
    return all(row.count(mark) == header.count(mark) for row in rows)


def _lines(head: bytes) -> Iterator[bytes]:
    """The lines with something in them, without what is quoted; the last may be cut, and is left out."""
    position = 0
    while position < len(head):
        match = _LINE.match(head, position)
        end = match.end() if match else position
        if end == len(head) == _LONGEST_HEADER and position:
            return
        line = _QUOTED.sub(b"", head[position:end])
        if line.strip():
            yield line
        position = end + 1


def _chunks(stream: Any) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk
