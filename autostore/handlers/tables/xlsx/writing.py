"""A workbook as it is written: one part a sheet, texts in their cells, and a note among its properties.

ECMA-376, part 1, 12 (which parts there are) and 18.3 (sheets). Equal tables are equal files.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables.xlsx.cells import nearest, spelled, writer
from autostore.optional import require

__all__ = ["NOTE", "column_name", "workbook"]

NOTE = "autostore"
"""Properties of ours are `autostore.0`, `autostore.1`, ...: Excel has 255 characters for each."""

_PIECE = 250
_ROWS, _COLUMNS = 1_048_576, 16_384
_NO_SHEET = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="3"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss.000"/>'
    '<numFmt numFmtId="166" formatCode="hh:mm:ss.000"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    + "".join(
        f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for number in (164, 165, 166)
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def workbook(sheets: Mapping[str, Any], note: str) -> bytes:
    """The file of these tables of Arrow."""
    _check_names(sheets)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _frame(list(sheets), note).items():
            _put(archive, name, [_XML, text])
        for number, table in enumerate(sheets.values(), 1):
            _put(archive, f"xl/worksheets/sheet{number}.xml", _sheet(table))
    return stream.getvalue()


def _put(archive: zipfile.ZipFile, name: str, texts: Iterable[str]) -> None:
    told = zipfile.ZipInfo(name)  # of 1980
    told.compress_type, told.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    with archive.open(told, "w", force_zip64=False) as part:
        for text in texts:
            part.write(text.encode())


def _check_names(sheets: Mapping[str, Any]) -> None:
    for name in sheets:
        if not 0 < len(name) <= 31 or _NO_SHEET.search(name) or spelled(name) != name or name.lower() == "history":
            raise UnsupportedFormatError(
                f"Excel has no sheet named {name!r:.60}: at most 31 characters, none of []:*?/\\&<>. Rename it."
            )
    if len({name.casefold() for name in sheets}) != len(sheets):
        raise UnsupportedFormatError("Excel takes names of sheets for the same that differ in case only. Rename one.")


def _frame(names: list[str], note: str) -> dict[str, str]:
    """All parts but the sheets."""
    count = len(names)
    main = f"{_TYPES}.spreadsheetml"
    kinds = {f"/xl/worksheets/sheet{at}.xml": f"{main}.worksheet+xml" for at in range(1, count + 1)}
    kinds |= {"/xl/workbook.xml": f"{main}.sheet.main+xml", "/xl/styles.xml": f"{main}.styles+xml",
              "/docProps/custom.xml": f"{_TYPES}.custom-properties+xml"}  # fmt: skip
    types = "".join(f'<Override PartName="{part}" ContentType="{kind}"/>' for part, kind in kinds.items())
    listed = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="rId{at}"/>' for at, name in enumerate(names, 1))
    parts = {f"rId{at}": ("worksheet", f"worksheets/sheet{at}.xml") for at in range(1, count + 1)}
    parts[f"rId{count + 1}"] = ("styles", "styles.xml")
    roots = {"rId1": ("officeDocument", "xl/workbook.xml"), "rId2": ("custom-properties", "docProps/custom.xml")}
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        "_rels/.rels": _relations(roots),
        "docProps/custom.xml": _properties(note),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": _relations(parts),
        "xl/styles.xml": _STYLES,
    }


def _relations(parts: Mapping[str, tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/relationships/{kind}" Target="{target}"/>'
        for name, (kind, target) in parts.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _properties(note: str) -> str:
    pieces = [note[begin : begin + _PIECE] for begin in range(0, len(note), _PIECE)]
    listed = "".join(
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{at + 2}" name="{NOTE}.{at}">'
        f"<vt:lpwstr>{spelled(piece)}</vt:lpwstr></property>"
        for at, piece in enumerate(pieces)
    )
    return f'<Properties xmlns="{_OFFICE}/custom-properties" xmlns:vt="{_OFFICE}/docPropsVTypes">{listed}</Properties>'


def _sheet(table: Any) -> Iterator[str]:
    if not 0 < table.num_columns <= _COLUMNS or table.num_rows >= _ROWS:
        raise UnsupportedFormatError(
            f"A sheet of Excel has 1 to {_COLUMNS:,} columns and {_ROWS - 1:,} rows below its header, and this table "
            f"has {table.num_columns:,} and {table.num_rows:,}. Use .parquet."
        )
    pa = require("pyarrow")
    letters = [column_name(at) for at in range(table.num_columns)]
    yield f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'
    yield _row(1, letters, [writer(pa.string())] * len(letters), table.column_names)
    kinds = [nearest(column.type) for column in table.columns]
    fields = [pa.field(str(at), kind) for at, kind in enumerate(kinds)]
    plain = table.rename_columns([field.name for field in fields]).replace_schema_metadata(None).cast(pa.schema(fields))
    writers, number = [writer(kind) for kind in kinds], 1
    for batch in plain.to_batches(1000):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            number += 1
            yield _row(number, letters, writers, row)
    yield "</sheetData></worksheet>"


def _row(number: int, letters: list[str], writers: Any, values: Iterable[Any]) -> str:
    cells = []
    for letter, write, value in zip(letters, writers, values, strict=True):
        if value is not None:
            attributes, content = write(value)
            cells.append(f'<c r="{letter}{number}"{attributes}>{content}</c>')
    return f'<row r="{number}">{"".join(cells)}</row>'


def column_name(at: int) -> str:
    """A, B, ... Z, AA, ..."""
    name, at = "", at + 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name
