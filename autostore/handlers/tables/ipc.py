"""Arrow IPC files (Feather V2) by name: tables of Polars, pandas and pyarrow as they lie in memory.

The schema's metadata says in `autostore` what kind of table it was, as in Parquet; a file without it is a Polars
DataFrame. https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NamedHandler
from autostore.handlers.tables.arrow import rows_of
from autostore.handlers.tables.cells import frame_of
from autostore.handlers.tables.extensions import check_registered, unregistered
from autostore.handlers.tables.ipc_size import unfolded_ipc
from autostore.handlers.tables.kinds import asks_for_rows, kind_of, panics_are_errors, requested_kind, table_preview
from autostore.handlers.tables.mark import MARK, mark_text
from autostore.handlers.tables.moments import check_maps
from autostore.handlers.tables.row_size import check_arrow_frame
from autostore.handlers.tables.spelt import spelt_out
from autostore.handlers.tables.texts import as_recorded
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview

__all__ = ["ArrowHandler"]

_KINDS = frozenset(("polars.DataFrame", "pandas.DataFrame", "pyarrow.Table"))
_READABLE = _KINDS | {"polars.LazyFrame"}
_ROWS = "rows"
"""What is read as a table of Arrow, whose types nobody sees."""


class ArrowHandler(NamedHandler):
    """Tables as .arrow and .feather, where the key names them; the kind of table comes back."""

    types = "tables of Polars, pandas and Arrow"
    read_by = "Arrow in any language, pandas, Polars, DuckDB, R"
    requires = ("pyarrow",)
    install = f"{DISTRIBUTION}[arrow]"
    named_extensions = (".arrow", ".feather")
    media_types = dict.fromkeys(named_extensions, "application/vnd.apache.arrow.file")

    def can_handle_data(self, data: Any) -> bool:
        """Whole tables in memory."""
        return kind_of(data) in _KINDS

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The kind of table that was written."""
        return _read(file_path, None, self.ceiling)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """Any of the four kinds of tables; or rows, as `list[Row]`, validated one by one."""
        if asks_for_rows(as_type):
            return fitted(as_type, rows_of(_read(file_path, _ROWS, self.ceiling), self.ceiling), row="row")
        kind = None if as_type in (Any, object) else requested_kind(as_type)
        if kind is not None and kind not in _READABLE:
            raise UnsupportedFormatError("An Arrow file holds a table. Read it as a DataFrame, and take its column.")
        return _read(file_path, kind, self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the table; what would come back as another is refused."""
        kind = kind_of(data)
        if kind == "polars.DataFrame":
            _write_polars(data, file_path)
            return
        pa = require("pyarrow")
        try:
            table = data if kind == "pyarrow.Table" else pa.Table.from_pandas(data)
            _write_arrow(table, file_path, str(kind))
            kept = same(_read(file_path, kind, Ceiling(None)), data)
        except (pa.ArrowException, CorruptDataError, ValueError, TypeError) as error:
            let_pass(error)
            raise UnsupportedFormatError(
                f"Arrow cannot hold this table: {error!s:.300}. Convert the column."
            ) from error
        if not kept:
            raise UnsupportedFormatError("Arrow would not give this table back equal. Use .parquet.")

    def preview(self, data: Any) -> Preview:
        """Rows, columns, head and statistics."""
        return table_preview(data)


def _write_polars(data: Any, file: Path) -> None:
    pl = require("polars")
    check_maps(data)
    try:
        with failing_disk_is_an_os_error(file), panics_are_errors():
            data.write_ipc(file)
            back = pl.scan_ipc(file).select(pl.len()).collect().item() if data.width else 0
            kept = list(pl.read_ipc_schema(file).items()) == list(data.schema.items()) and back == data.height
            pl.read_ipc(file, n_rows=1)  # some types it writes, and does not read
    except (pl.exceptions.PolarsError, CorruptDataError) as error:
        raise UnsupportedFormatError(f"Arrow cannot hold this table: {error!s:.300}. Cast the column.") from error
    if not kept:
        raise UnsupportedFormatError(f"Arrow would change this table of the schema {data.schema}. Use .parquet.")


def _write_arrow(table: Any, file: Path, kind: str) -> None:
    pa = require("pyarrow")
    metadata = table.schema.metadata or {}
    if MARK.encode() in metadata:
        raise UnsupportedFormatError(f"The table's metadata already has the key {MARK!r}. Remove it.")
    if not table.num_columns and table.num_rows:
        raise UnsupportedFormatError("Arrow IPC holds no rows without columns. Use .parquet.")
    marked = table.replace_schema_metadata({**metadata, MARK: mark_text(kind, **unregistered(table.schema))})
    with pa.OSFile(os.fspath(file), "wb") as sink, pa.ipc.new_file(sink, marked.schema) as writer:
        writer.write_table(marked)


def _read(file: Path, kind: str | None, ceiling: Ceiling) -> Any:
    # Opened once, because the path may name another version a moment later.
    with open(file, "rb") as stream:
        ceiling.check(unfolded_ipc(stream), "The table")
        stream.seek(0)
        reader = _opened(stream, kind)
        marked = None if reader is None else (reader.schema.metadata or {}).get(MARK.encode())
        kind = kind or _named(marked)
        if reader is None:
            return _by_polars(stream, kind)
        if kind.startswith("polars."):
            with _whole(kind, stream):
                return _by_polars(stream, kind)
        if marked is not None and kind != _ROWS:
            check_registered(reader.schema, json.loads(marked))
        table = reader.read_all()
    table.validate(full=True)  # pyarrow believes what a file says of its offsets
    if marked is not None:
        metadata = {name: text for name, text in table.schema.metadata.items() if name != MARK.encode()}
        table = table.replace_schema_metadata(metadata or None)
    return table if kind != "pandas.DataFrame" else _frame(table, marked, ceiling)


def _frame(table: Any, marked: bytes | None, ceiling: Ceiling) -> Any:
    ceiling.check(spelt_out(table, categories=False), "The frame")
    check_arrow_frame(table, ceiling)
    if marked is not None and _named(marked).startswith("pandas."):
        return as_recorded(frame_of(table), table)
    with _whole("pandas.DataFrame"):
        return frame_of(table)


@contextlib.contextmanager
def _whole(kind: str, stream: BinaryIO | None = None) -> Iterator[None]:
    """What a library cannot make of a file that Arrow reads to its end; that file is not damaged."""
    try:
        yield
    except UnsupportedFormatError:
        raise
    except Exception as error:  # whatever either library raises
        let_pass(error)
        if stream is not None and not _read_by_arrow(stream):
            raise
        raise UnsupportedFormatError(
            f"The file is whole, but {kind.partition('.')[0]} cannot read it ({error!s:.300}). "
            "Read it with as_type=pyarrow.Table."
        ) from error


def _read_by_arrow(stream: BinaryIO) -> bool:
    pa = require("pyarrow")
    stream.seek(0)
    try:
        pa.ipc.open_file(stream).read_all().validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True


def _opened(stream: BinaryIO, kind: str | None) -> Any:
    """The reader of an open file; None where it has types that only Polars knows, and that may read it."""
    pa = require("pyarrow")
    try:
        return pa.ipc.open_file(stream)
    except pa.ArrowNotImplementedError as error:
        if kind is None or kind.startswith("polars."):
            return None
        problem = f"The file is not for pyarrow: {error!s:.200}"
        raise UnsupportedFormatError(f"{problem}. Read it with as_type=polars.DataFrame.") from error


def _by_polars(stream: BinaryIO, kind: str) -> Any:
    stream.seek(0)
    with panics_are_errors():
        frame = require("polars").read_ipc(stream)
    return frame.lazy() if kind == "polars.LazyFrame" else frame


def _named(marked: bytes | None) -> str:
    if marked is None:
        return "polars.DataFrame"
    mark = json.loads(marked)
    if mark.get("v") != 1 or mark.get("type") not in _KINDS:
        raise CorruptDataError(f"The file names an unknown kind of table {mark!r:.80}. Upgrade autostore.")
    return str(mark["type"])
