"""Rows with times as Python's own types hold them, to the microsecond and in the years 1 to 9999, or a refusal.

Polars cuts nanoseconds off, and pyarrow gives types of pandas, of which a field `datetime` takes the microseconds.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["arrow_rows", "check_maps", "parts_of", "polars_rows"]

_THOUSAND = 1000
"""Nanoseconds of a microsecond."""


def polars_rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of a frame of Polars as dicts."""
    for series in frame:
        if _has_nanoseconds(series):
            raise _too_fine(series.name)
    check_maps(frame)
    for name, dtype in frame.schema.items():
        _check_span(name, str(dtype).partition("Extension('")[2])
    with _years_of_python():
        return list(frame.to_dicts())


def check_maps(frame: Any) -> None:
    """Refuse maps of which a dict, and Polars when it reads a file, would lose an entry."""
    for series in frame:
        if "Map(" in str(series.dtype) and _repeats_keys(series):
            raise UnsupportedFormatError(
                f"The column {series.name!r:.80} has maps in which a key stands twice, as in no dict. Keep the table."
            )


def arrow_rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table of Arrow as dicts."""
    pa = require("pyarrow")
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problem = f"The column {twice!r:.80} stands twice, and a row has each name once"
        raise UnsupportedFormatError(f"{problem}. Read it with as_type=pyarrow.Table.")
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        said = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode(errors="replace")
        _check_span(field.name, getattr(field.type, "extension_name", said))
        kind = _in_microseconds(pa, field.type)
        try:
            columns.append(column if kind == field.type else column.cast(kind))
        except pa.ArrowInvalid as error:
            raise _too_fine(field.name) from error
    if not columns:
        return list(table.to_pylist())
    with _years_of_python():
        return list(pa.Table.from_arrays(columns, names=table.column_names).to_pylist())


def parts_of(series: Any) -> list[Any]:
    """What the cells of a nested column of Polars are made of, as columns."""
    pl, dtype = require("polars"), series.dtype
    if dtype == pl.Struct:
        return list(series.struct.unnest())
    return [(_entries(series) if _is_map(dtype) else series).explode()]


def _is_map(dtype: Any) -> bool:
    return isinstance(dtype, getattr(require("polars"), "Map", ()))  # older ones have none


def _entries(series: Any) -> Any:
    """Maps as lists, as a map stays one when it is exploded."""
    pl, dtype = require("polars"), series.dtype
    return series.cast(pl.List(pl.Struct({"key": dtype.key, "value": dtype.value})))


def _repeats_keys(series: Any) -> bool:
    """Whether a dict of Python would have fewer entries than a map."""
    pl, dtype = require("polars"), series.dtype
    if _is_map(dtype):
        keys = _entries(series).list.eval(pl.element().struct.field("key"))
        if (keys.list.n_unique() != keys.list.len()).any():
            return True
    return bool(dtype.is_nested()) and any(map(_repeats_keys, parts_of(series)))


def _has_nanoseconds(series: Any) -> bool:
    pl, dtype = require("polars"), series.dtype
    if dtype.is_nested():
        return any(map(_has_nanoseconds, parts_of(series)))
    fine = dtype == pl.Time or getattr(dtype, "time_unit", None) == "ns"
    return fine and bool((series.to_physical() % _THOUSAND != 0).any())


def _in_microseconds(pa: Any, kind: Any) -> Any:
    """The type, with times in microseconds instead of nanoseconds."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_in_microseconds(pa, field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_item(pa, kind), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return (pa.list_ if pa.types.is_list(kind) else pa.large_list)(_item(pa, kind))
    if getattr(kind, "unit", None) != "ns":
        return kind
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")


def _item(pa: Any, kind: Any) -> Any:
    return kind.value_field.with_type(_in_microseconds(pa, kind.value_type))


def _too_fine(column: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"The column {column!r:.80} has nanoseconds, which Python's times have not. Read the table as a DataFrame."
    )


def _check_span(column: str, extension: str) -> None:
    """Refuse periods and intervals of pandas, of which rows would have what they are stored as: a number, a dict."""
    if extension.startswith(("pandas.period", "pandas.interval")):
        problem = f"The column {column!r:.80} has periods or intervals of pandas, for which Python has no type"
        raise UnsupportedFormatError(f"{problem}. Read the table as a DataFrame.")


@contextmanager
def _years_of_python() -> Generator[None]:
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # in which Polars ends over a time that it cannot make
            if not isinstance(error, ValueError | OverflowError):
                raise
            let_pass(error)
        raise UnsupportedFormatError(
            f"Python's types have no place for a cell of this table: {error}. Read it as a DataFrame."
        ) from error
