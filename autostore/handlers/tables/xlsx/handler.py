"""Excel's workbooks by name: a table, or a dict of tables as sheets; any other file of that name is its bytes.

Cells are exact or refused. Which types the columns had stands in a property of the document, packed as
`base64(zlib(JSON))`: `{"v": 1, "many": false, "tables": [mark, ...]}`, a mark as `recorded.py` has it.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import typing
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NotedHandler
from autostore.handlers.tables.kinds import FRAMES, kind_of, kind_of_class, panics_are_errors, table_preview
from autostore.handlers.tables.made import converted
from autostore.handlers.tables.recorded import (
    KINDS,
    arrow_schema,
    as_arrow,
    as_kind,
    mark_of,
    read_mark,
    refused,
)
from autostore.handlers.tables.xlsx.cells import nearest
from autostore.handlers.tables.xlsx.inferred import inferred
from autostore.handlers.tables.xlsx.parts import book, note_of
from autostore.handlers.tables.xlsx.sheet import columns_of
from autostore.handlers.tables.xlsx.writing import workbook
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview
from autostore.previews.text import binary

__all__ = ["ExcelHandler"]

_LONGEST = 64 << 20
"""Bytes of a note."""


class ExcelHandler(NotedHandler):
    """Tables as .xlsx, and bytes, where the key names it."""

    types = "tables of Polars, pandas and Arrow, and dicts of such (sheets), of what cells hold; bytes"
    read_by = "Excel, LibreOffice, Google Sheets, pandas"
    install = f"{DISTRIBUTION}[arrow]"
    named_extensions = (".xlsx",)
    media_types = {".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}

    def is_value(self, data: Any) -> bool:
        """Whole tables in memory, or several by name."""
        if type(data) is dict:
            return bool(data) and all(type(name) is str and kind_of(one) in KINDS for name, one in data.items())
        return kind_of(data) in KINDS

    def is_noted(self, content: bytes) -> bool:
        """Whether the property is there."""
        return note_of(content) is not None

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """The workbook, if the same tables come back from it."""
        sheets = data if type(data) is dict else {"Sheet1": data}
        with refused("Excel"):
            tables = {name: as_arrow(one) for name, one in sheets.items()}
            marks = [
                json.loads(mark_of(one, table)) for one, table in zip(sheets.values(), tables.values(), strict=True)
            ]
            content = workbook(tables, _note({"v": 1, "many": type(data) is dict, "tables": marks}))
            back = _loads(content, None, Ceiling(None))
        if not same(back, data):
            raise UnsupportedFormatError("Excel would not give this table back equal. Use .parquet.")
        return content

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """The tables that were written; of another program's file the first sheet, or all of them as a dict."""
        return _loads(content, as_type, self.ceiling)

    def as_type(self, value: Any, as_type: Any) -> Any:
        """Rows, validated one by one; tables are what was asked for already."""
        return value if kind_of(value) or type(value) is dict else fitted(as_type, value, row="row")

    def preview(self, data: Any) -> Preview:
        """As of any table; of several each its size; how bytes begin."""
        if type(data) is bytes:
            return binary(data)
        if type(data) is dict:
            return {name: f"{one.shape[0]:,} rows, {one.shape[1]:,} columns" for name, one in data.items()}
        return table_preview(data)


def _note(told: Mapping[str, Any]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()


def _read_note(text: str) -> Mapping[str, Any]:
    try:
        unpacker = zlib.decompressobj()
        told = json.loads(unpacker.decompress(base64.b64decode(text, validate=True), _LONGEST))
    except (binascii.Error, zlib.error, ValueError) as error:
        raise CorruptDataError(f"The note of autostore in the workbook is damaged: {error!s:.100}") from error
    if type(told) is not dict or told.get("v") != 1 or type(told.get("tables")) is not list:
        raise CorruptDataError(f"The workbook has the note {told!r:.80}. Upgrade autostore.")
    return {**told, "tables": [read_mark(json.dumps(mark)) for mark in told["tables"]]}


def _loads(content: bytes, as_type: Any, ceiling: Ceiling) -> Any:
    note = note_of(content)
    told: Mapping[str, Any] = {"many": False, "tables": None} if note is None else _read_note(note)
    many, kind = bool(told["many"]), None
    if as_type is not None:
        many, kind = _asked(as_type)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = book(archive, ceiling)
        parts = list(found.sheets.items())
        marks = told["tables"] or [None] * len(parts)
        if len(marks) != len(parts):
            raise _changed("it has other sheets")
        read: dict[str, Any] = {}
        for (name, part), mark in list(zip(parts, marks, strict=True))[: None if many else 1]:
            columns = columns_of(archive, found, part, ceiling)
            read[name] = _table(columns, mark, kind)
    one = next(iter(read.values()))
    return read if many else one.to_dicts() if kind == "rows" else one


def _asked(as_type: Any) -> tuple[bool, str]:
    """Whether all sheets are asked for, and as what."""
    if as_type is dict or typing.get_origin(as_type) is dict:
        kind = kind_of_class((*typing.get_args(as_type), None, None)[1]) if as_type is not dict else "polars.DataFrame"
        if kind in FRAMES:
            return True, kind
    kind = kind_of_class(as_type)
    if kind is not None and kind not in FRAMES:
        raise UnsupportedFormatError("A workbook holds tables. Read it as a DataFrame, and take its column.")
    return False, kind or "rows"


def _table(columns: list[list[Any]], mark: Any, kind: str | None) -> Any:
    wanted = "polars.DataFrame" if kind == "rows" else kind
    if mark is None:
        return converted(inferred(columns), wanted or "polars.DataFrame")
    pa = require("pyarrow")
    try:
        with panics_are_errors():
            kinds = [nearest(field.type) for field in arrow_schema(mark)]
            height = len(columns[0]) if columns else 1
            whole = columns + [[None] * height] * (len(kinds) - len(columns))
            cells = [pa.array(column[1:], each) for column, each in zip(whole, kinds, strict=True)]
            table = pa.Table.from_arrays(cells, names=[str(at) for at in range(len(cells))])
            return as_kind(table, mark, wanted)
    except (UnsupportedFormatError, CorruptDataError):
        raise
    except Exception as error:  # either library's, for a cell that is none of its column
        let_pass(error)
        raise _changed(f"{error!s:.200}") from error


def _changed(why: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"The workbook was changed since it was written here: {why}. Read it with as_type=bytes, by a library for "
        "workbooks, and store the table anew."
    )
