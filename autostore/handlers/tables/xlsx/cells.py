"""What a cell says: texts as XML spells them, dates as days since 1900, and which types of Arrow a cell can hold.

ECMA-376, part 1: 18.17.4 (dates), 22.4.2.4 (`_x000D_`, a character that XML has not), 18.8.30 (formats of numbers).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from typing import Any

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.optional import require

__all__ = ["DATES", "LONGEST", "is_date_format", "nearest", "number", "of_serial", "spelled", "unescaped", "writer"]

LONGEST = 32_767
"""Characters of a cell, as UTF-16 counts them."""

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_LARGEST = 1 << 53
_DAY = 86_400_000_000
"""Microseconds."""

_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - Excel knows no zones
_FIRST = 61
"""March 1st of 1900; the days before it are counted in two ways, as Excel has a 29th of February."""

_END = 2_958_466
DATES = {"date": 1, "datetime": 2, "time": 3}
"""The styles of our own sheets, by what a number is."""

_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
"""The hours (minutes, seconds) of a format that goes on beyond a day: how long, and not when."""

_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')


def spelled(text: str) -> str:
    """A text as it stands in XML; characters that XML has not are `_x000D_`, as Excel has it."""
    if len(text.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST:
        raise UnsupportedFormatError(f"A cell of Excel holds at most {LONGEST:,} characters. Use .parquet.")
    text = _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """The text of a cell."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def nearest(kind: Any) -> Any:
    """The type of Arrow that cells have; `UnsupportedFormatError` where they have none."""
    pa = require("pyarrow")
    types = pa.types
    if types.is_dictionary(kind):
        return nearest(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind):
        return pa.string()
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind) or types.is_decimal(kind):
        return pa.float64()
    if types.is_boolean(kind) or types.is_date32(kind):
        return kind
    if types.is_timestamp(kind) and kind.tz is None:
        return pa.timestamp("us")
    if types.is_time(kind):
        return pa.time64("us")
    zone = " Convert it to UTC without a zone." if types.is_timestamp(kind) else ""
    raise UnsupportedFormatError(f"A cell of Excel holds no {kind!s:.100}.{zone} Cast the column, or use .parquet.")


def writer(kind: Any) -> Callable[[Any], tuple[str, str]]:
    """How a cell of a type that Excel has is written: its attributes, and what is in it."""
    types = require("pyarrow").types
    if types.is_string(kind):
        return lambda text: (' t="inlineStr"', f'<is><t xml:space="preserve">{spelled(text)}</t></is>')
    if types.is_boolean(kind):
        return lambda value: (' t="b"', f"<v>{int(value)}</v>")
    if types.is_integer(kind):
        return lambda value: ("", f"<v>{_whole(value)}</v>")
    if types.is_floating(kind):
        return lambda value: ("", f"<v>{_finite(value)!r}</v>")
    name = "date" if types.is_date(kind) else "time" if types.is_time(kind) else "datetime"
    table: dict[str, Callable[[Any], float]] = {"date": _of_date, "time": _of_time, "datetime": _of_datetime}
    days = table[name]
    return lambda value: (f' s="{DATES[name]}"', f"<v>{days(value)!r}</v>")


def _whole(value: int) -> int:
    if abs(value) > _LARGEST:
        raise UnsupportedFormatError(f"Excel's numbers end at 2^53, and a column has {value}. Cast it to text.")
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise UnsupportedFormatError(f"A cell of Excel holds no {value}. Fill it with null, or use .parquet.")
    return value


def _of_date(value: dt.date) -> int:
    days = (value - _EPOCH.date()).days
    if days < _FIRST:
        raise UnsupportedFormatError(f"Excel's days begin in March 1900, and a column has {value}. Cast it to text.")
    return days


def _of_datetime(value: dt.datetime) -> float:
    micros = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    days = _of_date(value.date()) + micros / _DAY
    if of_serial(days, "datetime", is_1904=False) != value:
        raise UnsupportedFormatError(f"Excel's times are not so fine at {value}. Round it to milliseconds.")
    return days


def _of_time(value: dt.time) -> float:
    return (((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond) / _DAY


def number(text: str) -> int | float:
    """A number as it stands in a file; a whole one without a point is an int."""
    if len(text) > 400:
        raise CorruptDataError("A number of the file is too long. Look at it with as_type=bytes.")
    value = float(text) if any(letter in text for letter in ".eE") else int(text)
    if not math.isfinite(value):
        raise CorruptDataError(f"The number {text:.40} is beyond what a cell holds. Look at it with as_type=bytes.")
    return value


def is_date_format(code: str) -> str | None:
    """What a number of this format is: a date, a datetime, a time, a duration; None where it is a number."""
    if _ELAPSED.search(code.partition(";")[0]):
        return "duration"
    code = _QUOTED.sub("", code.partition(";")[0]).lower()
    if code in ("general", "") or (any(letter in code for letter in "0#?") and not any(c in code for c in "ydhs")):
        return None
    has_date, has_time = any(letter in code for letter in "yd"), any(letter in code for letter in "hs")
    if has_date or has_time:
        return "datetime" if has_date and has_time else "date" if has_date else "time"
    return "date" if "m" in code else None


def of_serial(days: float, kind: str, *, is_1904: bool) -> Any:
    """The date or time that a number of days is; what is none stays a number."""
    micros = round(days * _DAY)
    if kind == "duration":
        return dt.timedelta(microseconds=micros) if abs(days) < _END else days
    if kind == "time":
        return (_EPOCH + dt.timedelta(microseconds=micros)).time() if 0 <= micros < _DAY else days
    days += 1462 if is_1904 else 0
    if not _FIRST <= days < _END:
        return days
    whole = math.floor(days)
    made = _EPOCH + dt.timedelta(days=whole, microseconds=round((days - whole) * _DAY))
    return made.date() if kind == "date" and days == whole else made
