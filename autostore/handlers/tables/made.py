"""A table of rows that are dicts, such as the lines of a file: the columns of all of them, null where one has none."""

from __future__ import annotations

from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables.cells import check_cells, check_floats
from autostore.handlers.tables.kinds import FRAMES, kind_of_class
from autostore.optional import require
from autostore.words import an

__all__ = ["converted", "frame_asked_for", "made"]


def frame_asked_for(as_type: Any) -> str | None:
    """The kind of table that a reader asks for; None for anything else."""
    kind = kind_of_class(as_type)
    return kind if kind in FRAMES else None


def made(rows: Any, kind: str) -> Any:
    """Rows as a table, whose dtypes Polars infers from all of them; `UnsupportedFormatError` where they are none."""
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        found = f"a value of the type {type(rows).__name__}" if type(rows) is not list else "a list of other things"
        raise UnsupportedFormatError(
            f"The file holds {found}, and {an(kind)} is made of rows, a list of dicts. store[key] gives it as it is."
        )
    pl = require("polars")
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()
        if len(frame.columns) != len(dict.fromkeys(name for row in rows for name in row)):
            raise UnsupportedFormatError("Polars would lose a column of these rows. Read them without as_type.")
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        if isinstance(error, UnsupportedFormatError):  # a TypeError too
            raise
        let_pass(error)
        said = str(error).partition("\n")[0]
        raise UnsupportedFormatError(f"These rows make no table: {said:.300}. Read them without as_type.") from error
    for name, dtype in frame.schema.items():
        check_cells(name, dtype, [row.get(name) for row in rows])
    return converted(frame, kind)


def converted(frame: Any, kind: str) -> Any:
    """A Polars DataFrame as another kind."""
    if kind in ("pandas.DataFrame", "pyarrow.Table"):
        pa = require("pyarrow")  # polars converts through it
        if kind == "pandas.DataFrame":
            check_floats(frame)
        try:
            return frame.to_pandas() if kind == "pandas.DataFrame" else frame.to_arrow()
        except pa.ArrowInvalid as error:
            raise UnsupportedFormatError(
                f"{kind} has no type for a column of this table: {error!s:.200}. Read it as polars.DataFrame."
            ) from error
    lazy = kind == "polars.LazyFrame" and hasattr(frame, "lazy")
    return frame.lazy() if lazy else frame
