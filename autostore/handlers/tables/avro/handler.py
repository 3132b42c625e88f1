"""Avro by name: tables of Polars, pandas and pyarrow; the kind that was written comes back.

fastavro codes the rows of a block; the container, whose claims may be anybody's, is read by `blocks.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NamedHandler
from autostore.handlers.tables.arrow import rows_of
from autostore.handlers.tables.avro.blocks import Block, blocks, header, zigzag
from autostore.handlers.tables.avro.reading import arrow_of
from autostore.handlers.tables.avro.schema import nearest, plain, record, valid_names
from autostore.handlers.tables.kinds import (
    FRAMES,
    asks_for_rows,
    kind_of,
    panics_are_errors,
    requested_kind,
    table_preview,
)
from autostore.handlers.tables.mark import MARK
from autostore.handlers.tables.recorded import KINDS, as_arrow, as_kind, kept, mark_of, read_mark, refused
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview

__all__ = ["AvroHandler"]

_ROW, _CELL = 240, 64
"""Bytes that a row and its cells take as Python objects, of one block at a time."""

_BATCH = 10_000


class AvroHandler(NamedHandler):
    """Tables as .avro, where the key names it; the kind of table comes back."""

    types = "tables of Polars, pandas and Arrow"
    read_by = "Kafka, Hadoop, BigQuery, Snowflake, Avro in any language"
    requires = ("fastavro", "pyarrow")
    install = f"{DISTRIBUTION}[avro]"
    named_extensions = (".avro",)
    media_types = {".avro": "application/vnd.apache.avro"}

    def can_handle_data(self, data: Any) -> bool:
        """Whole tables in memory."""
        return kind_of(data) in KINDS

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The kind of table that was written; of another program's file a Polars DataFrame."""
        return _read(read_whole(file_path, self.ceiling), None, self.ceiling)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """Any of the four kinds of tables; or rows, as `list[Row]`, validated one by one."""
        content = read_whole(file_path, self.ceiling)
        if asks_for_rows(as_type):
            return fitted(as_type, rows_of(_read(content, "pyarrow.Table", self.ceiling), self.ceiling), row="row")
        kind = None if as_type in (Any, object) else requested_kind(as_type)
        if kind is not None and kind not in FRAMES:
            raise UnsupportedFormatError("An Avro file holds a table. Read it as a DataFrame, and take its column.")
        return _read(content, kind, self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the rows, packed by deflate, which every reader knows; what would come back as another is refused."""
        with refused("Avro"):
            table = as_arrow(data)
            content = _written(table, mark_of(data, table))
        with open(file_path, "wb") as file:
            file.write(content)
        kept(file_path, data, lambda _: _read(content, None, Ceiling(None)), "Avro")

    def preview(self, data: Any) -> Preview:
        """Rows, columns, head and statistics."""
        return table_preview(data)


def _written(table: Any, mark: str) -> bytes:
    if not table.num_columns:
        raise UnsupportedFormatError("Avro holds no rows without columns. Use .parquet.")
    pa, names = require("pyarrow"), valid_names(table.column_names)
    near = [(name, nearest(column.type)) for name, column in zip(names, table.columns, strict=True)]
    bare = table.rename_columns(names).replace_schema_metadata(None)
    rows = bare.cast(pa.schema(near)).cast(pa.schema([(name, plain(kind)) for name, kind in near]))
    stream, schema = io.BytesIO(), record("row", near)
    # What separates blocks is made of the content, so that equal tables are equal files.
    sync = hashlib.blake2b(mark.encode(), digest_size=16).digest()
    parts = (row for batch in rows.to_batches(_BATCH) for row in batch.to_pylist(maps_as_pydicts="strict"))
    require("fastavro").writer(
        stream, schema, parts, codec="deflate", metadata={MARK: mark}, sync_marker=sync, strict=True
    )
    return stream.getvalue()


def _read(content: bytes, kind: str | None, ceiling: Ceiling) -> Any:
    pa, stream = require("pyarrow"), io.BytesIO(content)
    told = header(stream)
    mark = read_mark(told.get(MARK))
    found, clean = arrow_of(json.loads(told["avro.schema"]))
    if not pa.types.is_struct(found):
        raise UnsupportedFormatError("The file holds single values and no rows. Look at it with as_type=bytes.")
    schema = pa.schema(list(found))
    flat = pa.schema([(field.name, plain(field.type)) for field in schema])
    codec = told.get("avro.codec", b"null").decode()
    batches, total = [], 0
    for block in blocks(stream, codec, ceiling):
        ceiling.check(total + block.rows * (_ROW + _CELL * len(schema)), "The table")
        batches.append(pa.RecordBatch.from_pylist(_rows(block, clean), flat))
        total += batches[-1].nbytes
    with panics_are_errors():
        return as_kind(pa.Table.from_batches(batches, flat).cast(schema), mark, kind)


def _rows(block: Block, schema: Any) -> list[dict[str, Any]]:
    """A block is the items of an array, which are read by one call into C."""
    stream = io.BytesIO(zigzag(block.rows) + block.data + b"\0" if block.rows else b"\0")
    rows: list[dict[str, Any]] = require("fastavro").schemaless_reader(stream, {"type": "array", "items": schema}, None)
    if stream.read(1) or len(rows) != block.rows:
        raise CorruptDataError("A block of the file has other rows than it says. Look at it with as_type=bytes.")
    return rows
