"""Coordinate reference systems of files: only definitions of their own, as a text may name any file of this machine.

PROJJSON, https://proj.org/en/stable/specifications/projjson.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autostore.errors import CorruptDataError
from autostore.handlers.unfolding import nesting
from autostore.optional import require

__all__ = ["system_of"]

LONGEST = 1 << 20
"""Characters of a definition; PROJ's own take some thousand."""

LEVELS = 50
_DEFAULT = "OGC:CRS84"


def system_of(told: Mapping[str, Any]) -> Any:
    """What a column of GeoParquet says of its system: None is none, and silence is longitude and latitude."""
    pyproj: Any = require("pyproj")
    if "crs" not in told:
        return pyproj.CRS(_DEFAULT)
    definition = told["crs"]
    if definition is None:
        return None
    if type(definition) is not dict or nesting(definition, LEVELS) >= LEVELS or len(json.dumps(definition)) > LONGEST:
        raise CorruptDataError("The reference system is no PROJJSON. Read the file as pandas.DataFrame.")
    try:
        return pyproj.CRS.from_json_dict(definition)
    except pyproj.exceptions.CRSError as error:
        raise CorruptDataError(f"PROJ does not know this reference system: {error!s:.300}. Look at it.") from error
