"""How much of a value may reach the event log."""

import math
from collections.abc import Sequence
from typing import Any

import dagster as dg

__all__ = ["CELL", "COLUMNS", "ROWS", "SCHEMA", "cell", "clip", "records_table"]

TEXT = 2_000
"""Characters of a preview; Dagster shows up to 1,000 inline, more behind a link."""

CELL = 120
ROWS = 5
COLUMNS = 25
SCHEMA = 300


def clip(text: str, length: int = TEXT) -> str:
    """The beginning of a text, with a note of how much is missing."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters)"


def cell(value: Any) -> str | int | float | bool | None:
    """A value as Dagster's tables hold it: text, number, bool or None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return clip(value if isinstance(value, str) else str(value), CELL)


def records_table(rows: Sequence[dict[str, Any]]) -> dg.MetadataValue | None:
    """A small table of these rows; None for none."""
    if not rows:
        return None
    names = list(rows[0])[:COLUMNS]
    return dg.MetadataValue.table(
        [dg.TableRecord({clip(name, CELL): cell(row.get(name)) for name in names}) for row in rows[:ROWS]]
    )
