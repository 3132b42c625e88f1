"""What a table's numbers and times are like, a row for each column, as polars' `describe()`: rounded to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from autostore.optional import require
from autostore.preview import Cell
from autostore.previews.bounds import CELL, cell, clip, listed

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Described", "of_pandas", "of_polars"]

DESCRIBED = 25
"""Columns that are looked at."""

CELLS = 50_000_000
"""Cells of a table in memory that are looked at: half a second on one core."""

Described = Sequence[Mapping[str, Cell]]


def of_polars(table: pl.DataFrame) -> Described:
    """Nulls, mean, deviation, smallest and largest value of the first columns of numbers and times, in one pass."""
    pl, selectors = require("polars"), require("polars.selectors")
    chosen = table.select(selectors.numeric() | selectors.temporal())[:, :DESCRIBED]
    names = chosen.columns
    if not names or not table.height or table.height * len(names) > CELLS:
        return []
    chosen.columns = [str(number) for number in range(len(names))]  # a name may be a pattern: "*", "^a.*$"
    asked = [
        expression.alias(f"{number} {label}")
        for number, dtype in enumerate(chosen.dtypes)
        for label, expression in _expressions(pl, str(number), is_number=dtype.is_numeric()).items()
    ]
    found = {series.name: listed(series.to_list, 1)[0] for series in chosen.select(asked)}
    labels = ("nulls", "mean", "std", "min", "max")
    return [
        {"column": clip(name, CELL), **{label: _rounded(found.get(f"{number} {label}")) for label in labels}}
        for number, name in enumerate(names)
    ]


def of_pandas(table: pd.DataFrame) -> Described:
    """The same of numeric columns."""
    if table.shape[0] * table.shape[1] > CELLS:
        return []
    found = []
    for position, name in enumerate(table.columns[:DESCRIBED]):
        column = table.iloc[:, position].dropna()
        told = {"mean": column.mean(), "std": column.std(), "min": column.min(), "max": column.max()}
        missing = require("pandas").isna
        shown = {label: None if missing(value) else _rounded(value) for label, value in told.items()}
        found.append({"column": clip(str(name), CELL), "nulls": len(table) - len(column), **shown})
    return found if len(table) else []


def _expressions(pl: Any, name: str, *, is_number: bool) -> dict[str, Any]:
    column = pl.col(name)
    told = {"nulls": column.null_count(), "min": column.min(), "max": column.max()}
    if not is_number:
        return told
    number = column.cast(pl.Float64, strict=False)
    return {**told, "mean": number.mean(), "std": number.std()}


def _rounded(value: Any) -> Cell:
    """Five figures of a number; a time as text, without what is zero at its end."""
    if value is None or isinstance(value, bool | int):
        return cell(value)
    if isinstance(value, Integral):  # NumPy's
        return cell(int(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return clip(str(value).removesuffix(" 00:00:00"), CELL)
    return cell(float(f"{number:.5g}"))
