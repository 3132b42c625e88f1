"""Frames of GeoPandas: as of any table, with geometries as short texts, their extent and their reference system."""

from __future__ import annotations

from typing import Any

from autostore.optional import require
from autostore.preview import Columns, Fact, Preview
from autostore.previews.bounds import COLUMNS, ROWS

__all__ = ["as_plain", "told"]

_WHOLE = 8
"""Coordinates of a geometry that is shown with all of them."""


def as_plain(table: Any) -> Any:
    """The frame as pandas shows it: geometries are texts in the rows that are looked at, and None in the others."""
    made = require("pandas").DataFrame(table)
    for at, dtype in enumerate(table.dtypes):
        if dtype.name == "geometry":
            shown = [_short(shape) for shape in table.iloc[:ROWS, at]] if at < COLUMNS else []
            made.isetitem(at, shown + [None] * (len(table) - len(shown)))
    return made


def told(table: Any, found: Preview) -> Preview:
    """What is shown of the plain frame, with the types, extents and reference systems of its geometries."""
    geometries: dict[str, Fact] = {}
    for at, dtype in enumerate(table.dtypes):
        if dtype.name == "geometry":
            array = table.iloc[:, at].array
            bounds = " ".join(f"{number + 0.0:.6g}" for number in array.total_bounds)
            system = "no reference system" if array.crs is None else str(array.crs.to_string())[:80]
            geometries[f"geometry/{str(table.columns[at])[:80]}"] = f"{system}, {bounds}"
    shapes = {str(name) for name, dtype in table.dtypes.items() if dtype.name == "geometry"}
    schema = found["column_schema"]
    assert isinstance(schema, Columns)
    columns = Columns([(name, "geometry" if name in shapes else kind) for name, kind in schema.columns])
    return {**found, "column_schema": columns, **geometries}


def _short(shape: Any) -> str | None:
    if shape is None:
        return None
    shapely = require("shapely")
    count = int(shapely.get_num_coordinates(shape))
    return str(shapely.to_wkt(shape, 6)) if count <= _WHOLE else f"{shape.geom_type} of {count:,} points"
