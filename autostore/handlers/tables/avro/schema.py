"""Schemas of Arrow as Avro says them, and the numbers that stand in a file for dates and times.

Of three types each column has: its own, the nearest that Avro has (`nearest`), and the plain one that is
written (`plain`), in which times are numbers. https://avro.apache.org/docs/1.12.0/specification/#logical-types
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.optional import require

__all__ = ["avro_of", "nearest", "plain", "primitives", "record", "valid_names"]

_NO_LETTER = re.compile(r"[^A-Za-z0-9_]")
_UNITS = {"ms": "millis", "us": "micros", "ns": "nanos"}


def valid_names(names: list[str]) -> list[str]:
    """Names as Avro allows them, each once; what they were stands in the mark."""
    found: dict[str, None] = {}
    for name in names:
        base = _NO_LETTER.sub("_", name)
        base = base if base[:1].isalpha() or base[:1] == "_" else f"_{base}"
        made, number = base, 1
        while made in found:
            number += 1
            made = f"{base}_{number}"
        found[made] = None
    return list(found)


def nearest(kind: Any) -> Any:
    """The type of Arrow that Avro has a word for; `UnsupportedFormatError` where none is near."""
    pa = require("pyarrow")
    types = pa.types
    if types.is_dictionary(kind):
        return nearest(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_integer(kind):
        small = kind.bit_width < 32 or kind == pa.int32()
        return pa.int32() if small else pa.int64()
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(nearest(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([(field.name, nearest(field.type)) for field in kind])
    if types.is_map(kind):
        return pa.map_(nearest(kind.key_type), nearest(kind.item_type))
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return pa.binary()
    return _nearest_scalar(kind)


def _nearest_scalar(kind: Any) -> Any:
    pa = require("pyarrow")
    types = pa.types
    if types.is_boolean(kind) or types.is_float32(kind) or types.is_float64(kind) or types.is_date32(kind):
        return kind
    if types.is_float16(kind):
        return pa.float32()
    if types.is_timestamp(kind):
        return pa.timestamp("ms" if kind.unit == "s" else kind.unit, kind.tz and "UTC")
    if types.is_time(kind):
        return pa.time32("ms") if types.is_time32(kind) else pa.time64("us")
    if types.is_duration(kind):
        return pa.int64()
    if types.is_decimal(kind) and 0 <= kind.scale <= kind.precision:
        return (pa.decimal128 if kind.precision <= 38 else pa.decimal256)(kind.precision, kind.scale)
    raise UnsupportedFormatError(f"Avro has no type for {kind!s:.100}. Cast the column, or use .parquet.")


def plain(kind: Any) -> Any:
    """What stands in a file for a type that Avro has."""
    pa = require("pyarrow")
    types = pa.types
    if types.is_list(kind):
        return pa.list_(plain(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([(field.name, plain(field.type)) for field in kind])
    if types.is_map(kind):
        return pa.map_(pa.string(), plain(kind.item_type))
    if types.is_date(kind) or types.is_time32(kind):
        return pa.int32()
    return pa.int64() if types.is_time64(kind) or types.is_timestamp(kind) else kind


def avro_of(kind: Any, name: str) -> Any:
    """The schema of a type that Avro has; records are named by their place."""
    types = require("pyarrow").types
    if types.is_list(kind):
        made: Any = {"type": "array", "items": avro_of(kind.value_type, f"{name}_item")}
    elif types.is_struct(kind):
        made = record(name, [(field.name, field.type) for field in kind])
    elif types.is_map(kind):
        if kind.key_type != require("pyarrow").string():
            raise UnsupportedFormatError("The keys of a map in Avro are text. Cast the column, or use .parquet.")
        made = {"type": "map", "values": avro_of(kind.item_type, f"{name}_value")}
    elif types.is_decimal(kind):
        made = {"type": "bytes", "logicalType": "decimal", "precision": kind.precision, "scale": kind.scale}
    else:
        made = _scalar(kind)
    return ["null", made]


def record(name: str, fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """The schema of rows, or of a struct."""
    if [field for field, _ in fields] != valid_names([field for field, _ in fields]):
        raise UnsupportedFormatError(
            f"Fields of an Avro record are named by letters, digits and _, each once; {name!r:.80} has others. "
            "Rename them."
        )
    parts = [{"name": field, "type": avro_of(kind, f"{name}_{field}")} for field, kind in fields]
    return {"type": "record", "name": name, "fields": parts}


def _scalar(kind: Any) -> Any:
    types = require("pyarrow").types
    if types.is_date(kind):
        return {"type": "int", "logicalType": "date"}
    if types.is_time(kind):
        return {"type": "int" if types.is_time32(kind) else "long", "logicalType": f"time-{_UNITS[kind.unit]}"}
    if types.is_timestamp(kind):
        return {"type": "long", "logicalType": f"{'' if kind.tz else 'local-'}timestamp-{_UNITS[kind.unit]}"}
    return next(word for word, known in primitives().items() if known == kind)


def primitives() -> Mapping[str, Any]:
    """Those that have a word of their own."""
    pa = require("pyarrow")
    return {"boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(),
            "double": pa.float64(), "bytes": pa.binary(), "string": pa.string()}  # fmt: skip
