"""Models, dataclasses, dicts, lists and numbers: their fields, in short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autostore.equality.declared import declared_fields
from autostore.preview import Cell, Fact, Markdown, Preview, Rows
from autostore.previews.bounds import CELL, cell, clip, first_rows

__all__ = ["mapping", "model", "record", "scalar", "sequence"]

FIELDS = 40


def model(value: Any) -> Preview:
    """The fields of a pydantic model; those that its repr hides stay hidden."""
    shown = [(name, getattr(value, name)) for name, field in type(value).model_fields.items() if field.repr]
    return _fields(shown)


def record(value: Any) -> Preview:
    """The fields of a dataclass or a class of attrs; those that its repr hides stay hidden."""
    return _fields((field.name, getattr(value, field.name)) for field in declared_fields(type(value)) if field.shown)


def mapping(value: Mapping[Any, Any]) -> Preview:
    """Number of entries, and the first of them."""
    return {"entries": len(value), **_fields(value.items())}


def sequence(value: Sequence[Any]) -> Preview:
    """Number of entries, and the first of them as a table where they are records."""
    head = value[:5]
    if head and all(isinstance(item, dict) for item in head):
        rows = [{str(name): item for name, item in row.items()} for row in head]
        return {"entries": len(value), "row_count": len(value), "head": first_rows(rows)}
    if head:
        return {"entries": len(value), "head": Markdown("\n".join(f"- {_code(str(cell(item)))}" for item in head))}
    return {"entries": len(value)}


def _code(said: str) -> str:
    """As code, out of which no backtick and no line leads into Markdown."""
    line = " ".join(said.splitlines())
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", line))))
    return f"{fence} {line} {fence}"


def scalar(value: float) -> Preview:
    """The number itself, which plots over time."""
    number = cell(value)
    return {"value": str(number) if isinstance(number, bool | str) or number is None else number}


def _fields(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Fact]:
    rows: list[Mapping[str, Cell]] = []
    plots: dict[str, Fact] = {}
    for name, item in pairs:
        if len(rows) == FIELDS:
            break
        label, shown = clip(str(name), CELL), cell(_as_json(item))
        rows.append({"field": label, "value": shown if isinstance(shown, str) else str(shown)})
        if isinstance(shown, int | float) and not isinstance(shown, bool):
            plots[f"value/{label}"] = shown
    return {**plots, "fields": Rows(rows)} if rows else plots


def _as_json(item: Any) -> Any:
    """What is nested, as it reads in a file; else the value itself."""
    if type(item) not in (dict, list):
        return item
    try:
        return json.dumps(item, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return item
