"""How `same` compares geometries: by their bytes, kinds and reference systems; of a frame the active ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.optional import require

__all__ = ["geographic", "same_geometries"]

_COLLECTIONS = (4, 5, 6, 7)
"""Type ids of shapely: MultiPoint, MultiLineString, MultiPolygon, GeometryCollection."""


def geographic(same_pandas: Comparer) -> Mapping[str, Comparer]:
    """The comparers of GeoPandas, over that of what it derives from."""

    def same_frame(first: Any, second: Any, again: Again) -> bool:
        # A label, whose type that of all labels says: pandas gives it as a number of Python's or of NumPy's.
        return bool(first.active_geometry_name == second.active_geometry_name) and same_pandas(first, second, again)

    return {"geopandas.GeoDataFrame": same_frame, "geopandas.GeoSeries": same_pandas}


def same_geometries(first: Any, second: Any) -> bool:
    """Arrays of GeoPandas."""
    return _same_system(first.crs, second.crs) and _same_cells(_cells(first), _cells(second))


def _cells(array: Any) -> Any:
    return require("numpy").asarray(array, dtype=object)


def _same_system(first: Any, second: Any) -> bool:
    """By the whole definition: what pyproj holds to be equal may differ in names and the order of axes."""
    if first is None or second is None:
        return first is second
    return bool(first == second and first.to_json() == second.to_json())


def _same_cells(first: Any, second: Any) -> bool:
    """Bits of coordinates; and what their bytes do not tell: rings from lines, empty points from those of NaN."""
    shapely: Any = require("shapely")
    tells: tuple[Callable[[Any], Any], ...] = (
        shapely.get_type_id,
        shapely.is_empty,
        shapely.has_z,
        shapely.get_srid,
        lambda cells: shapely.to_wkb(cells, output_dimension=4, byte_order=1),
    )
    if first.shape != second.shape or any(tell(first).tolist() != tell(second).tolist() for tell in tells):
        return False
    within = require("numpy").isin(shapely.get_type_id(first), _COLLECTIONS)
    return not within.any() or _same_cells(*(shapely.get_parts(cells[within]) for cells in (first, second)))
