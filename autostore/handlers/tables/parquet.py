"""Parquet: tables and Series of Polars, pandas and Arrow, with the kind of table recorded in the footer."""

from __future__ import annotations

import copy
import functools
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from autostore.disk.failures import failing_disk_is_an_os_error, raise_exhaustion
from autostore.equality.tables import TABLES
from autostore.errors import MissingDependencyError, UnknownTypeError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.fitting import fitted
from autostore.handlers.tables import arrow, geo, pandas, polars
from autostore.handlers.tables.footer import check_levels
from autostore.handlers.tables.kinds import asks_for_rows, kind_of, panics_are_errors, requested_kind, table_preview
from autostore.handlers.tables.mark import TableMark, read_mark
from autostore.handlers.tables.options import DEFAULT, ParquetOptions
from autostore.handlers.tables.repeated import check_views
from autostore.handlers.tables.sealed import check_sealed, raise_encrypted
from autostore.handlers.tables.streaming import write_query, write_stream
from autostore.handlers.tables.streams import TableStream
from autostore.headers import tables as tables_header
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview

__all__ = ["ParquetHandler"]


class ParquetHandler(DataHandler):
    """Tables, parts of tables and streams of them as .parquet; a LazyFrame stays lazy when read."""

    types = (
        "tables, Series, indexes, arrays and schemas of Polars, pandas and Arrow; streams of tables; "
        "frames and Series of GeoPandas, as GeoParquet (extra geo)"
    )
    read_by = "every engine for data"
    install = f"{DISTRIBUTION}[polars,pandas,arrow]"
    equality = TABLES
    media_types = {".parquet": "application/vnd.apache.parquet"}
    in_ranges = True
    options = DEFAULT

    @property
    def extensions(self) -> list[str]:
        """Only .parquet."""
        return [".parquet"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """The classes of the three libraries, none that is derived from them."""
        return kind_of(data) is not None or type(data) is TableStream

    def can_stream(self, data: Any) -> bool:
        """A query, and what comes a piece at a time."""
        return type(data) is TableStream or kind_of(data) == "polars.LazyFrame"

    def write_to_stream(self, data: Any, stream: BinaryIO, file_extension: str) -> None:
        """Write row groups as they are computed; what Parquet would change is refused."""
        if type(data) is not TableStream:
            write_query(data, stream, self.options)
            return
        with data.own_failures():
            write_stream(data, stream, self.options)

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """Compression, size of row groups, statistics: see `ParquetOptions`."""
        made = copy.copy(self)
        made.options = ParquetOptions.of(options)
        return made

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Kind, rows and columns, from the footer."""
        check_levels(file)
        check_sealed(file)
        with panics_are_errors():
            return tables_header.parquet(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The kind of table that the footer names."""
        return _read(file_path, None, self.ceiling)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """Any of the kinds, whichever was written; or rows, as `list[Row]`. A Series from a table of one column."""
        if asks_for_rows(as_type):
            return fitted(as_type, _rows(file_path, self.ceiling), row="row")
        kind = None if as_type in (Any, object) else requested_kind(as_type)
        return _read(file_path, kind, self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the table; what Parquet would change is refused."""
        kind = kind_of(data)
        if kind is not None:
            _WRITERS[kind](data, file_path, self.options)
            return
        with failing_disk_is_an_os_error(file_path), open(file_path, "wb") as stream:
            self.write_to_stream(data, stream, file_extension)

    def preview(self, data: Any) -> Preview:
        """Rows, columns, head and statistics; a LazyFrame is computed for it, a stream is left alone."""
        return {} if type(data) is TableStream else table_preview(data)


def _rows(file: Path, ceiling: Ceiling) -> list[dict[str, Any]]:
    """Every row as a dict, by whichever library is there."""
    if importlib.util.find_spec("polars") is not None:
        return polars.rows_of(_read(file, "polars.DataFrame", ceiling), ceiling)
    return arrow.rows_of(_read(file, "pyarrow.Table", ceiling), ceiling)


def _read(file: Path, kind: str | None, ceiling: Ceiling) -> Any:
    # Opened once, because the path may name another version a moment later.
    with open(file, "rb") as stream:
        mark = _mark(stream)
        kind = kind or str(mark["type"])
        try:
            with panics_are_errors():
                return _READERS[kind](stream, mark, ceiling)
        except (MemoryError, MissingDependencyError, UnknownTypeError, UnsupportedFormatError):
            raise
        except Exception as error:
            let_pass(error)
            raise_exhaustion(error)
            raise_encrypted(error)
            other = None if kind.startswith("geopandas.") else _other_reader(kind, stream, ceiling)
            if other is None:
                raise
            library = kind.partition(".")[0].replace("pandas", "pyarrow")
            raise UnsupportedFormatError(
                f"The file is whole, but {library} cannot read it ({error!s:.300}). Read it with as_type={other}."
            ) from error


def _mark(stream: BinaryIO) -> TableMark:
    try:
        with panics_are_errors():
            return read_mark(stream)
    except Exception as error:
        let_pass(error)
        raise_encrypted(error)
        raise


def _other_reader(kind: str, stream: Any, ceiling: Ceiling) -> str | None:
    """Which other kind does read this file; it is read to its end, so that no damaged file is called whole."""
    by_polars = not kind.startswith("polars.")
    try:
        stream.seek(0)
        if by_polars:
            with panics_are_errors():
                check_views(stream, ceiling)
                require("polars").read_parquet(stream)
        else:
            arrow.read_table(stream, {"type": "polars.DataFrame"}, ceiling)
    except Exception as error:  # whatever either library raises for a damaged file
        let_pass(error)
        return None
    return "polars.DataFrame" if by_polars else "pyarrow.Table"


_READERS: dict[str, Callable[[Any, TableMark, Ceiling], Any]] = {
    "polars.DataFrame": polars.read_frame,
    "polars.LazyFrame": polars.read_lazy,
    "polars.Series": polars.read_series,
    "pandas.DataFrame": pandas.read_frame,
    "pandas.Series": pandas.read_series,
    "pyarrow.Table": arrow.read_table,
    "polars.Schema": polars.read_schema,
    "pyarrow.RecordBatch": arrow.read_batch,
    "pyarrow.ChunkedArray": arrow.read_chunked,
    "pyarrow.Array": arrow.read_array,
    "pyarrow.Schema": arrow.read_schema,
    "pandas.Index": pandas.read_index,
    "pandas.array": pandas.read_array,
    "geopandas.GeoDataFrame": geo.read_frame,
    "geopandas.GeoSeries": geo.read_series,
}
_WRITERS: dict[str, Callable[[Any, Path, ParquetOptions], None]] = {
    "polars.DataFrame": polars.write_frame,
    "polars.LazyFrame": polars.write_lazy,
    "polars.Series": polars.write_series,
    "pandas.DataFrame": pandas.write_frame,
    "pandas.Series": pandas.write_series,
    "pyarrow.Table": arrow.write_table,
    "polars.Schema": polars.write_schema,
    "pandas.Index": pandas.write_index,
    "pandas.array": pandas.write_array,
    "geopandas.GeoDataFrame": geo.write_frame,
    "geopandas.GeoSeries": geo.write_series,
    **{
        kind: functools.partial(arrow.write_part, kind=kind)
        for kind in ("pyarrow.RecordBatch", "pyarrow.ChunkedArray", "pyarrow.Array", "pyarrow.Schema")
    },
}
