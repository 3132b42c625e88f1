"""Parquet: tables of Polars, pandas and Arrow, with the kind of table recorded in the footer.

The footer's key-value metadata holds `autostore` = `{"v": 1, "type": "polars.LazyFrame"}`
(https://parquet.apache.org/docs/file-format/metadata/); a file without it is a Polars DataFrame.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality import same
from autostore.equality.tables import TABLES
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.tables.footer import unfolded
from autostore.handlers.tables.kinds import failed_query, kind_of, panics_are_errors, requested_kind, table_preview
from autostore.optional import require
from autostore.preview import Preview

__all__ = ["ParquetHandler"]

MARK = "autostore"


class ParquetHandler(DataHandler):
    """Four kinds of tables as .parquet; a LazyFrame is streamed in and stays lazy when read."""

    equality = TABLES
    media_types = {".parquet": "application/vnd.apache.parquet"}

    @property
    def extensions(self) -> list[str]:
        """Only .parquet."""
        return [".parquet"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """The exact four classes."""
        return kind_of(data) is not None

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The kind of table that the footer names."""
        return self._read(file_path, None)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """Any of the four kinds, whichever was written."""
        if as_type in (Any, object):
            return self.read_from_file(file_path, file_extension)
        return self._read(file_path, requested_kind(as_type))

    def _read(self, file_path: Path, kind: str | None) -> Any:
        # Opened once, because the path may name another version a moment later.
        with open(file_path, "rb") as stream, panics_are_errors():
            wanted = kind or _recorded_kind(stream)
            if wanted != "polars.LazyFrame":  # that takes nothing until it is collected
                self.ceiling.check(unfolded(stream), "The table")
            return _READERS[wanted](stream)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the table; what Parquet would change is refused."""
        kind = kind_of(data)
        assert kind is not None
        _WRITERS[kind](data, file_path, json.dumps({"v": 1, "type": kind}))

    def preview(self, data: Any) -> Preview:
        """Rows, columns, head and statistics; a LazyFrame is computed for it."""
        return table_preview(data)


def _recorded_kind(stream: Any) -> str:
    # Either library reads a footer; the one that is loaded, or installed, does.
    if sys.modules.get("polars") is not None or importlib.util.find_spec("pyarrow") is None:
        text = require("polars").read_parquet_metadata(stream).get(MARK)
    else:
        metadata = require("pyarrow.parquet").read_metadata(stream).metadata or {}
        text = metadata.get(MARK.encode(), b"").decode() or None
    stream.seek(0)
    if text is None:
        return "polars.DataFrame"
    mark = json.loads(text)
    if mark["v"] != 1:
        raise CorruptDataError(f"The file has version {mark['v']!r:.40}. Upgrade autostore.")
    if mark["type"] not in _READERS:
        raise CorruptDataError(f"The file names an unknown kind of table {mark['type']!r:.80}. Upgrade autostore.")
    return str(mark["type"])


def _read_polars(stream: Any) -> Any:
    return _read_lazy(stream).collect()


def _read_lazy(stream: Any) -> Any:
    # A stream is neither a glob nor in a Hive folder. Polars duplicates its descriptor, so that
    # the frame outlives the path and this handle.
    frame = require("polars").scan_parquet(stream)
    frame.collect_schema()
    return frame


def _read_arrow(stream: Any) -> Any:
    with require("pyarrow.parquet").ParquetFile(stream) as parquet:
        table = parquet.read()
    metadata = dict(table.schema.metadata or {})
    metadata.pop(MARK.encode(), None)
    return table.replace_schema_metadata(metadata or None)


def _read_pandas(stream: Any) -> Any:
    require("pandas")
    return _read_arrow(stream).to_pandas()


def _write_polars(data: Any, file: Path, mark: str) -> None:
    pl = require("polars")
    try:
        with failing_disk_is_an_os_error(file), panics_are_errors():
            data.write_parquet(file, metadata={MARK: mark})
            kept = _polars_schema(pl, file) == list(data.schema.items())
    except (pl.exceptions.PolarsError, CorruptDataError) as error:
        raise UnsupportedFormatError(f"Parquet cannot hold this DataFrame: {error}. Cast the column.") from error
    if not kept:
        raise UnsupportedFormatError(f"Parquet would change the schema {data.schema}. Cast the columns.")


def _write_lazy(data: Any, file: Path, mark: str) -> None:
    pl = require("polars")
    with failed_query(), failing_disk_is_an_os_error(file):
        schema = data.collect_schema()
        data.sink_parquet(file, metadata={MARK: mark})
        if _polars_schema(pl, file) != list(schema.items()):
            raise UnsupportedFormatError(f"Parquet would change the schema {schema}. Cast the columns")


def _polars_schema(pl: Any, file: Path) -> list[tuple[str, Any]]:
    with open(file, "rb") as stream:
        return list(pl.read_parquet_schema(stream).items())


def _write_arrow(data: Any, file: Path, mark: str) -> None:
    try:
        _write_table(data, file, mark)
        kept = _read_arrow_schema(file).equals(data.schema, check_metadata=True)
    except require("pyarrow").ArrowException as error:
        raise UnsupportedFormatError(f"Parquet cannot hold this Table: {error}. Cast the column.") from error
    if not kept:
        raise UnsupportedFormatError(f"Parquet would change the schema {data.schema}. Cast the columns.")


def _write_table(table: Any, file: Path, mark: str) -> None:
    metadata = dict(table.schema.metadata or {})
    if MARK.encode() in metadata:
        raise UnsupportedFormatError(f"The table's metadata already has the key {MARK!r}. Remove it.")
    marked = table.replace_schema_metadata({**metadata, MARK: mark})
    # The compliant names would rename the items of lists.
    require("pyarrow.parquet").write_table(marked, file, compression="zstd", use_compliant_nested_type=False)


def _read_arrow_schema(file: Path) -> Any:
    schema = require("pyarrow.parquet").read_schema(file)
    metadata = dict(schema.metadata or {})
    metadata.pop(MARK.encode(), None)
    return schema.with_metadata(metadata or None)


def _write_pandas(data: Any, file: Path, mark: str) -> None:
    pa, pd = require("pyarrow"), require("pandas")
    if pd.api.types.infer_dtype(data.columns).startswith("mixed"):
        raise UnsupportedFormatError("Parquet's columns are named by text. Rename the columns to str.")
    try:
        _write_table(pa.Table.from_pandas(data), file, mark)
        kept = _is_plain(data) or same(_read_back(file), data)
    except (pa.ArrowException, TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        let_pass(error)
        raise UnsupportedFormatError(f"Parquet cannot hold this DataFrame: {error}. Convert the column.") from error
    if not kept:
        raise UnsupportedFormatError(
            "Parquet would change this DataFrame: cells of Python objects, a frequency, or labels that are not text. "
            "Convert them, or use a bare key."
        )


def _read_back(file: Path) -> Any:
    with open(file, "rb") as stream:
        return _read_pandas(stream)


def _is_plain(frame: Any) -> bool:
    """Whether the types alone show that Parquet keeps the frame, so that it need not be read back."""
    pd = require("pandas")
    if type(frame.index) is not pd.RangeIndex or frame.index.name is not None or frame.attrs:
        return False
    if not frame.flags.allows_duplicate_labels or frame.columns.name is not None:
        return False
    if frame.columns.dtype != pd.Index(["a"]).dtype or not len(frame.columns):
        return False
    kinds = (dtype.kind if type(dtype).__module__.startswith("numpy") else "" for dtype in frame.dtypes)
    return all(kind and kind in "iufb" for kind in kinds)


_READERS = {
    "polars.DataFrame": _read_polars,
    "polars.LazyFrame": _read_lazy,
    "pandas.DataFrame": _read_pandas,
    "pyarrow.Table": _read_arrow,
}
_WRITERS = {
    "polars.DataFrame": _write_polars,
    "polars.LazyFrame": _write_lazy,
    "pandas.DataFrame": _write_pandas,
    "pyarrow.Table": _write_arrow,
}
