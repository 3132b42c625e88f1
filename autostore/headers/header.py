"""`Header`: what a file tells of its value without being read; and how the beginning of a file is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

__all__ = ["BEGINNING", "LONGEST", "Header", "beginning", "text_of"]

BEGINNING = 4096
"""Bytes of a text file that are looked at."""

LONGEST = 16 * 1024 * 1024
"""Bytes of a header; a longer one is not looked at."""

_SHOWN = 500


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of its value; what it does not say is None or empty.

    Attributes:
        type: the class that reading gives, such as `"polars.DataFrame"`, as far as the file names it.
        shape: of an array, a table `(rows, columns)`, or a picture `(height, width)`.
        dtype: of an array; of a picture its mode.
        columns: name and dtype of each column of a table; a CSV file does not say its dtypes.
        parts: what a container holds: name of each part, and what it is.
        preview: the first characters of a text.
    """

    type: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    columns: tuple[tuple[str, str], ...] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    preview: str | None = None


def beginning(file: BinaryIO, length: int = BEGINNING) -> bytes:
    """The first bytes of an open file, without a byte order mark."""
    file.seek(0)
    return file.read(length).removeprefix(b"\xef\xbb\xbf")


def text_of(data: bytes) -> str:
    """The first characters of a text that may be cut within one."""
    text = data.decode("utf-8", errors="ignore")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
