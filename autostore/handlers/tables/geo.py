"""Frames and Series of GeoPandas in Parquet: GeoParquet 1.0, whose geometries are WKB and reference systems PROJJSON.

https://geoparquet.org/releases/v1.0.0/ A frame is laid out as one of pandas, whose mark says which columns were
geometries and which of them is the active one (`"geometry"`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables import pandas, wkb
from autostore.handlers.tables.mark import TableMark
from autostore.handlers.tables.options import DEFAULT, ParquetOptions
from autostore.handlers.tables.systems import system_of
from autostore.optional import require

__all__ = ["read_frame", "read_series", "write_frame", "write_series"]

_NOTE = "geo"
_LOSSES = ", or geometries that WKB has not (rings alone, points of NaN, numbers of reference systems within them)"
_KINDS = ("Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
          "GeometryCollection")  # fmt: skip
"""By the type ids of shapely."""


def write_frame(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Write the frame, if what is read back is the same."""
    pd, labels = require("pandas"), list(data.columns)
    shapes = {at: data.iloc[:, at].array for at, dtype in enumerate(data.dtypes) if dtype.name == "geometry"}
    active = next((at for at in shapes if labels[at] == data.active_geometry_name), None)
    plain = pd.DataFrame(data)
    for at, array in shapes.items():
        plain.isetitem(at, wkb.written(require("numpy").asarray(array, dtype=object)))
    plain.attrs = data.attrs
    told = {"geometry": {"columns": list(shapes), "active": active}}
    given = pandas.Given(
        data, "geopandas.GeoDataFrame", told, functools.partial(_noted, shapes, active), read_frame, _LOSSES
    )
    pandas.write_frame(plain, file, options, given)


def write_series(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Write one column beside the index, if what is read back is the same."""
    cells = wkb.written(require("numpy").asarray(data.array, dtype=object))
    plain = require("pandas").Series(cells, index=data.index, name=data.name, dtype=object)
    plain.attrs, told = data.attrs, {"geometry": {"columns": [0], "active": 0}}
    plain.flags.allows_duplicate_labels = data.flags.allows_duplicate_labels
    given = pandas.Given(
        data, "geopandas.GeoSeries", told, functools.partial(_noted, {0: data.array}, 0), read_series, _LOSSES
    )
    pandas.write_series(plain, file, options, given)


def _noted(shapes: Mapping[int, Any], active: int | None, names: list[str]) -> dict[str, str]:
    """What GeoParquet says in the footer; nothing where no column is one of geometries."""
    if not shapes:
        return {}
    columns = {names[at]: _described(array) for at, array in shapes.items()}
    primary = names[next(iter(shapes)) if active is None else active]
    return {_NOTE: json.dumps({"version": "1.0.0", "primary_column": primary, "columns": columns})}


def _described(array: Any) -> dict[str, Any]:
    np, shapely = require("numpy"), require("shapely")
    cells = np.asarray(array, dtype=object)
    pairs = {*zip(shapely.get_type_id(cells).tolist(), shapely.has_z(cells).tolist(), strict=True)}
    kinds = {f"{_KINDS[2 if kind == 1 else kind]}{' Z' if deep else ''}" for kind, deep in pairs if kind >= 0}
    told = {"encoding": "WKB", "geometry_types": sorted(kinds), "crs": array.crs and array.crs.to_json_dict()}
    bounds = array.total_bounds.tolist()
    return told if np.isnan(bounds).any() else {**told, "bbox": bounds}


def read_frame(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The frame that was written; of another file with geometries, such as other programs write, the frame it makes."""
    if mark["type"] == "geopandas.GeoSeries":
        series = read_series(stream, mark, ceiling)
        return series.to_frame("geometry" if series.name is None else series.name)
    note, names = _footer(stream)
    frame = pandas.read_frame(stream, mark, ceiling)
    if "geometry" not in mark:
        return _of_others(frame, note, ceiling)
    told = mark["geometry"]
    try:
        for at in told["columns"]:
            frame.isetitem(at, _array(frame.iloc[:, at], note["columns"][names[at]], ceiling))
        active = None if told["active"] is None else frame.columns[told["active"]]
    except StorageError:  # which may be a TypeError, too
        raise
    except (KeyError, IndexError, TypeError) as error:
        raise CorruptDataError(f"The footer does not fit the table: {error!r}. Read it as pandas.DataFrame.") from error
    return _as_geographic(frame, active)


def read_series(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The Series that was written; of a frame its active geometries."""
    if mark["type"] != "geopandas.GeoSeries":
        frame = read_frame(stream, mark, ceiling)
        if frame.active_geometry_name is None:
            raise UnsupportedFormatError("The frame has no active geometries. Read it as geopandas.GeoDataFrame.")
        return frame.geometry
    note, names = _footer(stream)
    plain = pandas.read_series(stream, mark, ceiling)
    try:
        array = _array(plain, note["columns"][names[0]], ceiling)
    except StorageError:  # which may be a TypeError, too
        raise
    except (KeyError, IndexError, TypeError) as error:
        raise CorruptDataError(f"The footer does not fit the table: {error!r}. Read it as pandas.Series.") from error
    made = require("geopandas").GeoSeries(array, index=plain.index, name=plain.name)
    made.attrs = plain.attrs
    return made.set_flags(allows_duplicate_labels=False) if not plain.flags.allows_duplicate_labels else made


def _as_geographic(frame: Any, active: Any) -> Any:
    made = require("geopandas").GeoDataFrame(frame)
    made.attrs = frame.attrs
    return made if active is None else made.set_geometry(active)


def _of_others(frame: Any, note: Mapping[str, Any], ceiling: Ceiling | None) -> Any:
    if not note:
        raise UnsupportedFormatError(
            "The file does not say which columns are geometries (its footer has no `geo`). "
            "Read it as pandas.DataFrame, and make them by geopandas.GeoSeries.from_wkb."
        )
    try:
        for name, told in note["columns"].items():
            frame[name] = _array(frame[name], told, ceiling)
        return _as_geographic(frame, note["primary_column"])
    except StorageError:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptDataError(
            f"The entry `geo` does not fit the table: {error!r}. Read it as pandas.DataFrame."
        ) from error


def _array(column: Any, told: Mapping[str, Any], ceiling: Ceiling | None) -> Any:
    if told["encoding"] != "WKB":
        raise UnsupportedFormatError(
            f"The geometries are encoded as {told['encoding']!r:.40}, and read here as WKB only. "
            "Read the file with as_type=pathlib.Path, and open that with geopandas.read_parquet."
        )
    missing = column.isna().tolist()
    cells = [None if gone else cell for cell, gone in zip(column, missing, strict=True)]
    if not all(cell is None or type(cell) is bytes for cell in cells):
        raise CorruptDataError(
            "A column of geometries holds other cells than bytes. Read the file as pandas.DataFrame."
        )
    cells = wkb.geometries(cells, ceiling)
    return require("geopandas.array").from_shapely(cells, crs=system_of(told))


def _footer(stream: Any) -> tuple[Mapping[str, Any], Sequence[str]]:
    """What the footer says of geometries, and the names of the file's columns."""
    footer = require("pyarrow.parquet").read_metadata(stream)
    stream.seek(0)
    try:
        note = json.loads((footer.metadata or {}).get(_NOTE.encode(), b"{}"))
    except ValueError as error:
        raise CorruptDataError("The entry `geo` of the footer is no JSON. Read it as pandas.DataFrame.") from error
    if type(note) is not dict:
        raise CorruptDataError("The entry `geo` of the footer is no object. Read it as pandas.DataFrame.")
    return note, footer.schema.to_arrow_schema().names
