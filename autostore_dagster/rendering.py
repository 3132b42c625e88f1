"""A preview as Dagster's metadata, so that it is whole in the narrow panel of an asset's page.

The panel is some 45 characters wide and neither wraps names nor scrolls. Tables that are wider are turned on their
side; what is wider still stands behind the link that Dagster makes of long Markdown, which opens a dialog.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import dagster as dg

from autostore.plugins import Columns, Fact, Markdown, Picture, Preview, Rows

__all__ = ["is_line", "rendered", "sendable"]

_SPECIAL = {"row_count": (int, "dagster/row_count"), "column_schema": (Columns, "dagster/column_schema")}
"""Facts that Dagster itself knows, by another name: it draws row counts, and the columns' tab."""

WIDTH = 44
"""Characters of the panel beside a window of 1,440 pixels."""

UNRULED = 6
"""What a table of Markdown has more room for: it has no lines."""

NAME = 20
"""Characters of a column's name in a table; it is whole in the columns' tab."""

FIRST = 24
"""Characters of a value among the first ones."""

VALUES = 3

LINKED = 1000
"""Characters from which on Dagster shows Markdown behind a link."""

Row = Mapping[str, object]


def rendered(preview: Preview, described: dg.TableSchema | None = None) -> dict[str, dg.MetadataValue]:
    """Each fact under its name; `described` adds to the columns what it says of them."""
    found: dict[str, dg.MetadataValue] = {}
    for name, fact in ((sendable(name), _sendable(fact)) for name, fact in preview.items()):
        kind, special = _SPECIAL.get(name, (object, name))
        found[special if isinstance(fact, kind) else name] = _rendered(name, fact, described)
    return found


def is_line(shown: dg.MetadataValue) -> bool:
    """Whether this is a fact of one line, not something to look at."""
    return not isinstance(shown, dg.MarkdownMetadataValue | dg.TableMetadataValue)


def sendable(text: str) -> str:
    """The text as UTF-8 has it: half a pair of code units, as in a file's name, would fail the asset's whole page."""
    return text.encode(errors="backslashreplace").decode()


def _sendable(fact: Any) -> Any:
    match fact:
        case str():
            return sendable(fact)
        case Markdown(text):
            return Markdown(sendable(text))
        case Rows(rows):
            return Rows([{sendable(name): _sendable(cell) for name, cell in row.items()} for row in rows])
        case Columns(columns):
            return Columns([(sendable(name), sendable(dtype)) for name, dtype in columns])
    return fact


def _rendered(name: str, fact: Fact, described: dg.TableSchema | None) -> dg.MetadataValue:
    match fact:
        case Markdown(text):
            return dg.MetadataValue.md(text)
        case Picture(data, media_type):
            return dg.MetadataValue.md(f"![{name}](data:{media_type};base64,{base64.b64encode(data).decode()})")
        case Rows(rows):
            return _statistics(rows) if name == "statistics" else _table(rows)
        case Columns(columns):
            return dg.MetadataValue.table_schema(_schema(columns, described))
        case int():
            return dg.MetadataValue.int(fact)
        case float():
            return dg.MetadataValue.float(fact)
    return dg.MetadataValue.text(fact)


def _schema(columns: Sequence[tuple[str, str]], described: dg.TableSchema | None) -> dg.TableSchema:
    known = {column.name: column for column in described.columns} if described else {}
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                dtype,
                description=known[name].description if name in known else None,
                constraints=known[name].constraints if name in known else None,
                tags=known[name].tags if name in known else None,
            )
            for name, dtype in columns
        ],
        constraints=described.constraints if described else None,
    )


def _table(rows: Sequence[Row]) -> dg.MetadataValue:
    """As it is where it fits; else a row for each column, with the first values."""
    if _width([{name: _short(value) for name, value in row.items()} for row in rows]) <= WIDTH or len(rows[0]) < 3:
        plain = [{name: _figures(value) for name, value in row.items()} for row in rows]
    else:
        plain = [{"column": _name(name), "first values": _values(row[name] for row in rows)} for name in rows[0]]
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in plain])  # type: ignore[arg-type]


def _statistics(rows: Sequence[Row]) -> dg.MetadataValue:
    """Numbers to the right, as in a printed table; behind a link where that is too wide."""
    names = list(rows[0])
    told = [{name: _told(value) for name, value in row.items()} for row in rows]
    lines = [names, ["---", *["--:"] * (len(names) - 1)]]
    lines += [[_escaped(row[names[0]]), *(row[name] for name in names[1:])] for row in told]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return dg.MetadataValue.md(text if _width(told) <= WIDTH + UNRULED else text.ljust(LINKED + 1))


def _width(rows: Sequence[Mapping[str, str]]) -> int:
    """Characters that a table takes: of each column the longest cell, and its margins."""
    return sum(2 + max(len(name), *(len(row[name]) for row in rows)) for name in rows[0])


def _figures(value: object) -> object:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _short(value: object) -> str:
    return str(_figures(value))


def _told(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.5g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _name(name: str, length: int = NAME) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _values(values: Iterable[object]) -> str:
    return ", ".join(_name(_short(value), FIRST) for value in islice(values, VALUES))


def _escaped(name: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~#$])", r"\\\1", _name(name))
