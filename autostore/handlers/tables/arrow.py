"""Tables of Arrow in Parquet, of exactly the schema that was written.

Parquet has fewer types than Arrow: seconds come back as milliseconds, `date64` as days. The footer holds
the whole schema too (`ARROW:schema`, https://arrow.apache.org/docs/cpp/parquet.html#roundtripping-arrow-types-and-schema),
so such columns are cast back; where that is not exact, the table is refused.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autostore.equality import same
from autostore.errors import MissingDependencyError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handlers.tables.extensions import check_registered, unregistered
from autostore.handlers.tables.footer import read_footer
from autostore.handlers.tables.int96 import has_int96, widened
from autostore.handlers.tables.kinds import not_one_column
from autostore.handlers.tables.mark import MARK, TableMark, mark_text
from autostore.handlers.tables.moments import arrow_rows
from autostore.handlers.tables.numbering import numbered
from autostore.handlers.tables.options import DEFAULT, ParquetOptions
from autostore.handlers.tables.repeated import read_within
from autostore.handlers.tables.row_size import check_arrow_rows
from autostore.handlers.tables.spelt import spelt_out
from autostore.optional import require

__all__ = [
    "check_types",
    "is_plain",
    "read_array",
    "read_batch",
    "read_chunked",
    "read_schema",
    "read_table",
    "refused_by_arrow",
    "rows_of",
    "write_marked",
    "write_part",
    "write_table",
]

_SCHEMA = b"ARROW:schema"


def read_table(stream: Any, mark: TableMark, ceiling: Ceiling | None = None, columns: list[str] | None = None) -> Any:
    """The table, without our mark; a file that was not written from Arrow or pandas as pyarrow itself reads it.

    With `columns` only those, and what a frame of pandas needs for its index; nothing of the others is touched.
    """
    with _opened(stream) as parquet:
        footer = parquet.metadata
        table = read_within(parquet, stream, ceiling, columns)
    if has_int96(read_footer(stream)):
        stream.seek(0)
        with require("pyarrow.parquet").ParquetFile(stream, coerce_int96_timestamp_unit="us") as parquet:
            table = widened(table, read_within(parquet, stream, ceiling, columns))
    metadata = dict(table.schema.metadata or {})
    ours = metadata.pop(MARK.encode(), None) is not None
    if not table.num_columns:
        return _without_columns(mark.get("rows", footer.num_rows), metadata)
    if str(mark["type"]).startswith(("pyarrow.", "pandas.", "geopandas.")):
        table = _restored(table, (footer.metadata or {}).get(_SCHEMA), mark)
    return table.replace_schema_metadata(metadata or None) if ours else table


def _opened(stream: Any) -> Any:
    """The open file; pandas tells pyarrow its own types when it first meets Arrow, which may be later than this."""
    library = require("pyarrow.parquet")
    parquet = library.ParquetFile(stream)
    schema = base64.b64decode((parquet.metadata.metadata or {}).get(_SCHEMA, b""))
    if b"pandas.period" in schema or b"pandas.interval" in schema:
        with contextlib.suppress(MissingDependencyError):
            _pandas_types()
            parquet.close()
            stream.seek(0)
            return library.ParquetFile(stream)
    return parquet


@functools.cache
def _pandas_types() -> None:
    require("pandas").period_range("2000", periods=1, freq="D").array.__arrow_array__()


def _without_columns(rows: int, metadata: dict[bytes, bytes]) -> Any:
    # Whatever changes a table without columns forgets how many rows it has.
    pa = require("pyarrow")
    return pa.table({"": pa.nulls(rows)}).replace_schema_metadata(metadata or None).select([])


def _restored(table: Any, stored: bytes | None, mark: TableMark) -> Any:
    if stored is None:
        return table
    schema = require("pyarrow").ipc.read_schema(require("pyarrow").py_buffer(base64.b64decode(stored)))
    if schema.names != table.column_names:  # some of them, or in another order
        schema = require("pyarrow").schema([schema.field(name) for name in table.column_names], schema.metadata)
    check_registered(schema, mark)
    # The metadata tells the names of a map's parts, too.
    return table if schema.equals(table.schema, check_metadata=True) else table.cast(schema)


def rows_of(table: Any, ceiling: Ceiling) -> list[dict[str, Any]]:
    """Every row as a dict, in which each text takes a place of its own."""
    check_arrow_rows(table, ceiling, spelt_out(table))
    return arrow_rows(table)


def read_batch(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """All rows in one batch."""
    table = read_table(stream, mark, ceiling)
    if not table.num_columns:
        pa = require("pyarrow")
        batch = pa.record_batch({"": pa.nulls(table.num_rows)})
        return batch.replace_schema_metadata(table.schema.metadata).select([])
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else require("pyarrow").RecordBatch.from_pylist([], table.schema)


def read_chunked(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The only column."""
    table = read_table(stream, mark, ceiling)
    if table.num_columns != 1:
        raise not_one_column(table.num_columns, "pyarrow.Table")
    return table.column(0)


