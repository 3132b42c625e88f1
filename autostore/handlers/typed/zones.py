"""Time zones of dateutil and pytz, which clients of web services still hand out: by library and key.

A zone of pytz is another object for each offset, so it is found by the moment that it stands at.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from autostore.equality.times import same_zone
from autostore.handlers.typed.tag import need
from autostore.optional import package_of, require

__all__ = ["foreign_name", "foreign_zone", "is_key"]

_LOCAL = "/etc/localtime"
_UTC = {"dateutil": ("dateutil.tz", "UTC"), "pytz": ("pytz", "UTC")}


def foreign_name(zone: dt.tzinfo, wall: str) -> str | None:
    """`"dateutil:Europe/Paris"` for a zone of these libraries at a moment; None where that would not be the zone."""
    library = package_of(type(zone))
    if library not in _UTC:
        return None
    file = str(getattr(zone, "_filename", "") or getattr(zone, "zone", "") or "")
    key = "UTC" if type(zone).__name__ in ("tzutc", "UTC") else file.rpartition("zoneinfo" + os.sep)[2] or file
    if not is_key(key):  # `gettz()` is whatever each machine calls local
        return None
    try:
        offset = zone.utcoffset(dt.datetime.fromisoformat(wall).replace(tzinfo=zone))
        back = foreign_zone(f"{library}:{key}", wall, offset)
    except Exception:  # whatever either library says of a key that it does not know
        return None
    return f"{library}:{key}" if same_zone(back, zone, lambda one, two: bool(one == two)) else None


def foreign_zone(name: str, wall: str, offset: dt.timedelta | None) -> dt.tzinfo:
    """The zone of this name, at this wall time and offset."""
    library, _, key = name.partition(":")
    need(library in _UTC and key)
    module, constant = _UTC[library]
    if key == "UTC":
        found: Any = getattr(require(module), constant)
    elif library == "dateutil":
        need(is_key(key) or key == _LOCAL, f"{key!r:.60} is a file, not a zone")
        found = require(module).gettz(key)
        if key == _LOCAL:  # which older versions wrote of `gettz()`
            here = dt.datetime.fromisoformat(wall).replace(tzinfo=found)
            need(offset in (here.utcoffset(), here.replace(fold=1).utcoffset()), "it has another machine's local time")
    else:
        need(offset is not None)
        utc = dt.datetime.fromisoformat(wall).replace(tzinfo=None) - (offset or dt.timedelta(0))
        found = require(module).timezone(key).fromutc(utc).tzinfo
    need(isinstance(found, dt.tzinfo), f"{library} knows no zone {key!r:.60}")
    zone: dt.tzinfo = found
    return zone


def is_key(key: str) -> bool:
    """Whether this names a zone; dateutil opens any file that it is given the path of."""
    return key[:1] not in "/\\~" and ".." not in key and "\0" not in key
