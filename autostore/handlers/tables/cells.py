"""Cells that another type would change: of rows that become a table, and of tables of which pandas makes floats."""

from __future__ import annotations

from itertools import chain
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables.known import to_pandas
from autostore.optional import require

__all__ = ["EXACT", "check_cells", "check_floats", "frame_of"]

EXACT = 2**53
"""Up to here every whole number is a float of 64 bits too."""

_BY_POLARS = "Read it with as_type=polars.DataFrame."


def check_cells(column: str, dtype: Any, cells: list[Any]) -> None:
    """Refuse a column whose cells are of types that have no type in common: 1 beside "a", a dict beside a number."""
    pl = require("polars")
    present = [cell for cell in cells if cell is not None]
    kinds = set(map(type, present))
    if dtype == pl.List and kinds <= {list}:
        check_cells(column, dtype.inner, list(chain.from_iterable(present)))
    elif dtype == pl.Struct and kinds <= {dict}:
        for field in dtype.fields:
            check_cells(column, field.dtype, [cell.get(field.name) for cell in present])
    elif not kinds <= _allowed(pl, dtype):
        named = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise UnsupportedFormatError(
            f"The column {column!r:.80} has cells of several types ({named}), which a table would change. "
            "Read the rows without as_type."
        )
    elif dtype.is_float() and any(type(cell) is int and abs(cell) > EXACT for cell in present):
        raise _too_long(column, "Read the rows without as_type.")


def check_floats(frame: Any) -> None:
    """Refuse whole numbers of which pandas would make floats, as a cell of their column is null."""
    for series in frame:
        if series.dtype.is_integer() and series.null_count() and max(series.max() or 0, -(series.min() or 0)) > EXACT:
            raise _too_long(series.name, _BY_POLARS)


def frame_of(table: Any) -> Any:
    """A table of Arrow as a frame of pandas, with the same refusal."""
    pa, compute, frame = require("pyarrow"), require("pyarrow.compute"), to_pandas(table)
    floats = {name for name, dtype in frame.dtypes.items() if dtype.kind == "f"}
    for field, column in zip(table.schema, table.columns, strict=True):
        if field.name in floats and pa.types.is_integer(field.type) and column.null_count:
            ends = compute.min_max(column).as_py()
            if max(ends["max"] or 0, -(ends["min"] or 0)) > EXACT:
                raise _too_long(field.name, _BY_POLARS)
    return frame


def _allowed(pl: Any, dtype: Any) -> set[type]:
    if dtype.is_float():
        return {int, float}
    return {int} if dtype.is_integer() else {str} if dtype == pl.String else {bool} if dtype == pl.Boolean else set()


def _too_long(column: str, remedy: str) -> UnsupportedFormatError:
    problem = f"The column {column!r:.80} has whole numbers beyond 2^53 that would be floats."
    return UnsupportedFormatError(f"{problem} {remedy}")
