"""Columns of one value for each table, as folders' names and callers say them: exactly, or refused."""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autostore.errors import InvalidConfigError, SchemaMismatchError
from autostore.guard.foreign import let_pass
from autostore.optional import require
from autostore.scans.parts import Part

__all__ = ["of_folders", "of_values"]

_YEAR_FIRST = re.compile(r"[0-9]{4}[^0-9]")
_FRACTION = re.compile(r"\.([0-9]+?)0*(?![0-9])")
_WHOLE = re.compile(r"[+-]?[0-9]+")


def of_folders(name: str, parts: Sequence[Part], dtype: Any) -> Any:
    """The values of folders as a dtype; one that is none, or says more than the dtype holds, is refused by name."""
    pl = require("polars")
    # Without its name, which the methods of a series take for a pattern.
    text = pl.Series([part.constants[name] for part in parts], dtype=pl.String)
    column = _cast(pl, name, text, dtype)
    for part, value in zip(parts, _values(pl, column), strict=True):
        said = part.constants[name]
        if said is not None and (value is None or _says_more(said, value, dtype)):
            raise SchemaMismatchError(
                f"{part.name}: the folder's {name}={said!r} is no {dtype}. "
                "Leave it out of hive_schema, so that it stays text."
            )
    return column.alias(name)


def of_values(name: str, values: Sequence[Any]) -> Any:
    """The values that callers give as a column; `InvalidConfigError` where it would hold others."""
    pl = require("polars")
    try:
        column = pl.Series(name, values)
        kept = column.dtype != pl.Object and all(map(_is_alike, values, column.to_list()))
    except Exception as error:  # Polars has a dozen for values of different types, and for those that it has not
        let_pass(error)
        said = str(error).partition("\n")[0]
        raise _unfit(name, f": {said:.200}") from error
    if not kept:
        raise _unfit(name, "")
    return column


def _unfit(name: str, reason: str) -> InvalidConfigError:
    problem = f"The values that are given for {name!r:.80} make no column of Polars that holds them as they are{reason}"
    return InvalidConfigError(f"{problem}. Give values of one type that it has, such as int, str or datetime.date.")


def _is_alike(value: Any, back: Any) -> bool:
    if isinstance(value, Mapping):
        alike = isinstance(back, dict) and value.keys() == back.keys()
        return alike and all(_is_alike(value[name], back[name]) for name in back)
    if isinstance(value, list | tuple):
        return len(value) == len(back) and all(map(_is_alike, value, back))
    if hasattr(value, "__len__") and not isinstance(value, str | bytes):  # an array, whose equality is one of its own
        return True
    return (value is None) == (back is None) and bool(value == back or value != value)  # noqa: PLR0124 - NaN


def _cast(pl: Any, name: str, text: Any, dtype: Any) -> Any:
    """Texts as a dtype, null where one is none."""
    if dtype == pl.Boolean:  # as Spark and Polars write them
        return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None, return_dtype=dtype)
    try:
        found = text.str.strptime(dtype, strict=False) if dtype.is_temporal() else text.cast(dtype, strict=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        problem = f"hive_schema has {dtype} for {name!r:.80}, and no text is read as one"
        raise InvalidConfigError(f"{problem}. Pass a type of numbers, dates, text or booleans.") from error
    # A time with an offset, of which a dtype without a zone would be made one in UTC.
    return found if found.dtype == dtype else pl.Series([None] * len(text), dtype=dtype)


def _values(pl: Any, column: Any) -> list[Any]:
    """The values as Python has them, None for what it has not: years beyond its own."""
    if column.dtype in (pl.Date, pl.Datetime):
        column = pl.select(pl.when(column.dt.year().is_between(1, 9999)).then(column)).to_series()
    return list(column.to_list())


def _says_more(said: str, value: Any, dtype: Any) -> bool:
    """Whether a text is more than its value says: digits that were cut, an order of day and month that was guessed."""
    if isinstance(value, decimal.Decimal):
        return decimal.Decimal(said) != value
    if isinstance(value, float):
        beyond = math.isinf(value) and "inf" not in said.lower()
        return beyond or (_WHOLE.fullmatch(said) is not None and int(said) != value)
    if not dtype.is_temporal():
        return False
    cut = _FRACTION.search(said)
    # Values are handed on as Python's own, which end at microseconds.
    digits = 3 if getattr(dtype, "time_unit", None) == "ms" else 6
    return (cut is not None and len(cut[1]) > digits) or (hasattr(value, "year") and not _YEAR_FIRST.match(said))