def read_array(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The only column, in one piece."""
    column = read_chunked(stream, mark, ceiling)
    whole = column.combine_chunks()
    return whole if isinstance(whole, require("pyarrow").Array) else require("pyarrow").concat_arrays(whole.chunks)


def read_schema(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """Names, types and metadata of the columns."""
    return read_table(stream, mark, ceiling).schema


def write_part(data: Any, file: Path, options: ParquetOptions = DEFAULT, *, kind: str) -> None:
    """Write the table that a batch, an array or a schema makes."""
    pa = require("pyarrow")
    if kind == "pyarrow.Schema":
        table = data.empty_table()
    elif kind == "pyarrow.RecordBatch":
        table = pa.Table.from_batches([data])
    else:
        table = pa.table({"values": data})
    write_table(table, file, options, kind)


def write_table(data: Any, file: Path, options: ParquetOptions = DEFAULT, kind: str = "pyarrow.Table") -> None:
    """Write the table, if what is read back is the same."""
    if MARK.encode() in (data.schema.metadata or {}):
        raise UnsupportedFormatError(f"The table's metadata already has the key {MARK!r}. Remove it.")
    details = unregistered(data.schema) if data.num_columns else {"rows": data.num_rows}
    with refused_by_arrow("Table"):
        write_marked(data, file, mark_text(kind, **details), options)
        kept = is_plain(data.schema) or same(_read_back(file, details), data)
    if not kept:
        raise UnsupportedFormatError(f"Parquet would change this table of the schema {data.schema}. Cast the columns.")


@contextlib.contextmanager
def refused_by_arrow(kind: str) -> Iterator[None]:
    """What pyarrow raises for a type that it cannot write or read back; it has no class of its own for some."""
    try:
        yield
    except (require("pyarrow").ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        let_pass(error)
        raise UnsupportedFormatError(f"Parquet cannot hold this {kind}: {error}. Convert the column.") from error


def write_marked(table: Any, file: Any, mark: str, options: ParquetOptions = DEFAULT) -> None:
    """Write any table with a mark in its footer."""
    check_types(table.schema)
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), MARK: mark})
    layout = {"use_dictionary": numbered(table, options.rows), **options.for_arrow}
    require("pyarrow.parquet").write_table(marked, file, row_group_size=options.rows, **layout)


def check_types(schema: Any) -> None:
    """Refuse what pyarrow writes and nobody reads."""
    _check_metadata(schema.metadata)
    for field in schema:
        _check_metadata(field.metadata)
        _check_parts(field.name, field.type)


def _check_metadata(metadata: dict[bytes, bytes] | None) -> None:
    try:
        for word in itertools.chain.from_iterable((metadata or {}).items()):
            word.decode()
    except UnicodeDecodeError as error:
        raise UnsupportedFormatError("The metadata of the table is no text, as Parquet needs it. Encode it.") from error


def _check_parts(name: str, kind: Any) -> None:
    # pyarrow writes lists of the fixed size 0 so that nobody reads them, or ends the process.
    types = require("pyarrow").types
    if types.is_fixed_size_list(kind) and kind.list_size == 0:
        raise UnsupportedFormatError(f"Parquet cannot hold lists of the fixed size 0 ({name!r:.80}). Cast the column.")
    if types.is_dictionary(kind) or isinstance(kind, require("pyarrow").BaseExtensionType):
        _check_parts(name, getattr(kind, "value_type", None) or kind.storage_type)
    for part in map(kind.field, range(kind.num_fields)):
        _check_metadata(part.metadata)
        _check_parts(name, part.type)


def _read_back(file: Path, details: dict[str, Any]) -> Any:
    with open(file, "rb") as stream:
        return read_table(stream, {"type": "pyarrow.Table", **details})


def is_plain(schema: Any) -> bool:
    """Whether Parquet is known to keep every type, so that the table need not be read back."""
    types = require("pyarrow").types
    kept = (
        *(types.is_boolean, types.is_integer, types.is_floating, types.is_decimal128, types.is_date32),
        *(types.is_string, types.is_binary, types.is_large_string, types.is_large_binary, types.is_duration),
    )
    return bool(len(schema)) and all(
        any(is_kind(field.type) for is_kind in kept)
        or (types.is_timestamp(field.type) and field.type.unit != "s")
        or (types.is_time(field.type) and field.type.unit != "s")
        for field in schema
    )
