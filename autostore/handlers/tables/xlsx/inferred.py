"""A sheet of another program as a table: names in its first row, each column of the type that its cells have."""

from __future__ import annotations

import datetime as dt
from typing import Any

from autostore.handlers.tables.cells import EXACT
from autostore.optional import require

__all__ = ["inferred"]


def inferred(columns: list[list[Any]]) -> Any:
    """A Polars DataFrame; whole numbers are ints, and cells of several types are all texts."""
    pl = require("polars")
    height = max((at + 1 for column in columns for at, cell in enumerate(column) if cell is not None), default=0)
    kept = [column[:height] for column in columns]
    while kept and all(cell is None for cell in kept[-1]):
        kept.pop()
    names = _names([column[0] for column in kept])
    return pl.DataFrame([_series(pl, name, column[1:]) for name, column in zip(names, kept, strict=True)])


def _names(cells: list[Any]) -> list[str]:
    found: dict[str, None] = {}
    for at, cell in enumerate(cells):
        base = f"column_{at + 1}" if cell is None else _text(cell)
        name, number = base, 0
        while name in found:
            name, number = f"{base}_duplicated_{number}", number + 1
        found[name] = None
    return list(found)


def _series(pl: Any, name: str, cells: list[Any]) -> Any:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {int, float} and all(abs(cell) <= EXACT for cell in cells if type(cell) is int):
        return pl.Series(name, cells, dtype=pl.Float64, strict=False)
    if kinds == {dt.date, dt.datetime}:
        midnight = dt.time()
        cells = [dt.datetime.combine(cell, midnight) if type(cell) is dt.date else cell for cell in cells]
    elif kinds == {dt.time, dt.timedelta}:
        cells = [_since_midnight(cell) if type(cell) is dt.time else cell for cell in cells]
    elif len(kinds) > 1 or (kinds == {int} and any(cell is not None and abs(cell) >= 1 << 63 for cell in cells)):
        cells = [None if cell is None else _text(cell) for cell in cells]
    return pl.Series(name, cells)


def _since_midnight(cell: dt.time) -> dt.timedelta:
    return dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second, microseconds=cell.microsecond)


def _text(cell: Any) -> str:
    return str(cell).upper() if type(cell) is bool else str(cell)
