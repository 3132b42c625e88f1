"""One of many tables of a scan: which file, in which version, with which values that stand in its folder's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.pieces.ranges import Tail

__all__ = ["Part", "hive", "named_damage"]

NULL = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, Spark and others write for a partition that has no value."""


@dataclass(frozen=True)
class Part:
    """A file of one version.

    Attributes:
        path: below the store's URI.
        extension: of the file.
        etag: of the version that the scan is of.
        size: bytes.
        name: how messages call it.
        constants: columns that have one value in the whole table.
        tail: its last bytes, where they were looked at.
    """

    path: str
    extension: str
    etag: str
    size: int
    name: str
    constants: Mapping[str, Any] = field(default_factory=dict)
    tail: Tail | None = None


def hive(path: str) -> dict[str, str | None]:
    """`{"date": "2013-01-01"}` of `flights/date=2013-01-01/data.parquet`, percent-decoded.

    https://docs.pola.rs/user-guide/io/hive/
    """
    found: dict[str, str | None] = {}
    for segment in path.split("/")[:-1]:
        name, equals, value = segment.partition("=")
        if equals and name:
            found[_decoded(name)] = None if value == NULL else _decoded(value)
    return found


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:  # no percent encoding then; with replacements two folders would become one
        return text


@contextlib.contextmanager
def named_damage(part: Part) -> Iterator[None]:
    """What is wrong with a table names it."""
    try:
        yield
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(f"{part.name}: {error}") from error
    except CorruptDataError as error:
        raise CorruptDataError(
            f"{part.name}: this is not a valid {part.extension} file: {error!s:.300}. "
            "Read it with as_type=bytes to see what is there, and ask what wrote it."
        ) from error
