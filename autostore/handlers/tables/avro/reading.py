"""Schemas of Avro as Arrow says them: which types the columns of anybody's file have, and what the reader is told.

What takes no byte (null, records without fields) is refused: few bytes may hold any number of such items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables.avro.schema import primitives
from autostore.optional import require

__all__ = ["arrow_of"]

_DEEPEST = 64
_PRECISION = 76
Found = tuple[Any, Any]
"""The type of Arrow, and the schema without words that the reader would follow."""


def arrow_of(schema: Any) -> Found:
    """What a schema of a file says; `UnsupportedFormatError` where it is none of columns."""
    return _Names().found(schema, "", 0)


class _Names:
    """The named types of one schema, in the order in which they are met."""

    def __init__(self) -> None:
        self._known: dict[str, Found | None] = {}

    def found(self, schema: Any, space: str, depth: int) -> Found:
        """Of any schema, within a namespace."""
        if depth > _DEEPEST:
            raise _no_column("one that is too deep")
        if type(schema) is list:
            return self._union(schema, space, depth)
        if type(schema) is str:
            if schema in primitives():
                return primitives()[schema], schema
            known = self._known.get(_full(schema, space)) or self._known.get(schema)
            if known is None:  # a record within itself, too
                raise _no_column(schema)
            return known
        if type(schema) is not dict:
            raise _no_column(schema)
        return self._complex(schema, space, depth)

    def _union(self, schema: list[Any], space: str, depth: int) -> Found:
        others = [branch for branch in schema if branch != "null"]
        if len(others) != 1 or len(schema) > 2:
            raise _no_column(schema)
        found, clean = self.found(others[0], space, depth + 1)
        return found, [branch if branch == "null" else clean for branch in schema]

    def _complex(self, schema: Mapping[str, Any], space: str, depth: int) -> Found:
        pa, word = require("pyarrow"), schema.get("type")
        if word == "array":
            found, clean = self.found(schema.get("items"), space, depth + 1)
            return pa.list_(found), {"type": "array", "items": clean}
        if word == "map":
            found, clean = self.found(schema.get("values"), space, depth + 1)
            return pa.map_(pa.string(), found), {"type": "map", "values": clean}
        if word in ("record", "enum", "fixed"):
            return self._named(schema, space, depth)
        logical = schema.get("logicalType")
        if logical == "decimal" and word == "bytes":
            return _decimal(schema), _decimal_schema("bytes", schema)
        found, clean = self.found(word, space, depth + 1)
        known = _LOGICAL.get((word, logical)) if type(word) is str and type(logical) is str else None
        return (known() if known else found), clean

    def _named(self, schema: Mapping[str, Any], space: str, depth: int) -> Found:
        name = schema.get("name")
        if type(name) is not str or type(schema.get("namespace", "")) is not str:
            raise _no_column(schema)
        name = _full(name, schema.get("namespace", space))
        if name in self._known:
            raise _no_column(schema)
        self._known[name], made = None, f"r{len(self._known)}"
        if schema["type"] == "record":
            found, clean = self._record(schema, name.rpartition(".")[0], depth)
        elif schema["type"] == "enum":
            found, clean = require("pyarrow").string(), {"type": "enum", "symbols": schema.get("symbols")}
        else:
            found, clean = _fixed(schema)
        self._known[name] = found, made
        return found, {**clean, "name": made}

    def _record(self, schema: Mapping[str, Any], space: str, depth: int) -> tuple[Any, dict[str, Any]]:
        parts = schema.get("fields")
        if type(parts) is not list or not parts or not all(type(part) is dict for part in parts):
            raise _no_column(schema)
        fields = {part["name"]: self.found(part["type"], space, depth + 1) for part in parts}
        if len(fields) != len(parts):
            raise _no_column(schema)
        clean = [{"name": name, "type": inner} for name, (_, inner) in fields.items()]
        found = require("pyarrow").struct([(name, kind) for name, (kind, _) in fields.items()])
        return found, {"type": "record", "fields": clean}


def _full(name: str, space: str) -> str:
    return f"{space}.{name}" if space and "." not in name else name


def _fixed(schema: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    size = schema.get("size")
    if type(size) is not int or size < 1:
        raise _no_column(schema)
    if schema.get("logicalType") == "decimal":
        return _decimal(schema), {**_decimal_schema("fixed", schema), "size": size}
    return require("pyarrow").binary(size), {"type": "fixed", "size": size}


def _decimal(schema: Mapping[str, Any]) -> Any:
    pa, precision, scale = require("pyarrow"), schema.get("precision"), schema.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision <= _PRECISION:
        raise _no_column(schema)
    return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


def _decimal_schema(word: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: schema[name] for name in ("precision", "scale") if name in schema}
    return {"type": word, "logicalType": "decimal", **kept}


def _no_column(schema: Any) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"The schema of the file is none of a table: {schema!s:.100}. Look at it with as_type=bytes."
    )


_LOGICAL: Mapping[tuple[str, str], Any] = {
    ("int", "date"): lambda: require("pyarrow").date32(),
    ("int", "time-millis"): lambda: require("pyarrow").time32("ms"),
    ("long", "time-micros"): lambda: require("pyarrow").time64("us"),
    **{
        ("long", f"{local}timestamp-{word}"): lambda unit=unit, zone=zone: require("pyarrow").timestamp(unit, zone)
        for local, zone in (("", "UTC"), ("local-", None))
        for word, unit in (("millis", "ms"), ("micros", "us"), ("nanos", "ns"))
    },
}
