"""CSV: the values of a flat table under a header; dtypes come back as Polars infers them.

Text is quoted and numbers are not, so that the text "007" stays text, and null (nothing)
differs from empty text (two quotes). Dates, times and datetimes are recognised by their
ISO form, also where they were text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from autostore.errors import UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.handlers.frames import failed_query, kind_of, panics_are_errors, requested_kind
from autostore.optional import require

__all__ = ["CSVHandler"]


class CSVHandler(DataHandler):
    """Flat tables as .csv, chosen only where the key names it."""

    explicit_only: ClassVar[bool] = True

    @property
    def extensions(self) -> list[str]:
        """Only .csv."""
        return [".csv"]

    @property
    def priority(self) -> int:
        """Lossy in its types, so below all others."""
        return 5

    def can_handle_data(self, data: Any) -> bool:
        """Tables of Polars, pandas and Arrow."""
        return kind_of(data) is not None

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """A Polars DataFrame; the whole file is looked at to infer its dtypes."""
        with panics_are_errors():
            return _read(file_path, lazy=False)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """Any of the four kinds of tables."""
        kind = "polars.DataFrame" if as_type in (Any, object) else requested_kind(as_type)
        with panics_are_errors():
            frame = _read(file_path, lazy=kind == "polars.LazyFrame")
            if kind == "pandas.DataFrame":
                return frame.to_pandas()
            return frame.to_arrow() if kind == "pyarrow.Table" else frame

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write a header and the rows, UTF-8; nested and binary columns are refused."""
        pl = require("polars")
        if kind_of(data) == "polars.LazyFrame":
            with failed_query():
                schema = data.collect_schema()
            _check_schema(pl, schema)
            with failed_query():
                data.sink_csv(file_path, quote_style="non_numeric")
            return
        frame = _as_polars(pl, data)
        _check_schema(pl, frame.schema)
        with panics_are_errors():
            frame.write_csv(file_path, quote_style="non_numeric")


def _as_polars(pl: Any, data: Any) -> Any:
    kind = kind_of(data)
    if kind == "polars.DataFrame":
        return data
    if kind == "pyarrow.Table":
        return pl.from_arrow(data)
    pd = require("pandas")
    if type(data.index) is not pd.RangeIndex or data.index.start != 0 or data.index.step != 1:
        raise UnsupportedFormatError("CSV would lose the index of this DataFrame. Call reset_index() first.")
    if not all(type(name) is str for name in data.columns):
        raise UnsupportedFormatError("A CSV header holds text only. Rename the columns to str.")
    return pl.from_pandas(data)


def _check_schema(pl: Any, schema: Any) -> None:
    if not len(schema):
        raise UnsupportedFormatError("A CSV file needs at least one column. Use .parquet.")
    for name, dtype in schema.items():
        if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
            raise UnsupportedFormatError(
                f"CSV cannot hold the column {name!r:.80} of type {dtype}. Use .parquet, or turn it into text."
            )


def _read(file: Path, *, lazy: bool) -> Any:
    pl = require("polars")
    options: dict[str, Any] = {"try_parse_dates": True, "infer_schema_length": None, "glob": False}
    if not lazy:
        return pl.read_csv(file, **options)
    with open(file, "rb") as stream:
        # Polars duplicates the descriptor, so that the frame outlives the path and this handle.
        frame = pl.scan_csv(stream, **options)
        frame.collect_schema()
    return frame
