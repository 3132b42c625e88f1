"""Pieces of pandas and Arrow as the row groups of one Parquet file, each of a size that scans can skip."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from autostore.equality import same
from autostore.errors import UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables.arrow import check_types, is_plain, read_table, refused_by_arrow, write_marked
from autostore.handlers.tables.extensions import unregistered
from autostore.handlers.tables.mark import MARK, mark_text
from autostore.handlers.tables.numbering import numbered
from autostore.handlers.tables.options import ParquetOptions
from autostore.handlers.tables.streams import TableStream
from autostore.optional import require

__all__ = ["as_tables", "write_groups"]

FULL = 64 << 20
"""Bytes in memory from which pieces are written, however few rows they have."""


def write_groups(stream: TableStream, into: BinaryIO, options: ParquetOptions) -> None:
    """Write the pieces, joined and cut into row groups."""
    kind = "pandas.DataFrame" if stream.library == "pandas" else "pyarrow.Table"
    tables = as_tables(stream)
    first = next(tables)
    if not first.num_columns:
        raise UnsupportedFormatError("A stream of tables without columns has no rows. Write one table.")
    schema = first.schema
    if MARK.encode() in (schema.metadata or {}):
        raise UnsupportedFormatError(f"The table's metadata already has the key {MARK!r}. Remove it.")
    check_types(schema)
    marked = schema.with_metadata({**(schema.metadata or {}), MARK: mark_text(kind, **unregistered(schema))})
    with refused_by_arrow("stream"), contextlib.ExitStack() as stack:
        writer = None
        for group in _groups(first, tables, options.rows):
            if not is_plain(schema) and not _is_kept(group, kind):
                raise UnsupportedFormatError(f"Parquet would change tables of the schema {schema}. Cast the columns.")
            if writer is None:
                layout = {"use_dictionary": numbered(group, options.rows), **options.for_arrow}
                writer = stack.enter_context(require("pyarrow.parquet").ParquetWriter(into, marked, **layout))
            writer.write_table(group.replace_schema_metadata(marked.metadata), row_group_size=options.rows)


def as_tables(stream: TableStream) -> Iterator[Any]:
    """The pieces as tables of Arrow, of the first one's schema."""
    pa, schema = require("pyarrow"), None
    for number, piece in enumerate(stream, start=1):
        if stream.library == "pandas":
            table = _of_pandas(piece)
        else:
            table = pa.Table.from_batches([piece]) if isinstance(piece, pa.RecordBatch) else piece
        schema = table.schema if schema is None else schema
        yield table if table.schema.equals(schema) else _fitted(stream, number, table, schema)


def _of_pandas(frame: Any) -> Any:
    """A frame's table; rows that are only numbered are numbered anew over the whole."""
    pd = require("pandas")
    labels = frame.columns
    if not labels.is_unique or not all(type(name) is str for name in labels) or labels.nlevels > 1:
        raise UnsupportedFormatError(
            "In a stream, frames of pandas have columns named by text, each once. Rename them."
        )
    if frame.attrs:
        raise UnsupportedFormatError("The frames of a stream have attrs, which belong to one frame. Remove them.")
    numbered = type(frame.index) is pd.RangeIndex and frame.index.name is None
    try:
        return require("pyarrow").Table.from_pandas(frame, preserve_index=False if numbered else None)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        let_pass(error)
        problem = f"Parquet cannot hold this frame of the stream: {error}"
        raise UnsupportedFormatError(f"{problem}. Convert the column.") from error


def _fitted(stream: TableStream, number: int, table: Any, schema: Any) -> Any:
    """A table whose columns stand in another order, or hold nothing but nulls of no type."""
    types = require("pyarrow").types
    here = table.schema
    for name in [*schema.names, *here.names]:
        mine, first = (field.field(name).type if name in field.names else "missing" for field in (here, schema))
        if mine != first and (mine == "missing" or first == "missing" or not types.is_null(mine)):
            raise stream.mismatch(number, name, mine, first)
    return table.select(schema.names).cast(schema)


def _groups(first: Any, rest: Iterator[Any], rows: int) -> Iterator[Any]:
    """The same rows, some `rows` at a time; fewer where they are large."""
    pa = require("pyarrow")
    waiting, size, count = [first], first.nbytes, first.num_rows
    for table in rest:
        waiting.append(table)
        size, count = size + table.nbytes, count + table.num_rows
        if count < rows and size < FULL:
            continue
        whole = pa.concat_tables(waiting)
        end = count if size >= FULL else count - count % rows
        yield whole.slice(0, end)
        waiting, count = [whole.slice(end)], count - end
        size = waiting[0].nbytes
    yield pa.concat_tables(waiting)


def _is_kept(group: Any, kind: str) -> bool:
    file = io.BytesIO()
    write_marked(group, file, mark_text(kind))
    file.seek(0)
    kept: bool = same(read_table(file, {"type": kind, **unregistered(group.schema)}), group)
    return kept
