"""Models, dataclasses, dicts, lists and numbers: their fields, in short."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from autostore_dagster.metadata.bounds import CELL, cell, clip, records_table

__all__ = ["mapping", "model", "record", "scalar", "sequence"]

FIELDS = 40


def model(value: Any) -> Mapping[str, Any]:
    """The fields of a pydantic model; those that its repr hides stay hidden."""
    shown = [(name, getattr(value, name)) for name, field in type(value).model_fields.items() if field.repr]
    return _fields(shown)


def record(value: Any) -> Mapping[str, Any]:
    """The fields of a dataclass; those that its repr hides stay hidden."""
    return _fields((field.name, getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr)


def mapping(value: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Number of entries, and the first of them."""
    return {"entries": dg.MetadataValue.int(len(value)), **_fields(value.items())}


def sequence(value: Sequence[Any]) -> Mapping[str, Any]:
    """Number of entries, and the first of them as a table where they are records."""
    found: dict[str, Any] = {"entries": dg.MetadataValue.int(len(value))}
    head = value[:5]
    if head and all(isinstance(item, dict) for item in head):
        rows = [{str(name): item for name, item in row.items()} for row in head]
        found["dagster/row_count"] = dg.MetadataValue.int(len(value))
        found["head"] = records_table(rows)
    elif head:
        found["head"] = dg.MetadataValue.md("\n".join(f"- `{cell(item)}`" for item in head))
    return found


def scalar(value: float) -> Mapping[str, Any]:
    """The number itself, which plots over time."""
    number = cell(value)
    if isinstance(number, bool | str) or number is None:
        return {"value": dg.MetadataValue.text(str(number))}
    return {"value": dg.MetadataValue.float(number) if isinstance(number, float) else dg.MetadataValue.int(number)}


def _fields(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    rows: list[dg.TableRecord] = []
    plots: dict[str, Any] = {}
    for name, item in pairs:
        if len(rows) == FIELDS:
            break
        label, shown = clip(str(name), CELL), cell(item)
        rows.append(dg.TableRecord({"field": label, "value": shown if isinstance(shown, str) else str(shown)}))
        if isinstance(shown, int | float) and not isinstance(shown, bool):
            plots[f"value/{label}"] = shown
    return {**plots, "fields": dg.MetadataValue.table(rows)} if rows else plots
