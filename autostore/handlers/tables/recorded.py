"""Tables in formats that know fewer types than Arrow: what each column was is recorded beside them, and made again.

A mark is `{"v": 1, "type": "polars.DataFrame", "schema": base64}`: the schema as Arrow IPC, by the table's own library.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autostore.equality import same
from autostore.errors import CorruptDataError, MissingDependencyError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables import named
from autostore.handlers.tables.cells import frame_of
from autostore.handlers.tables.kinds import kind_of, panics_are_errors
from autostore.handlers.tables.made import converted
from autostore.handlers.tables.mark import MARK, TableMark
from autostore.optional import require

__all__ = ["KINDS", "arrow_schema", "as_arrow", "as_kind", "kept", "mark_of", "read_mark", "refused"]

KINDS = frozenset(("polars.DataFrame", "pandas.DataFrame", "pyarrow.Table"))
"""Those that are whole and in memory."""


@contextmanager
def refused(format_name: str) -> Iterator[None]:
    """What a library says of a table that it cannot convert, as a refusal."""
    try:
        with panics_are_errors():
            yield
    except (UnsupportedFormatError, MissingDependencyError, MemoryError):
        raise
    except Exception as error:
        let_pass(error)
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnsupportedFormatError(
            f"{format_name} cannot hold this table: {error!s:.300}. Convert the column, or use .parquet."
        ) from error


def as_arrow(data: Any) -> Any:
    """The table as one of Arrow, in which pandas keeps its index."""
    kind = kind_of(data)
    if kind == "polars.DataFrame":
        return data.to_arrow()
    return data if kind == "pyarrow.Table" else require("pyarrow").Table.from_pandas(data)


def mark_of(data: Any, table: Any) -> str:
    """What a file says of the table that is written, beside its cells."""
    kind = kind_of(data)
    if MARK.encode() in (table.schema.metadata or {}):
        raise UnsupportedFormatError(f"The table's metadata already has the key {MARK!r}. Remove it.")
    if kind == "polars.DataFrame":
        stream = io.BytesIO()
        data.clear().write_ipc(stream)
        schema = stream.getvalue()
    else:
        schema = table.schema.serialize().to_pybytes()
    return json.dumps({"v": 1, "type": kind, "schema": base64.b64encode(schema).decode()})


def read_mark(text: str | bytes | None) -> TableMark:
    """What a file says of itself; one that says nothing is a Polars DataFrame."""
    if text is None:
        return {"type": "polars.DataFrame"}
    mark = json.loads(text)
    if type(mark) is not dict or mark.get("v") != 1 or mark.get("type") not in KINDS:
        raise CorruptDataError(f"The file names an unknown kind of table {mark!r:.80}. Upgrade autostore.")
    return {**mark, "schema": base64.b64decode(mark["schema"], validate=True)}


def arrow_schema(mark: TableMark) -> Any:
    """The recorded schema, as Arrow has it."""
    pa = require("pyarrow")
    if mark["type"] == "polars.DataFrame":
        pl = require("polars")
        return pl.DataFrame(schema=pl.read_ipc_schema(io.BytesIO(mark["schema"]))).to_arrow().schema
    return pa.ipc.read_schema(pa.py_buffer(mark["schema"]))


def as_kind(table: Any, mark: TableMark, kind: str | None) -> Any:
    """A table of the types that a format has as the one that was written, and as the kind that is asked for."""
    kind = kind or str(mark["type"])
    if mark["type"] == "polars.DataFrame":
        pl = require("polars")
        frame = pl.from_arrow(table) if table.num_columns else pl.DataFrame()
        if "schema" in mark:
            schema = pl.read_ipc_schema(io.BytesIO(mark["schema"]))
            _check_width(len(schema), table)
            frame.columns = list(schema)
            frame = frame.with_columns(named.column(name).cast(dtype) for name, dtype in schema.items())
        return converted(frame, kind)
    pa, schema = require("pyarrow"), arrow_schema(mark)
    _check_width(len(schema), table)
    columns = [_cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)]
    made = pa.Table.from_arrays(columns, schema=schema)
    made.validate(full=True)
    if kind.startswith("polars."):
        return converted(require("polars").from_arrow(made), kind)
    return frame_of(made) if kind == "pandas.DataFrame" else made


def _check_width(columns: int, table: Any) -> None:
    if columns != table.num_columns:
        raise CorruptDataError(
            f"The file records {columns} columns and has {table.num_columns}. Another program may have changed it: "
            "look at it with as_type=bytes."
        )


def _cast(column: Any, kind: Any) -> Any:
    pa = require("pyarrow")
    if pa.types.is_dictionary(kind):
        column = column.combine_chunks() if column.num_chunks else column
        return column.cast(kind.value_type).dictionary_encode().cast(kind)
    return column.cast(kind)


def kept(file: Path, data: Any, read: Callable[[Path], Any], format_name: str) -> None:
    """Refuse a table that a file does not give back the same."""
    with refused(format_name):
        back = read(file)
    if not same(back, data):
        raise UnsupportedFormatError(f"{format_name} would not give this table back equal. Use .parquet.")
