"""How much of a value a preview may show: limits for those that write one, and a last one for all that was written.

An event log, a page or a terminal is no place for the data itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from numbers import Integral, Real
from typing import Any

from autostore.errors import InvalidConfigError
from autostore.guard.foreign import let_pass
from autostore.preview import Cell, Columns, Fact, Markdown, Picture, Preview, Rows
from autostore.words import an

__all__ = [
    "CELL",
    "COLUMNS",
    "ROWS",
    "SCHEMA",
    "TOTAL",
    "bounded",
    "cell",
    "characters",
    "clip",
    "first_rows",
    "listed",
]

TEXT = 2_000
"""Characters of a text; Dagster shows up to 1,000 inline, more behind a link."""

CELL = 120
ROWS = 5
COLUMNS = 25
SCHEMA = 300

# The last limits leave room for notes and markup around what was clipped at those above.
FACTS = 100
MOST_ROWS = 50
MOST_COLUMNS = 50
TOTAL = 200_000
"""Characters of a whole preview; a picture counts by its base64."""


def clip(text: str, length: int = TEXT) -> str:
    """The beginning of a text, with a note of how much is missing."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters)"


def cell(value: Any) -> Cell:
    """A value as small tables hold it: text, number, bool or None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return clip(value if isinstance(value, str) else str(value), CELL)


def listed(cells: Callable[[], list[Any]], rows: int) -> list[Any]:
    """The cells of a column, or why there are none: a table may hold days and spans that Python has not."""
    try:
        return cells()
    except (ValueError, OverflowError) as error:
        let_pass(error)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Polars
            raise
    return ["beyond Python's dates"] * rows


def first_rows(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """The first of these rows, with the first columns of the first one."""
    names = list(rows[0])[:COLUMNS] if rows else []
    return Rows([{clip(name, CELL): cell(row.get(name)) for name in names} for row in rows[:ROWS]])


def bounded(preview: Preview, author: str) -> Preview:
    """A preview within the last limits, whoever wrote it; a table without rows, and what no longer fits, is left out.

    Numbers become Python's own, and those that JSON or a plot cannot hold become text.
    """
    found: dict[str, Fact] = {}
    room = TOTAL
    for name, fact in islice(preview.items(), FACTS):
        label, kept = _text(name), _bounded(fact)
        if kept is None:
            raise InvalidConfigError(
                f"The preview of {author} gives {an(type(fact).__qualname__)} for {label!r}. "
                "Give a number, a str, Markdown, Picture, Rows or Columns."
            )
        size = len(label) + _size(kept)
        if size <= room and not (isinstance(kept, Rows) and not kept.rows):
            found[label] = kept
            room -= size
    return found


def characters(preview: Preview) -> int:
    """How much a preview shows."""
    return sum(len(name) + _size(fact) for name, fact in preview.items())


def _bounded(fact: object) -> Fact | None:
    match fact:
        case Markdown(text):
            return Markdown(_text(text))
        case Picture():
            return fact
        case Rows(rows):
            return Rows(_alike(rows[:MOST_ROWS]))
        case Columns(columns):
            return Columns([(_text(name), _text(dtype)) for name, dtype in columns[:SCHEMA]])
        case bool():
            return str(fact)
        case Integral() | Real():
            number = cell(int(fact) if isinstance(fact, Integral) else float(fact))
            return number if isinstance(number, int | float) else str(number)
        case str():
            return _text(fact)
    return None


def _alike(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Cell]]:
    """The rows with the same columns each, and cells of plain types."""
    names = list(islice(dict.fromkeys(name for row in rows for name in row), MOST_COLUMNS))
    return [{_text(name): _cell(row.get(name)) for name in names} for row in rows]


def _cell(value: object) -> Cell:
    return _text(value) if isinstance(value, str) else cell(value)


def _text(text: str) -> str:
    return clip(str.__str__(text), 2 * TEXT)  # a plain one, also of an enum's member


def _size(fact: Fact) -> int:
    match fact:
        case Markdown(text):
            return len(text)
        case Picture(data):
            return len(data) * 4 // 3
        case Rows(rows):
            return sum(len(name) + len(str(value)) for row in rows for name, value in row.items())
        case Columns(columns):
            return sum(len(name) + len(dtype) for name, dtype in columns)
    return len(str(fact))
