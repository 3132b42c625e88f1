"""Dates and times, with their zones: by key, by offset, or by offset and a name of its own.

The value is wall time, zone and fold. Its text is ISO 8601, with the key behind it as RFC 9557 has it:
`2024-07-01T10:00:00+02:00[Europe/Paris]`.
"""

from __future__ import annotations

import datetime as dt
import pickle
import re
import zoneinfo
from typing import Any

from autostore.errors import MissingDependencyError
from autostore.handlers.typed.tag import Tag, array, need, refuse, text_tree, typed
from autostore.handlers.typed.zones import foreign_name, foreign_zone
from autostore.optional import loaded_type

__all__ = ["TIMES", "moment_parts", "moment_tree", "zone_tail"]

_MOMENT = re.compile(r"([^\[\]]*?)(Z|[+-]\d\d:\d\d(?::\d\d(?:\.\d{6})?)?)?(?:\[([^\[\]]+)\])?")
_OFFSET = re.compile(r"[+-](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{6}))?)?")
_NOON = dt.time(12)
_OURS = frozenset((dt.timezone, zoneinfo.ZoneInfo))


def moment_tree(wall: str, zone: dt.tzinfo | None, fold: int) -> Any:
    """The payload of a moment: its text alone, or with what the text does not say."""
    if zone is not None and type(zone) not in _OURS:
        library = foreign_name(zone, wall)
        if library is not None:
            return {"at": wall, **({"fold": 1} if fold else {}), "library": library}
    tail, name = zone_tail(zone)
    # `isoformat` has written the offset already; a zone without a date has none to write.
    text = wall + (tail if tail.startswith("[") else "")
    more: dict[str, Any] = {"fold": 1} if fold else {}
    if name is not None:
        more["zone"] = text_tree(name)
    return {"at": text, **more} if more else text


def zone_tail(zone: dt.tzinfo | None) -> tuple[str, str | None]:
    """`("[Europe/Paris]", None)` or `("+02:00", "CEST")`; the name only where the offset does not imply it."""
    if zone is None:
        return "", None
    if type(zone) is zoneinfo.ZoneInfo:
        try:
            zone.__reduce__()  # which refuses zones that were read from a file, whatever key they were given
        except pickle.PicklingError:
            refuse("has a time zone that was read from a file. Use zoneinfo.ZoneInfo(key)")
        return f"[{zone.key}]", None
    if type(zone) is not dt.timezone and type(zone) is not loaded_type("pydantic_core", "TzInfo"):
        refuse(f"has a time zone of {type(zone).__module__}.{type(zone).__qualname__}. Use zoneinfo's")
    offset = zone.utcoffset(None)
    assert offset is not None
    name = zone.tzname(None)
    tail = _NOON.replace(tzinfo=dt.timezone(offset)).isoformat()[len("12:00:00") :]
    return tail, None if name == dt.timezone(offset).tzname(None) else name


def moment_parts(payload: Any) -> tuple[str, dt.tzinfo | None, dt.timedelta | None, int | None]:
    """Wall time as text, zone, the written offset, and fold (None where it is not written)."""
    fields = {"at": payload} if type(payload) is str else typed(payload, dict)
    need({"at"} <= set(fields) <= {"at", "zone", "fold", "library"})
    fold: Any = fields.get("fold")
    need(fold is None or (type(fold) is int and fold in (0, 1)))
    found = _MOMENT.fullmatch(typed(fields["at"], str))
    need(found)
    assert found is not None
    wall, written, key = str(found[1]), found[2], found[3]
    offset = _offset(written)
    if key is not None:
        need("zone" not in fields)
        return wall, _zone(key), offset, fold
    if "library" in fields:
        return wall, foreign_zone(typed(fields["library"], str), wall, offset), offset, fold
    if offset is None:
        need("zone" not in fields)
        return wall, None, None, fold
    name = [typed(fields["zone"], str)] if "zone" in fields else []
    return wall, dt.timezone(offset, *name), offset, fold


def _offset(text: str | None) -> dt.timedelta | None:
    # Not datetime's own parser: CPython 3.11 loses the offset of "-00:00:00.999995".
    if text is None or text == "Z":
        return None if text is None else dt.timedelta(0)
    found = _OFFSET.fullmatch(text)
    assert found is not None
    hours, minutes, seconds, micros = (int(part or 0) for part in found.groups())
    size = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    return -size if text[0] == "-" else size


def _zone(key: str) -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo(key)
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise MissingDependencyError(
            f"This machine knows no time zone {key!r:.80}. Run: pip install --upgrade tzdata"
        ) from error


def _datetime(payload: Any) -> dt.datetime:
    wall, zone, offset, fold = moment_parts(payload)
    value = dt.datetime.fromisoformat(wall)
    need(value.tzinfo is None)
    value = value.replace(tzinfo=zone, fold=fold or 0)
    if fold is None and offset is not None and value.utcoffset() != offset:
        later = value.replace(fold=1)  # another tool's file may say by the offset alone which of two it is
        return later if later.utcoffset() == offset else value
    return value


def _time(payload: Any) -> dt.time:
    wall, zone, _, fold = moment_parts(payload)
    value = dt.time.fromisoformat(wall)
    need(value.tzinfo is None)
    return value.replace(tzinfo=zone, fold=fold or 0)


def _encode_moment(value: dt.datetime | dt.time) -> Any:
    return moment_tree(value.isoformat(), value.tzinfo, value.fold)


def _encode_zone(value: dt.tzinfo) -> Any:
    tail, name = zone_tail(value)
    return tail if name is None else {"at": tail, "zone": text_tree(name)}


def _timezone(payload: Any) -> dt.tzinfo:
    wall, zone, _, fold = moment_parts(payload)
    need(wall == "" and zone is not None and fold is None)
    assert zone is not None
    return zone


def _timedelta(payload: Any) -> dt.timedelta:
    value = dt.timedelta(*(typed(part, int) for part in array(payload, 3)))
    need([value.days, value.seconds, value.microseconds] == payload, "it is not normalised")
    return value


TIMES = (
    Tag("$date", (dt.date,), dt.date.isoformat, lambda payload: dt.date.fromisoformat(typed(payload, str))),
    Tag("$datetime", (dt.datetime,), _encode_moment, _datetime),
    Tag("$time", (dt.time,), _encode_moment, _time),
    Tag("$timedelta", (dt.timedelta,), lambda value: [value.days, value.seconds, value.microseconds], _timedelta),
    Tag("$timezone", (dt.timezone, zoneinfo.ZoneInfo), _encode_zone, _timezone),
)
