"""How `same` compares moments and their zones: wall time, fold, and a zone that will mean the same next summer."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from autostore.equality.families import Again
from autostore.optional import loaded_type

__all__ = ["same_moment", "same_zone"]


def same_moment(first: Any, second: Any, again: Again) -> bool:
    """Datetimes and times; pandas' own have a unit too."""
    if first.replace(tzinfo=None) != second.replace(tzinfo=None) or first.fold != second.fold:
        return False
    if getattr(first, "unit", None) != getattr(second, "unit", None):
        return False
    return same_zone(first.tzinfo, second.tzinfo, again)


def same_zone(first: dt.tzinfo | None, second: dt.tzinfo | None, _again: Again) -> bool:
    """Fixed offsets by offset and name, whichever library's; zones of zoneinfo by key; others by class and repr."""
    if first is second:
        return True
    if _is_fixed(first) and _is_fixed(second):
        assert first is not None and second is not None  # noqa: PT018 - narrows both
        return first.utcoffset(None) == second.utcoffset(None) and first.tzname(None) == second.tzname(None)
    if isinstance(first, zoneinfo.ZoneInfo) and isinstance(second, zoneinfo.ZoneInfo) and first.key is not None:
        return first.key == second.key
    return type(first) is type(second) and repr(first) == repr(second)


def _is_fixed(zone: dt.tzinfo | None) -> bool:
    return type(zone) is dt.timezone or (zone is not None and type(zone) is loaded_type("pydantic_core", "TzInfo"))
