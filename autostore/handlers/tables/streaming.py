"""Writes tables while they are computed, into any binary stream, in flat memory: queries, and pieces one by one.

Whether the format keeps the schema is asked of an empty table beforehand; whether the rows had it, at the end.
"""

from __future__ import annotations

import io
import struct
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables import named
from autostore.handlers.tables.kinds import failed_query, panics_are_errors
from autostore.handlers.tables.mark import MARK, mark_text
from autostore.handlers.tables.options import ParquetOptions
from autostore.handlers.tables.rows import write_groups
from autostore.handlers.tables.streams import TableStream
from autostore.optional import require

__all__ = ["as_lazy", "check_kept", "write_query", "write_stream"]

KEPT = 4 << 20
"""Bytes of the end that are kept in memory, for the footer: of some forty thousand column chunks."""


def write_stream(stream: TableStream, into: BinaryIO, options: ParquetOptions) -> None:
    """Write all pieces of a stream as Parquet."""
    if stream.library == "polars":
        check_kept(stream.first.schema)
        write_query(as_lazy(stream), into, options)
    else:
        write_groups(stream, into, options)


def write_query(query: Any, into: BinaryIO, options: ParquetOptions) -> None:
    """Write what a query yields as Parquet."""
    with failed_query():
        schema = query.collect_schema()
        check_kept(schema)
        watched = _Watched(into)
        query.sink_parquet(watched, metadata={MARK: mark_text("polars.LazyFrame")}, **options.for_polars)
        footer = watched.footer()
        if footer and require("polars").read_parquet_schema(io.BytesIO(footer)) != schema:
            raise UnsupportedFormatError(f"The query gave other columns than it said: {schema}. Correct it")


def check_kept(schema: Any) -> None:
    """Refuse columns that Parquet would change."""
    pl, file = require("polars"), io.BytesIO()
    try:
        with panics_are_errors():
            pl.DataFrame(schema=schema).write_parquet(file)
            file.seek(0)
            kept = list(pl.read_parquet_schema(file).items()) == list(schema.items())
    except pl.exceptions.PolarsError as error:
        raise UnsupportedFormatError(f"Parquet cannot hold these columns: {error}. Cast the column.") from error
    if not kept:
        raise UnsupportedFormatError(f"Parquet would change the schema {schema}. Cast the columns.")


def as_lazy(stream: TableStream) -> Any:
    """The query that yields the pieces, which are frames of Polars, or are made such."""
    from polars.io.plugins import register_io_source

    schema = stream.first.schema

    def source(*_asked: object) -> Iterator[Any]:  # all of it, as nothing is asked of a query that is only written
        for number, piece in enumerate(stream, start=1):
            yield piece if piece.schema == schema else _fitted(stream, number, piece, schema)

    return register_io_source(source, schema=schema, validate_schema=True)


def _fitted(stream: TableStream, number: int, piece: Any, schema: Any) -> Any:
    """A piece whose columns stand in another order, or hold nothing but nulls of no type."""
    pl = require("polars")
    here = piece.schema
    for name in [*schema, *here]:
        if name not in schema or here.get(name) not in (schema[name], pl.Null):
            raise stream.mismatch(number, name, here.get(name, "missing"), schema.get(name, "missing"))
    return piece.select(named.column(name).cast(dtype) for name, dtype in schema.items())


class _Watched(io.RawIOBase):
    """Hands on what is written, and keeps the last of it."""

    def __init__(self, into: BinaryIO) -> None:
        super().__init__()
        self._into = into
        self._last: deque[bytes] = deque()
        self._kept = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._into.write(piece)
        self._last.append(piece)
        self._kept += len(piece)
        while self._kept - len(self._last[0]) > KEPT:
            self._kept -= len(self._last.popleft())
        return len(piece)

    def footer(self) -> bytes:
        """The end of a Parquet file as a file of its own; nothing where it is too long to have been kept."""
        end = b"".join(self._last)
        length = struct.unpack("<I", end[-8:-4])[0] + 8
        return b"PAR1" + end[-length:] if length <= len(end) else b""
