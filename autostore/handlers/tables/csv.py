"""CSV: the values of a flat table under a header; dtypes come back as Polars infers them.

Text is quoted, so that null (nothing) differs from empty text (two quotes). Dates, times and
datetimes are recognised by their ISO form, also where they were text; a column of numbers
stays text where a number would lose something, as "007" would. Files of other programs may have
another delimiter (`dialect.py`); numbers with a decimal comma stay text.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.fitting import fitted
from autostore.handlers.tables.asked import texts_asked_for
from autostore.handlers.tables.dialect import MOST_COLUMNS, delimiter
from autostore.handlers.tables.inferring import lossy_columns, scanned
from autostore.handlers.tables.kinds import (
    FRAMES,
    asks_for_rows,
    failed_query,
    kind_of,
    panics_are_errors,
    requested_kind,
    table_preview,
)
from autostore.handlers.tables.made import converted
from autostore.handlers.tables.moments import polars_rows
from autostore.handlers.tables.packed import check_size, unpacked
from autostore.handlers.tables.row_size import check_polars_rows
from autostore.handlers.tables.streaming import as_lazy
from autostore.handlers.tables.streams import TableStream
from autostore.headers import tables as tables_header
from autostore.headers.header import Header
from autostore.optional import require
from autostore.preview import Preview

__all__ = ["CSVHandler", "as_polars", "read_csv"]

_INFER: dict[str, Any] = {"try_parse_dates": True, "infer_schema_length": None, "glob": False}


class CSVHandler(DataHandler):
    """Flat tables as .csv and .tsv, chosen only where the key names it."""

    types = "tables of Polars, pandas and Arrow; a Polars DataFrame comes back"
    lossy = {".csv": "dtypes come back as inferred", ".tsv": "dtypes come back as inferred"}
    read_by = "everything"
    requires = ("polars",)
    named_extensions = (".tsv",)
    media_types = {".tsv": "text/tab-separated-values"}
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
        """Tables of Polars, pandas and Arrow, and streams of them."""
        return kind_of(data) in FRAMES or type(data) is TableStream

    def can_stream(self, data: Any) -> bool:
        """A query, and what comes a piece at a time."""
        return type(data) is TableStream or kind_of(data) == "polars.LazyFrame"

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The names of the columns."""
        return tables_header.comma_separated(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """A Polars DataFrame; the whole file is looked at to infer its dtypes."""
        return self.read_as(file_path, file_extension, Any)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """Any of the four kinds of tables; or rows, as `list[Row]`, validated one by one."""
        # Opened once, because the path may name another version a moment later. Polars duplicates the
        # descriptor of a lazy frame, which so outlives this handle.
        with open(file_path, "rb") as stream:
            return read_csv(stream, as_type, self.ceiling, file_extension)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write a header and the rows, UTF-8; nested and binary columns are refused."""
        pl = require("polars")
        if self.can_stream(data):
            self.write_to_stream(data, file_path, file_extension)
            return
        frame = as_polars(data)
        _check_schema(pl, frame.schema, _separator(file_extension))
        _checked_offsets(frame)
        with failing_disk_is_an_os_error(file_path), panics_are_errors():
            frame.write_csv(file_path, quote_style="non_numeric", separator=_separator(file_extension))

    def write_to_stream(self, data: Any, stream: BinaryIO | Path, file_extension: str) -> None:
        """Write rows as they are computed."""
        if type(data) is not TableStream:
            _write_query(data, stream, _separator(file_extension))
            return
        with data.own_failures():
            frames = data.mapped(_piece_as_polars)
            with frames.own_failures():
                _write_query(as_lazy(frames), stream, _separator(file_extension))

    def preview(self, data: Any) -> Preview:
        """Rows, columns, head and statistics; a LazyFrame is computed for it, a stream is left alone."""
        return {} if type(data) is TableStream else table_preview(data)


def _write_query(query: Any, stream: BinaryIO | Path, separator: str) -> None:
    with failed_query():
        schema = query.collect_schema()
    _check_schema(require("polars"), schema, separator)
    if _zoned(schema):
        query = query.map_batches(_checked_offsets, schema=schema, streamable=True)
    # Within: a disk that is full is none of the query's faults, and a file that the query misses none of the disk's.
    disk = failing_disk_is_an_os_error(stream) if isinstance(stream, Path) else contextlib.nullcontext()
    with failed_query(), disk:
        query.sink_csv(stream, quote_style="non_numeric", separator=separator)


def _piece_as_polars(piece: Any) -> Any:
    return as_polars(require("pyarrow").table(piece) if kind_of(piece) == "pyarrow.RecordBatch" else piece)


def _check_header(pl: Any, schema: Any, separator: str) -> None:
    """Refuse names that do not come back from a header."""
    names, stream = list(schema), io.BytesIO()
    pl.DataFrame(schema=schema).write_csv(stream, quote_style="non_numeric", separator=separator)
    stream.seek(0)
    header = pl.scan_csv(stream, infer_schema=False, glob=False, separator=separator).collect_schema().names()
    if header != names:
        changed = next((name for name, back in zip(names, header, strict=False) if name != back), names[-1])
        raise UnsupportedFormatError(f"CSV would change the column name {changed!r:.80}. Rename it, or use .parquet.")


def as_polars(data: Any) -> Any:
    """A whole table as a Polars DataFrame; `UnsupportedFormatError` where a label or index would be lost."""
    pl, kind = require("polars"), kind_of(data)
    if kind == "polars.DataFrame":
        return data
    if kind == "pandas.DataFrame":
        _check_labels(data)
    try:
        with panics_are_errors():
            frame = pl.from_arrow(data) if kind == "pyarrow.Table" else pl.from_pandas(data)
    except Exception as error:  # either library's, for cells of mixed types and the like
        let_pass(error)
        raise UnsupportedFormatError(f"CSV cannot hold this table: {error}. Convert the column.") from error
    frame.columns = list(data.column_names if kind == "pyarrow.Table" else data.columns)  # empty names were replaced
    return frame


def _check_labels(data: Any) -> None:
    index = data.index
    numbered = type(index) is require("pandas").RangeIndex and index.start == 0 and index.step == 1
    if not numbered or index.name is not None:
        raise UnsupportedFormatError("CSV would lose the index of this DataFrame. Call reset_index() first.")
    if not all(type(name) is str for name in data.columns):
        raise UnsupportedFormatError("A CSV header holds text only. Rename the columns to str.")


def _check_schema(pl: Any, schema: Any, separator: str) -> None:
    if not len(schema):
        raise UnsupportedFormatError("A CSV file needs at least one column. Use .parquet.")
    if len(schema) > MOST_COLUMNS:
        raise UnsupportedFormatError(f"A CSV file holds at most {MOST_COLUMNS} columns here. Use .parquet.")
    for name, dtype in schema.items():
        if dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Duration):
            raise UnsupportedFormatError(
                f"CSV cannot hold the column {name!r:.80} of type {dtype}. Use .parquet, or turn it into text."
            )
    _check_header(pl, schema, separator)


def _zoned(schema: Any) -> list[str]:
    return [name for name, dtype in schema.items() if getattr(dtype, "time_zone", None) not in (None, "UTC")]


def _checked_offsets(frame: Any) -> Any:
    """The frame, if all its times are whole minutes away from UTC, as those before about 1900 are not."""
    for name in _zoned(frame.schema):
        times = frame[name].dt
        if ((times.base_utc_offset() + times.dst_offset()).dt.total_seconds() % 60 != 0).any():
            problem = f"CSV has no seconds in offsets from UTC, as times in the column {name!r:.80} have"
            raise UnsupportedFormatError(f"{problem}. Convert it to UTC, or use .parquet.")
    return frame


def _separator(extension: str) -> str:
    return "\t" if extension == ".tsv" else ","


def read_csv(stream: BinaryIO, as_type: Any, ceiling: Ceiling, extension: str = ".csv") -> Any:
    """What an open file holds as a Polars DataFrame, or as `as_type`; all of it is looked at to infer its dtypes."""
    kind = "polars.DataFrame"
    is_rows = as_type is not None and asks_for_rows(as_type)
    if as_type not in (None, Any, object) and not is_rows:
        kind = requested_kind(as_type)
    if kind not in FRAMES:
        raise UnsupportedFormatError("A CSV file holds a table. Read it as a DataFrame, and take its column.")
    with panics_are_errors():
        as_written = texts_asked_for(as_type) if is_rows else None
        frame = _read(stream, ceiling, extension, as_written, lazy=kind == "polars.LazyFrame")
        if not is_rows:
            return converted(frame, kind)
        check_polars_rows(frame, ceiling)
        return fitted(as_type, polars_rows(frame), row="row")


def _read(
    stream: BinaryIO, ceiling: Ceiling, extension: str, as_written: Callable[[str], bool] | None, *, lazy: bool
) -> Any:
    pl = require("polars")
    separator, columns = delimiter(unpacked(stream, ceiling), b"\t" if extension == ".tsv" else None)
    check_size(stream, columns, ceiling)
    options = {**_INFER, "separator": separator}
    schema = scanned(pl, stream, **options).collect_schema()
    if as_written is not None:
        schema = schema | dict.fromkeys(filter(as_written, schema), pl.String)
    schema = schema | dict.fromkeys(lossy_columns(pl, stream, schema, options["separator"]), pl.String)
    frame = scanned(pl, stream, **options, schema=schema)
    return frame if lazy else frame.collect()
