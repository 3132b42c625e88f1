"""Which columns pyarrow numbers, as Parquet's dictionaries do: those whose values come again.

Of numbers that hardly ever repeat the dictionary of each group would be larger than they are, and twice as slow to
write. Texts need no such choice: pyarrow leaves off where their dictionary is 1 MiB.
"""

from __future__ import annotations

from typing import Any

from autostore.optional import require

__all__ = ["numbered"]

LEAST_ROWS = 16_384
"""Below so many rows it does not matter."""

_LOOKED_AT = 8192
_REPEATED = 0.05
"""Of the values that are looked at: so many come again where each is there three times in a group, or more."""


def numbered(table: Any, rows: int) -> list[str] | bool:
    """The names of these columns, by the first group of so many rows; True of all."""
    pa = require("pyarrow")
    rows = min(rows, table.num_rows)
    # What a part of a column is called in the file, pyarrow does not tell.
    if rows < LEAST_ROWS or any(pa.types.is_nested(getattr(kind, "storage_type", kind)) for kind in table.schema.types):
        return True
    first = table.slice(0, rows)
    plain = {
        field.name
        for field, column in zip(first.schema, first.columns, strict=True)
        if pa.types.is_primitive(field.type) and _hardly_repeats(column)
    }
    return [name for name in table.column_names if name not in plain] if plain else True


def _hardly_repeats(column: Any) -> bool:
    places = require("numpy").arange(0, len(column), -(-len(column) // _LOOKED_AT))
    looked_at = column.combine_chunks().take(places)
    return len(looked_at.unique()) > (1 - _REPEATED) * len(looked_at)
