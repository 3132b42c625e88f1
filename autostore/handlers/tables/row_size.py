"""How much memory the cells of a table take, once they are objects of Python's; asked before they are made.

Rows are dicts of such, and a frame of pandas has them where NumPy has no type. A column of nulls or zeros takes a
byte or a bit of a cell, and a dict a few hundred of a row.
"""

from __future__ import annotations

from typing import Any

from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables.moments import parts_of
from autostore.handlers.unfolding import OPENED, PART
from autostore.optional import require

__all__ = ["check_arrow_frame", "check_arrow_rows", "check_polars_rows"]

_POINTER = 8


def check_polars_rows(frame: Any, ceiling: Ceiling, texts: int = 0) -> None:
    """Refuse rows of a frame of Polars that would take too much; `texts` are bytes beside their cells."""
    rows = frame.height * OPENED + texts
    ceiling.check(rows + frame.height * frame.width * PART, "The rows")  # before nested columns are laid out for it
    ceiling.check(rows + sum(map(_of_series, frame)), "The rows")


def check_arrow_rows(table: Any, ceiling: Ceiling, texts: int = 0) -> None:
    """The same of a table of Arrow."""
    cells = sum(_of_array(chunk) for column in table.columns for chunk in column.chunks)
    ceiling.check(table.num_rows * OPENED + texts + cells, "The rows")


def check_arrow_frame(table: Any, ceiling: Ceiling) -> None:
    """Refuse a frame of pandas whose cells would take too much beside the table that it is made of."""
    ceiling.check(sum(_of_cells(chunk) for column in table.columns for chunk in column.chunks), "The frame")


def _of_series(series: Any) -> int:
    pl, dtype, cells = require("polars"), series.dtype, len(series) * PART
    if not dtype.is_nested() or getattr(dtype, "size", None) == 0:
        return cells
    if dtype == pl.Struct:
        cells += len(series) * OPENED
    return cells + sum(map(_of_series, parts_of(series)))


def _of_array(array: Any) -> int:
    pa, cells = require("pyarrow"), len(array) * PART
    types = pa.types
    if isinstance(array, pa.ExtensionArray):
        return _of_array(array.storage)
    if types.is_struct(array.type):
        return cells + len(array) * OPENED + sum(map(_of_array, array.flatten()))
    if types.is_map(array.type):
        return cells + len(array.keys) * OPENED + _of_array(array.keys) + _of_array(array.items)
    if types.is_list_view(array.type) or types.is_large_list_view(array.type):
        return cells + (require("pyarrow.compute").sum(array.sizes).as_py() or 0) * PART
    nested = array.type.num_fields and not types.is_dictionary(array.type)
    return cells + (_of_array(array.flatten()) if nested else 0)


def _of_cells(array: Any) -> int:
    """The same of an array as pandas has it: lists are arrays, structs dicts, what NumPy has no type for objects."""
    pa, kind = require("pyarrow"), array.type
    types = pa.types
    if isinstance(array, pa.ExtensionArray):
        return _of_cells(array.storage)
    if types.is_struct(kind) or types.is_map(kind):
        return _of_array(array)
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return len(array) * 2 * PART
    if kind.num_fields and not types.is_dictionary(kind):
        return len(array) * 2 * PART + _of_cells(array.flatten())
    if types.is_date(kind) or types.is_time(kind) or types.is_decimal(kind):
        return len(array) * PART
    return len(array) * _POINTER if array.null_count else 0
