"""What a predicate cannot find: partitions by their values, row groups by their statistics.

Only ever a hint, as the predicate is applied to whatever is read. What statistics rule out is asked of Polars,
whose rule is private (`Expr._skip_batch_predicate`): where it is gone, or says nothing, everything is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autostore.guard.foreign import let_pass
from autostore.optional import require
from autostore.scans.layout import Layout, Leaf, Statistics

__all__ = ["live_groups", "live_parts"]

_BOOLEAN, _INT32, _INT64, _FLOAT, _DOUBLE, _BYTE_ARRAY = 0, 1, 2, 4, 5, 6
_FORMS = {_INT32: "<i", _INT64: "<q", _FLOAT: "<f", _DOUBLE: "<d", _BOOLEAN: "<?"}

Bounds = tuple[Any, Any, int | None]
"""The least and the greatest value, and how many are null; None where that is not known."""

_UNKNOWN: Bounds = (None, None, None)


def live_parts(
    predicate: Any, schema: Mapping[str, Any], constants: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Which of many tables may hold rows of interest; `rows` has the value of each constant column in each."""
    every = list(range(len(rows)))
    if predicate is None or not constants:
        return every
    named = [name for name in predicate.meta.root_names() if name in constants]
    if not named:
        return every
    pl = require("polars")
    values = {name: pl.Series(name, [row[name] for row in rows], dtype=constants[name]) for name in constants}
    if set(predicate.meta.root_names()) <= set(constants):  # only what looks at each row alone is pushed down
        kept = pl.DataFrame(values).select(predicate.alias("kept"))["kept"]
        return every if len(kept) != len(rows) else [n for n, keep in enumerate(kept.to_list()) if keep]
    bounds: dict[str, list[Bounds]] = {
        name: [(value, value, int(value is None)) for value in values[name].to_list()]
        if name in constants and _is_bounded(schema[name])
        else [_UNKNOWN] * len(rows)
        for name in predicate.meta.root_names()
    }
    return _kept(predicate, schema, bounds, [1] * len(rows))


def live_groups(layout: Layout, predicate: Any, schema: Mapping[str, Any], own: Mapping[str, Any]) -> list[int]:
    """Which row groups may hold rows of interest; `schema` is the scan's, `own` the file's."""
    every = list(range(len(layout.groups)))
    if predicate is None or not every:
        return every
    leaves = {leaf.column: number for number, leaf in enumerate(layout.leaves) if not leaf.nested}
    bounds: dict[str, list[Bounds]] = {}
    for name in predicate.meta.root_names():
        number, dtype = leaves.get(name), own.get(name)
        read = None if number is None or dtype is None else _reader(layout.leaves[number], dtype)
        if read is None or number is None or not _is_bounded(schema[name]):
            bounds[name] = [_UNKNOWN] * len(every)
        else:
            bounds[name] = [_bounds(group.chunks[number].statistics, read, dtype) for group in layout.groups]
    return _kept(predicate, schema, bounds, [group.rows for group in layout.groups])


def _kept(predicate: Any, schema: Mapping[str, Any], bounds: Mapping[str, list[Bounds]], rows: list[int]) -> list[int]:
    every = list(range(len(rows)))
    rule = getattr(predicate, "_skip_batch_predicate", None)
    if rule is None or all(bound == _UNKNOWN for column in bounds.values() for bound in column):
        return every
    try:
        skip = rule(dict(schema))
        if skip is None:
            return every
        frame = _frame(schema, bounds, rows)
        skipped = frame.select(skip.alias("skipped"))["skipped"].fill_null(value=False).to_list()
    except BaseException as error:  # a hint is not worth a failure; the predicate says itself what is wrong with it
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        let_pass(error)
        return every
    return [number for number in every if not skipped[number]] if len(skipped) == len(every) else every


def _frame(schema: Mapping[str, Any], bounds: Mapping[str, list[Bounds]], rows: list[int]) -> Any:
    pl = require("polars")
    index = pl.get_index_type()
    columns = [pl.Series("len", rows, dtype=index)]
    for name, found in bounds.items():
        for suffix, at in (("_min", 0), ("_max", 1)):
            values = [bound[at] for bound in found]
            columns.append(_series(pl, name + suffix, values, schema[name]))
        columns.append(pl.Series(f"{name}_nc", [bound[2] for bound in found], dtype=index))
    return pl.DataFrame(columns)


def _series(pl: Any, name: str, values: list[Any], dtype: Any) -> Any:
    if dtype.is_temporal() and any(isinstance(value, int) for value in values):  # as it is stored: days, units of time
        return pl.Series(name, values, dtype=pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)
    return pl.Series(name, values, dtype=dtype)


def _is_bounded(dtype: Any) -> bool:
    """Whether statistics of this type are believed: not of decimals, and not of Enums, which are in text order."""
    pl = require("polars")
    if dtype.is_integer():
        return dtype in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
    return dtype in (pl.String, pl.Date, pl.Boolean, pl.Float32, pl.Float64) or isinstance(dtype, pl.Datetime)


def _reader(leaf: Leaf, dtype: Any) -> Callable[[bytes], Any] | None:
    """How the bytes of a bound read, where its physical type is the one that this type is stored as."""
    pl = require("polars")
    if dtype == pl.String:
        return bytes.decode if leaf.type == _BYTE_ARRAY else None
    stored = {pl.Boolean: _BOOLEAN, pl.Date: _INT32, pl.Float32: _FLOAT, pl.Float64: _DOUBLE}.get(dtype)
    if isinstance(dtype, pl.Datetime):
        stored = _INT64 if leaf.unit == dtype.time_unit else None
    elif dtype.is_integer() and leaf.type in (_INT32, _INT64) and not leaf.unit:
        stored = leaf.type
    if stored is None or stored != leaf.type:
        return None
    form = _FORMS[stored].upper() if dtype.is_unsigned_integer() else _FORMS[stored]
    return lambda raw: struct.unpack(form, raw)[0]


def _bounds(statistics: Statistics, read: Callable[[bytes], Any], dtype: Any) -> Bounds:
    try:
        least = None if statistics.least is None else read(statistics.least)
        most = None if statistics.most is None else read(statistics.most)
    except (ValueError, struct.error):  # a text that was cut in the middle of a character
        return None, None, statistics.nulls
    if dtype.is_float():  # NaN is greater than all others, and statistics leave it out
        most = None
        least = None if least != least else least  # noqa: PLR0124 - NaN
    return least, most, statistics.nulls
