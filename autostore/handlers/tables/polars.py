"""Frames, lazy frames and Series of Polars in Parquet."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables.int96 import in_microseconds
from autostore.handlers.tables.kinds import failed_query, not_one_column, panics_are_errors
from autostore.handlers.tables.mark import MARK, TableMark, mark_text
from autostore.handlers.tables.moments import check_maps, parts_of, polars_rows
from autostore.handlers.tables.options import DEFAULT, ParquetOptions
from autostore.handlers.tables.repeated import check_views
from autostore.handlers.tables.row_size import check_polars_rows
from autostore.holding.descriptors import are_scarce
from autostore.optional import require

__all__ = [
    "read_frame",
    "read_lazy",
    "read_schema",
    "read_series",
    "rows_of",
    "write_frame",
    "write_lazy",
    "write_schema",
    "write_series",
]

LOADED_UP_TO = 16 << 20
"""Bytes of a file that a lazy frame may hold in memory instead of a descriptor, so that thousands can be held."""


def read_frame(stream: Any, mark: TableMark, ceiling: Ceiling) -> Any:
    """The whole table."""
    check_views(stream, ceiling)
    return _scan(stream, mark, in_microseconds(stream)).collect()


def read_lazy(stream: Any, mark: TableMark, ceiling: Ceiling) -> Any:  # noqa: ARG001 - a scan takes nothing
    """A frame that scans the open file; its bytes where descriptors are scarce and it is not large."""
    few = not isinstance(stream, io.BytesIO) and _is_better_loaded(stream.fileno())
    schema = in_microseconds(stream)
    stream.seek(0)
    frame = _scan(stream.read() if few else stream, mark, schema)
    require("polars").DataFrame(schema=frame.collect_schema())  # refuses at once what collecting would refuse later
    return frame


def _is_better_loaded(descriptor: int) -> bool:
    return are_scarce(descriptor) and os.fstat(descriptor).st_size <= LOADED_UP_TO


def _scan(source: Any, mark: TableMark, schema: dict[str, Any] | None) -> Any:
    # A stream is neither a glob nor in a Hive folder. Polars duplicates its descriptor, so that
    # the frame outlives the path and this handle.
    pl = require("polars")
    frame = pl.scan_parquet(source, schema=schema)
    # A table of Arrow without columns, which writes no such count. A schema costs as much as a small table's rows.
    if mark.get("rows") and not len(frame.collect_schema()):
        return pl.DataFrame(height=mark["rows"]).lazy()
    return frame


def read_series(stream: Any, mark: TableMark, ceiling: Ceiling) -> Any:
    """The only column, or that which was written as a Series."""
    frame = read_frame(stream, mark, ceiling)
    if frame.width != 1 and mark["type"] != "pandas.Series":
        raise not_one_column(frame.width, "polars.DataFrame")
    name = mark.get("name", frame.columns[0])
    return frame.to_series(0).rename("" if name is None else str(name))


def rows_of(frame: Any, ceiling: Ceiling) -> list[dict[str, Any]]:
    """Every row as a dict, in which each text takes a place of its own."""
    check_polars_rows(frame, ceiling, sum(map(_spelt_out, frame)))
    return polars_rows(frame)


def _spelt_out(series: Any) -> int:
    """Bytes of a column in which each text, and each category, takes a place of its own."""
    pl, dtype = require("polars"), series.dtype
    if dtype in (pl.Categorical, pl.Enum):
        counts = series.rename("text").value_counts(name="times")
        length = pl.col("text").cast(pl.String).str.len_bytes().cast(pl.Int64)
        return int(counts.select((length * pl.col("times")).sum()).item())
    if dtype.is_nested() and any(part in str(dtype) for part in ("Categorical", "Enum")):
        return sum(map(_spelt_out, parts_of(series)))
    return int(series.estimated_size())


def read_schema(stream: Any, mark: TableMark, ceiling: Ceiling) -> Any:  # noqa: ARG001 - a footer takes little
    """The names and dtypes of the columns."""
    return _scan(stream, mark, in_microseconds(stream)).collect_schema()


def write_schema(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Write a frame of these columns without rows."""
    try:
        with panics_are_errors():
            frame = require("polars").DataFrame(schema=data)
    except CorruptDataError as error:
        raise UnsupportedFormatError(f"No frame has this schema: {error}. Change the dtypes.") from error
    write_frame(frame, file, options, "polars.Schema")


def write_frame(data: Any, file: Path, options: ParquetOptions = DEFAULT, kind: str = "polars.DataFrame") -> None:
    """Write all columns, if their dtypes come back."""
    pl = require("polars")
    check_maps(data)
    try:
        with failing_disk_is_an_os_error(file), panics_are_errors():
            data.write_parquet(file, metadata={MARK: mark_text(kind)}, **options.for_polars)
            kept = _schema(pl, file) == list(data.schema.items())
    except (pl.exceptions.PolarsError, CorruptDataError) as error:
        raise UnsupportedFormatError(f"Parquet cannot hold this {kind}: {error}. Cast the column.") from error
    if not kept:
        raise UnsupportedFormatError(f"Parquet would change the schema {data.schema}. Cast the columns.")


def write_series(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Write one column of the Series' name."""
    write_frame(data.to_frame(), file, options, "polars.Series")


def write_lazy(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Stream what the query yields; whatever fails is its author's."""
    pl = require("polars")
    with failed_query(), failing_disk_is_an_os_error(file):
        schema = data.collect_schema()
        data.sink_parquet(file, metadata={MARK: mark_text("polars.LazyFrame")}, **options.for_polars)
        if _schema(pl, file) != list(schema.items()):
            raise UnsupportedFormatError(f"Parquet would change the schema {schema}. Cast the columns")


def _schema(pl: Any, file: Path) -> list[tuple[str, Any]]:
    with open(file, "rb") as stream:
        return list(pl.read_parquet_schema(stream).items())
