"""The kinds of facts that a preview is made of: each can be shown on any screen.

A handler gives them (`DataHandler.preview`); a notebook, a command or the Dagster UI renders them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Cell", "Columns", "Fact", "Markdown", "Picture", "Preview", "Rows"]

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Markdown:
    """Text to be rendered."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A small image: the bytes of a file of this media type."""

    data: bytes = field(repr=False)
    media_type: str = "image/webp"


@dataclass(frozen=True)
class Rows:
    """A small table: the first rows of a large one, or name and value of each field."""

    rows: Sequence[Mapping[str, Cell]]


@dataclass(frozen=True)
class Columns:
    """Name and type of each column of a table."""

    columns: Sequence[tuple[str, str]]


Fact = int | float | str | Markdown | Picture | Rows | Columns
Preview = Mapping[str, Fact]
"""Facts by name. Numbers plot over time; `row_count` and `column_schema` mean what they say everywhere."""
