"""Frames of GeoPandas as .geojson: exact or refused, and a file of anybody else is its text.

RFC 7946 knows one reference system, longitude and latitude of WGS 84, one geometry for each row, and the cells of JSON.
What the cells were stands in the member `autostore`, which that RFC lets be. https://datatracker.ietf.org/doc/html/rfc7946
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from autostore.equality import same
from autostore.errors import CorruptDataError, MissingDependencyError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NotedTextHandler
from autostore.handlers.parsing import parse_json
from autostore.handlers.tables.cells import EXACT, frame_of
from autostore.handlers.tables.kinds import kind_of, kind_of_class, table_preview
from autostore.handlers.tables.recorded import as_arrow, as_kind, mark_of, read_mark
from autostore.handlers.unfolding import json_object
from autostore.headers.header import Header, beginning, text_of
from autostore.optional import DISTRIBUTION, require
from autostore.preview import Preview
from autostore.previews import text

__all__ = ["GeoJSONHandler"]

_FRAME = "geopandas.GeoDataFrame"
_SYSTEMS = ("EPSG:4326", "OGC:CRS84")
_NAMES = frozenset(
    ("urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "urn:ogc:def:crs:EPSG::4326", *_SYSTEMS)
)
"""How files of the first GeoJSON, of 2008, call longitude and latitude of WGS 84."""


class GeoJSONHandler(NotedTextHandler):
    """Frames of GeoPandas with one geometry for each row, where the key names .geojson; a text stays one."""

    types = "`geopandas.GeoDataFrame` in WGS 84, with cells that JSON has, and dates and times; str"
    read_by = "every program for maps, browsers, GitHub"
    requires = ("geopandas", "shapely", "pyproj", "pyarrow")
    install = f"{DISTRIBUTION}[geo]"
    named_extensions = (".geojson",)
    media_types = {".geojson": "application/geo+json"}
    note = '{"type": "FeatureCollection", "autostore": {"v": '

    def is_value(self, data: Any) -> bool:
        """Exact frames."""
        return kind_of(data) == _FRAME

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """What it was written from, and how it begins."""
        content = beginning(file)
        return Header(type=_FRAME if self.is_noted(content) else "str", preview=text_of(content))

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """A frame, or what the JSON says where something else is asked for."""
        if content.startswith(b"\x1e"):
            raise CorruptDataError("This is a GeoJSONSeq, a text for each feature. Read the lines of as_type=str.")
        value = json_object(content, self.ceiling, "GeoJSON")
        if as_type is not None and not _is_geographic(as_type):
            return value
        try:
            return _written(value) if self.is_noted(content) else _of_others(value)
        except (CorruptDataError, UnsupportedFormatError, MissingDependencyError, MemoryError):
            raise
        except Exception as error:  # whatever a library says of members that are missing, or of other types
            let_pass(error)
            raise CorruptDataError(f"This is no GeoJSON: {error!r:.200}. Look at it with as_type=str.") from error

    def as_type(self, value: Any, as_type: Any) -> Any:
        """A frame as such, its geometries as a Series, and the JSON as any other type."""
        if not _is_geographic(as_type):
            return fitted(as_type, value, row="feature")
        return value if kind_of_class(as_type) == _FRAME else value.geometry

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """One feature a line, if what is read back is the same."""
        try:
            content = _dumped(data)
            kept = same(_written(parse_json(content.decode())), data)
        except (UnsupportedFormatError, MissingDependencyError, MemoryError):
            raise
        except Exception as error:  # whatever Arrow says of objects, and shapely of geometries
            let_pass(error)
            raise UnsupportedFormatError(f"GeoJSON cannot hold this frame: {error!s:.300}. Use .parquet.") from error
        if not kept:
            raise UnsupportedFormatError("GeoJSON would not give this frame back equal. Use .parquet.")
        return content

    def preview(self, data: Any) -> Preview:
        """As of any table; how a text begins."""
        return text.text(data) if type(data) is str else table_preview(data)


def _is_geographic(as_type: Any) -> bool:
    return kind_of_class(as_type) in (_FRAME, "geopandas.GeoSeries")


def _dumped(data: Any) -> bytes:
    shapes = [at for at, dtype in enumerate(data.dtypes) if dtype.name == "geometry"]
    if len(shapes) != 1 or data.active_geometry_name != data.columns[shapes[0]]:
        problem = f"GeoJSON has one geometry for each row, and this frame has {len(shapes)} columns of them"
        raise UnsupportedFormatError(f"{problem}, one of which must be the active one. Use .parquet.")
    array = data.iloc[:, shapes[0]].array
    told = {"name": str(data.columns[shapes[0]]), "at": shapes[0], "crs": _system(array.crs)}
    plain = require("pandas").DataFrame(data).drop(columns=[data.columns[shapes[0]]])
    plain.attrs = data.attrs
    table = as_arrow(plain)
    if len({*table.column_names}) != table.num_columns:
        raise UnsupportedFormatError("Two columns or levels of the index have one name. Rename one.")
    note = json.dumps({"v": 1, "geometry": told, "table": json.loads(mark_of(plain, table))})
    columns = [_cells(name, column) for name, column in zip(table.column_names, table.columns, strict=True)]
    texts = require("shapely").to_geojson(require("numpy").asarray(array, dtype=object))
    lines = [
        f'{{"type": "Feature", "properties": {_properties(table.column_names, row)}, "geometry": {shape or "null"}}}'
        for shape, row in zip(texts, zip(*columns, strict=True) if columns else [()] * len(texts), strict=True)
    ]
    features = "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"
    return f'{{"type": "FeatureCollection", "autostore": {note}, "features": {features}}}\n'.encode()


def _properties(names: Sequence[str], row: Sequence[Any]) -> str:
    return json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False)


def _system(system: Any) -> str:
    """Which of the names of WGS 84 a frame's reference system is, exactly."""
    pyproj = require("pyproj")
    for name in _SYSTEMS:
        if system is not None and system.to_json() == pyproj.CRS(name).to_json():
            return name
    found = "none" if system is None else repr(system.to_string())[:80]
    raise UnsupportedFormatError(
        f"GeoJSON has longitude and latitude of WGS 84, and the reference system of this frame is {found}. "
        'Use .to_crs("EPSG:4326") (.set_crs("EPSG:4326") where it has none), or .parquet, which keeps any.'
    )


