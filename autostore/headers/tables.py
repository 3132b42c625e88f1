"""Tables: kind, rows and columns from a Parquet file's footer, names from the first line of a CSV file."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, BinaryIO

from autostore.errors import CorruptDataError
from autostore.guard.foreign import let_pass
from autostore.headers.header import LONGEST, Header, beginning, text_of
from autostore.optional import require, require_installed

__all__ = ["comma_separated", "parquet"]

MAGIC = b"PAR1"
REACH = 64 * 1024
_FIRST_LINE = 64 * 1024
_SEPARATORS = ",;\t|"
Columns = tuple[tuple[str, str], ...]


def parquet(file: BinaryIO) -> Header:
    """From the footer alone, by the library that the table belongs to where it is installed."""
    footer = _footer(file)
    arrow = _arrow(footer)
    mark = (arrow.metadata or {}).get(b"autostore") if arrow is not None else None
    if arrow is None:
        mark = require("polars").read_parquet_metadata(io.BytesIO(footer)).get("autostore")
    kind = _kind(mark) if mark else "polars.DataFrame"
    rows, columns = _by_polars(footer, arrow) if arrow is None or kind.startswith("polars.") else _by_arrow(arrow, kind)
    if mark and kind and not columns:
        rows = int(json.loads(mark).get("rows", rows))
    shape = (rows,) if kind.endswith("Series") else (rows, len(columns))
    return Header(type=kind or None, shape=shape, columns=columns)


def _kind(mark: str | bytes) -> str:
    """The kind of table that our mark names; nothing where another program means something else by that key."""
    try:
        return str(json.loads(mark)["type"])
    except (ValueError, TypeError, KeyError):
        return ""


def _footer(file: BinaryIO) -> bytes:
    """A file of the footer and nothing else."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - REACH, 0))
    tail = file.read(REACH)
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if tail[-4:] != MAGIC or length > min(size, LONGEST):
        raise CorruptDataError("The file does not end as Parquet does. Look at it with as_type=bytes.")
    if length > len(tail):
        file.seek(size - length)
        tail = file.read(length)
    return MAGIC + tail[-length:]


def _arrow(footer: bytes) -> Any:
    try:
        require_installed("pyarrow")
    except ImportError:
        return None
    try:
        return require("pyarrow.parquet").read_metadata(io.BytesIO(footer))
    except NotImplementedError:  # Arrow's, of a type that it does not know
        return None


def _by_polars(footer: bytes, arrow: Any) -> tuple[int, Columns]:
    """As Polars says it; in Arrow's words where Polars lacks a type, at some of which it panics."""
    pl = require("polars")
    try:
        schema = pl.read_parquet_schema(io.BytesIO(footer))
        rows = pl.scan_parquet(io.BytesIO(footer)).select(pl.len()).collect().item()
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        let_pass(error)
        if arrow is None:
            raise CorruptDataError(f"Polars reads no schema from it: {error!s:.300}") from error
        return _by_arrow(arrow, "")
    return rows, tuple((name, str(dtype)) for name, dtype in schema.items())


def _by_arrow(footer: Any, kind: str) -> tuple[int, Columns]:
    schema = footer.schema.to_arrow_schema()
    columns = [(field.name, str(field.type)) for field in schema]
    pandas = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    if kind.startswith(("pandas.", "geopandas.")) and pandas:
        index = {name for name in pandas["index_columns"] if isinstance(name, str)}
        told = [c for c in pandas["columns"] if c["field_name"] not in index]
        shapes = json.loads((schema.metadata or {}).get(b"geo", b"{}")).get("columns", {})
        columns = [(str(c["name"]), "geometry" if c["field_name"] in shapes else str(c["numpy_type"])) for c in told]
    return footer.num_rows, tuple(columns)


def comma_separated(file: BinaryIO) -> Header:
    """The names of the columns; rows and dtypes show only when all of it is read."""
    data = beginning(file, _FIRST_LINE)
    text = data.decode("utf-8", errors="ignore")
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    names = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    columns = tuple((name, "") for name in names)
    return Header(type="polars.DataFrame", columns=columns, preview=text_of(data))
