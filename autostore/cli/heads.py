"""The beginning of a value, as a shell shows it: rows of a table, lines of a text, entries of a container."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

from autostore import AutoStore
from autostore.cli.output import Output
from autostore.preview import Cell, Columns, Markdown, Rows

__all__ = ["Head", "head_of", "head_of_value"]

_TEXTS = ("str", "bytes")


@dataclass(frozen=True)
class Head:
    """Rows of cells, or lines."""

    rows: list[dict[str, Any]]
    lines: list[str]

    def as_json(self) -> Any:
        """The same as plain data."""
        return self.rows or self.lines

    def print(self, out: Output) -> None:
        """As a table in a terminal, separated by tabs in a pipe."""
        for line in self.lines:
            out.line(line)
        if self.rows:
            names = list(self.rows[0])
            if not out.is_terminal:
                out.tabbed(names)
            out.rows(self.rows, dict.fromkeys(names, _cell), piped=names)


def head_of(store: AutoStore, key: str, rows: int) -> Head:
    """Read what is needed: a Parquet table lazily, everything else whole."""
    info = store.info(key)
    if info.columns is not None:
        return Head(_table(store, key, rows), [])
    return head_of_value(store, store.read(key), rows)


def head_of_value(store: AutoStore, value: Any, rows: int) -> Head:
    """The same of a value that was read, such as an older version."""
    table = _rows_of(value, rows)
    if table is not None:
        return Head(table, [])
    if isinstance(value, str | bytes | bytearray):
        text = value if isinstance(value, str) else bytes(value).decode(errors="backslashreplace")
        return Head([], text.splitlines()[:rows])
    if isinstance(value, list | tuple) and value and all(isinstance(row, dict) for row in value[:rows]):
        return Head([dict(row) for row in value[:rows]], [])
    if isinstance(value, dict):
        return Head([{"key": name, "value": _short(one)} for name, one in islice(value.items(), rows)], [])
    if isinstance(value, list | tuple):
        return Head([], [_short(one) for one in value[:rows]])
    return Head(_facts(store, value), [])


def _table(store: AutoStore, key: str, rows: int) -> list[dict[str, Any]]:
    try:
        import polars as pl
    except ImportError:
        return _rows_of(store.read(key), rows) or []
    return store.read(key, as_type=pl.LazyFrame).head(rows).collect().to_dicts()


def _rows_of(value: Any, rows: int) -> list[dict[str, Any]] | None:
    """The first rows of a table of any library; None: it is none."""
    if type(value).__name__ == "LazyFrame":
        value = value.head(rows).collect()
    if hasattr(value, "to_dicts"):
        return list(value.head(rows).to_dicts())
    if hasattr(value, "to_pylist") and hasattr(value, "column_names"):
        return list(value.slice(0, rows).to_pylist())
    if type(value).__name__ == "DataFrame":
        return list(value.head(rows).to_dict("records"))
    return None


def _facts(store: AutoStore, value: Any) -> list[dict[str, Any]]:
    """What its preview tells, and of what has none the beginning of its repr."""
    found: list[dict[str, Any]] = []
    for name, fact in store.preview(value).items():
        if isinstance(fact, Rows):
            lines = (json.dumps(dict(row), default=str) for row in fact.rows)
            found += [{"name": f"{name}[{number}]", "value": line} for number, line in enumerate(lines)]
        elif isinstance(fact, Columns):
            found += [{"name": column, "value": dtype} for column, dtype in fact.columns]
        elif isinstance(fact, Markdown):
            found.append({"name": name, "value": fact.text})
        elif isinstance(fact, str | int | float):
            found.append({"name": name, "value": fact})
    return found or [{"name": type(value).__qualname__, "value": _short(value)}]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _cell(value: Cell) -> str:
    return "" if value is None else str(value)