def _plain_type(kind: Any) -> Any:
    """The type of cells that JSON has as they are; None of those that are written as text."""
    types = require("pyarrow").types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    native = (
        types.is_boolean,
        types.is_integer,
        types.is_floating,
        types.is_string,
        types.is_large_string,
        types.is_null,
    )
    return kind if any(is_kind(kind) for is_kind in native) else None


def _cells(name: str, column: Any) -> Any:
    pa = require("pyarrow")
    kind = _plain_type(column.type)
    if kind is None and not (pa.types.is_temporal(column.type) or pa.types.is_decimal(column.type)):
        raise UnsupportedFormatError(f"GeoJSON has no cells of the type {column.type} ({name!r:.80}). Use .parquet.")
    return column.cast(kind or pa.string()).to_pylist()


def _written(value: Mapping[str, Any]) -> Any:
    """The frame that was written."""
    told, pa = value["autostore"], require("pyarrow")
    if told["v"] != 1:
        raise CorruptDataError("A newer version of autostore wrote this file. Upgrade autostore.")
    mark, features = read_mark(json.dumps(told["table"])), value["features"]
    schema = pa.ipc.read_schema(pa.py_buffer(mark["schema"]))
    arrays = [
        pa.array([one["properties"][field.name] for one in features], _plain_type(field.type) or pa.string())
        for field in schema
    ]
    table = pa.Table.from_arrays(arrays, names=schema.names)
    if not arrays:  # whatever changes a table without columns forgets how many rows it has
        rows = pa.table({"": pa.nulls(len(features))}).replace_schema_metadata(schema.metadata).select([])
    frame = as_kind(table, mark, None) if arrays else frame_of(rows)
    geometry = told["geometry"]
    if geometry["crs"] not in _SYSTEMS:
        raise CorruptDataError(f"GeoJSON has no reference system {geometry['crs']!r:.40}. Look at it with as_type=str.")
    attrs = frame.attrs
    frame.insert(geometry["at"], geometry["name"], _shapes(features, geometry["crs"]))
    made = require("geopandas").GeoDataFrame(frame).set_geometry(geometry["name"])
    made.attrs = attrs
    return made


def _of_others(value: Mapping[str, Any]) -> Any:
    """What any GeoJSON says: a frame of its features, whose dtypes are as pandas infers them."""
    features = value["features"] if value["type"] == "FeatureCollection" else [_feature(value)]
    system = value.get("crs") or {"properties": {"name": _SYSTEMS[0]}}
    if system["properties"]["name"] not in _NAMES:
        raise UnsupportedFormatError(
            "The file has a reference system of its own, which GeoJSON knows no longer. "
            "Read it with as_type=pathlib.Path, and open that with geopandas.read_file."
        )
    rows = [_row(one) for one in features]
    frame = require("pandas").DataFrame(rows)
    for name in frame.columns[[dtype.kind == "f" for dtype in frame.dtypes]]:
        if any(type(row.get(name)) is int and abs(row[name]) > EXACT for row in rows):
            raise UnsupportedFormatError(
                f"The column {name!r:.80} has whole numbers beyond 2^53, which would be floats. Use as_type=dict."
            )
    geometry = require("geopandas").GeoSeries(_shapes(features, _SYSTEMS[0]), index=frame.index)
    return require("geopandas").GeoDataFrame(frame, geometry=geometry)


def _row(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties of a feature; its `id` before them, as every reader of maps has it."""
    properties: Mapping[str, Any] = feature.get("properties") or {}
    if "id" not in feature:
        return properties
    if properties.get("id", feature["id"]) != feature["id"]:
        problem = "A feature has an id beside a property 'id' that is another"
        raise UnsupportedFormatError(f"{problem}. Read it with as_type=dict.")
    return {"id": feature["id"], **properties}


def _feature(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return value if value["type"] == "Feature" else {"geometry": value}


def _shapes(features: Sequence[Mapping[str, Any]], system: str) -> Any:
    texts = require("numpy").empty(len(features), dtype=object)
    texts[:] = [None if one["geometry"] is None else json.dumps(one["geometry"]) for one in features]
    return require("geopandas.array").from_shapely(require("shapely").from_geojson(texts), crs=system)
