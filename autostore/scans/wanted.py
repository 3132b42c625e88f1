"""What one run of a scan wants of every table, and how a decoded table becomes rows of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autostore.handlers.tables.named import columns
from autostore.optional import require

__all__ = ["Wanted"]

_ROWS = "\0rows"


@dataclass(frozen=True)
class Wanted:
    """One run.

    Attributes:
        stored: the columns that are needed of the files, with the dtypes that were planned.
        constants: the columns that are needed and are one value for each table.
        predicate: which rows; None: all.
        whole: nobody chose columns, so that a column which the plan lacks would be missed.
        plan: all columns of the files, as they were planned.
    """

    stored: Mapping[str, Any]
    constants: Mapping[str, Any]
    predicate: Any
    whole: bool
    plan: Mapping[str, Any]

    def rows_alone(self, count: int) -> Any:
        """A frame of so many rows, where no column of the file is needed."""
        pl = require("polars")
        return pl.LazyFrame({_ROWS: pl.Series([None], dtype=pl.Null).new_from_index(0, count)})

    def finished(self, frame: Any, names: list[str], values: Mapping[str, Any]) -> Any:
        """The rows that the predicate holds for, of a frame of the stored columns and the `values` of its table."""
        pl = require("polars")
        constants = {name: dtype for name, dtype in self.constants.items() if name in values}
        frame = frame.with_columns(pl.lit(values[name], dtype=dtype).alias(name) for name, dtype in constants.items())
        return self.filtered(frame, names)

    def filtered(self, frame: Any, names: list[str]) -> Any:
        """The same of a frame that has all columns."""
        return (frame if self.predicate is None else frame.filter(self.predicate)).select(columns(names))
