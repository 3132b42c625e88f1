"""Frames of GeoPandas as GeoParquet and GeoJSON: they come back as they were, geopandas reads them, damage is typed."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.errors import UntrustedDataError
from autostore.testing import same
from tests.optional import np, pa, pd, pl, pq

gpd = pytest.importorskip("geopandas")
import shapely  # noqa: E402 - geopandas needs it
from shapely import Point  # noqa: E402

LAEA = "+proj=laea +lat_0=10 +lon_0=3 +ellps=GRS80 +towgs84=1,2,3,0,0,0,0"
SHAPES = [Point(1, 2), None, shapely.LineString([(0.1, -0.0), (1, 1 / 3)])]
FRAME = gpd.GeoDataFrame({"a": [1, 2, 3], "t": ["x", None, "y"]}, geometry=SHAPES, crs="EPSG:25833")
PARTS = gpd.GeoDataFrame(
    geometry=[
        shapely.box(0, 0, 1, 1),
        shapely.MultiPolygon([Point(0, 0).buffer(2, 3).difference(shapely.box(0, 0, 1, 1)), shapely.box(5, 5, 6, 6)]),
        shapely.GeometryCollection([Point(1, 1), shapely.MultiPoint([(1, 2), (3, 4)]), shapely.Polygon()]),
        shapely.MultiLineString(),
    ]
)  # fmt: skip
TWO = FRAME.assign(other=gpd.GeoSeries([Point(0, 0, 1), None, Point()], crs=4326))
VALUES = {
    "frame": FRAME,
    "kinds": PARTS,
    "heights and measures": gpd.GeoDataFrame(geometry=shapely.from_wkt(["POINT ZM (1 2 3 4)", "POINT M (1 2 3)"])),
    "two columns": TWO,
    "the other is active": TWO.set_geometry("other"),
    "no rows": FRAME.iloc[:0],
    "nothing": gpd.GeoDataFrame(),
    "no geometries": gpd.GeoDataFrame({"a": [1]}),
    "all missing": gpd.GeoDataFrame({"a": [1]}, geometry=[None], crs=4326),
    "no system": FRAME.set_crs(None, allow_override=True),
    "a system without a name": FRAME.set_crs(LAEA, allow_override=True),
    "axes": FRAME.set_crs("OGC:CRS84", allow_override=True),
    "index": FRAME.set_index(pd.MultiIndex.from_tuples([(1, "a"), (2, "b"), (3, "c")], names=["i", None])),
    "days": FRAME.set_index(pd.date_range("2024", periods=3, name="d")),
    "renamed": FRAME.rename_geometry("shape"),
    "numbers as labels": gpd.GeoDataFrame({0: [1], 1: gpd.GeoSeries([Point(1, 2)], crs=4326)}, geometry=1),
    "objects beside": FRAME.assign(o=[{"a": 1}, [1], None]),
    "series": FRAME.geometry,
    "series of a number": gpd.GeoSeries([Point(1, 2), None], name=5, index=["a", "b"], crs=3035),
    "series without a name": gpd.GeoSeries([Point(1, 2)]),
}
VALUES["attributes"] = FRAME.copy()
VALUES["attributes"].attrs = {"source": ["survey", 1]}
WORLD = FRAME.set_crs("EPSG:4326", allow_override=True)
MOMENTS = pd.to_datetime(["2024-01-01T03:04:05.123456", None, "2024-01-02"], format="ISO8601")
IN_JSON = {
    "frame": WORLD,
    "cells": WORLD.assign(
        d=MOMENTS, z=MOMENTS.tz_localize("Europe/Paris"), f=[0.1, np.nan, -0.0], i=pd.array([1, None, 2], "Int8"),
        c=pd.Categorical(["b", "a", "b"], categories=["b", "a"]),
    ),
    "kinds": PARTS.set_crs("OGC:CRS84"),
    "no rows": WORLD.iloc[:0],
    "geometries alone": WORLD[["geometry"]],
    "neither": WORLD[["geometry"]].iloc[:0],
    "first and renamed": WORLD.rename_geometry("shape")[["shape", "a"]],
    "index": WORLD.set_index("t"),
    "counted": WORLD.set_index(pd.RangeIndex(5, 8)),
    "heights": gpd.GeoDataFrame(geometry=[Point(1, 2, 1 / 3)], crs=4326),
    "counted geometries": gpd.GeoDataFrame(geometry=[Point(5, 6), None], crs=4326, index=pd.RangeIndex(3, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("key", ["k", "k.parquet"])
def test_they_come_back(local_store, folder, key, name):
    """Under a bare key and by name; geopandas reads the file, with the same geometries in the same system."""
    value = VALUES[name]
    assert local_store.write(key, value).path == "k.parquet"
    back = local_store[key]
    assert type(back) is type(value)
    assert same(back, value)
    assert local_store.info(key).type == f"geopandas.{type(value).__name__}"
    if type(value) is gpd.GeoDataFrame and type(value.active_geometry_name) is str:  # 1.0 reads no numbers as labels
        seen = gpd.read_parquet(folder / "k.parquet")
        assert seen.active_geometry_name == str(value.active_geometry_name)
        assert same(seen.geometry.array, value.geometry.array)


def test_what_is_not_the_same():
    """Another system, order of axes, active column, kind of ring, height or bit of a coordinate is another value."""
    ring = shapely.LinearRing([(0, 0), (1, 0), (1, 1)])
    line = shapely.LineString(ring)
    assert not same(FRAME, FRAME.set_crs(4326, allow_override=True))
    assert not same(WORLD, VALUES["axes"])
    assert not same(TWO, VALUES["the other is active"])
    assert not same(FRAME, pd.DataFrame(FRAME))
    for one, two in [
        (ring, line),
        (shapely.GeometryCollection([ring]), shapely.GeometryCollection([line])),
        (Point(0.0, 0), Point(-0.0, 0)),
        (Point(), Point(np.nan, np.nan)),
        (Point(1, 2), Point(1, 2, 0)),
        (Point(1, 2), None),
        (Point(1, 2), shapely.set_srid(Point(1, 2), 7)),
    ]:
        assert same(gpd.GeoSeries([one]), gpd.GeoSeries([one]))
        assert not same(gpd.GeoSeries([one]), gpd.GeoSeries([two]))


def test_what_bytes_do_not_hold_is_refused(tmp_path):
    """Rings alone, points of NaN and numbers of systems within geometries; nothing is written."""
    ring = shapely.LinearRing([(0, 0), (1, 0), (1, 1)])
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        for shape in (ring, Point(np.nan, np.nan), shapely.set_srid(Point(1, 2), 7)):
            for key in ("k.parquet", "k.geojson", "k"):
                with pytest.raises((UnsupportedFormatError, UntrustedDataError)):
                    store[key] = gpd.GeoDataFrame(geometry=[shape], crs=4326)
                assert key not in store


def test_as_other_kinds(local_store):
    """Bytes of geometries in other tables, the active ones as a Series, some columns; other formats refuse them."""
    local_store["k"] = TWO
    assert local_store.read("k", as_type=pl.DataFrame)["geometry"].to_list() == list(TWO.geometry.to_wkb())
    assert type(local_store.read("k", as_type=pd.DataFrame)) is pd.DataFrame
    assert local_store.read("k", as_type=pa.Table).num_rows == 3
    assert local_store.scan("k").select("a").collect()["a"].to_list() == [1, 2, 3]
    assert same(local_store.read("k", as_type=gpd.GeoSeries), TWO.geometry)
    assert same(local_store.read("k", columns=["a", "geometry"]), TWO[["a", "geometry"]])
    local_store["s"] = FRAME.geometry
    assert same(local_store.read("s", as_type=gpd.GeoDataFrame), FRAME[["geometry"]])
    for key in ("k.csv", "k.xlsx", "k.avro", "k.arrow", "k.jsonl"):
        with pytest.raises(UnsupportedFormatError):
            local_store[key] = FRAME
    shown = local_store.preview(FRAME)
    assert shown["geometry/geometry"] == "EPSG:25833, 0.1 0 1 2"
    assert shown["head"].rows[0]["geometry"] == "POINT (1 2)"


@pytest.mark.parametrize("name", ["frame", "two columns", "no rows", "index", "no system", "kinds"])
def test_parquet_of_others(local_store, folder, name):
    """Read bare it is a table of Polars, as any Parquet; as_type gives the frame that geopandas wrote."""
    folder.mkdir()
    VALUES[name].to_parquet(folder / "o.parquet")
    assert type(local_store["o.parquet"]) is pl.DataFrame
    assert same(local_store.read("o.parquet", as_type=gpd.GeoDataFrame), VALUES[name])
    pd.DataFrame({"a": [1]}).to_parquet(folder / "p.parquet")
    with pytest.raises(UnsupportedFormatError, match="from_wkb"):
        local_store.read("p.parquet", as_type=gpd.GeoDataFrame)
    PARTS.iloc[:1].to_parquet(folder / "q.parquet", geometry_encoding="geoarrow", schema_version="1.1.0")
    with pytest.raises(UnsupportedFormatError, match=r"geopandas\.read_parquet"):
        local_store.read("q.parquet", as_type=gpd.GeoDataFrame)


@pytest.mark.parametrize("name", IN_JSON)
def test_geojson(local_store, folder, name):
    """A frame in WGS 84 comes back exactly; geopandas and json read the features."""
    value = IN_JSON[name]
    assert local_store.write("k.geojson", value).path == "k.geojson"
    assert same(local_store["k.geojson"], value)
    features = json.loads((folder / "k.geojson").read_text())["features"]
    assert len(features) == len(value)
    seen = gpd.read_file(folder / "k.geojson")
    assert shapely.equals(seen.geometry.array, value.geometry.array).tolist() == [
        shape is not None for shape in value.geometry
    ]


def test_what_geojson_cannot_hold_is_refused(local_store):
    """Other systems, two geometries a row, infinity, objects, bytes, measures; what was there stays."""
    local_store["k.geojson"] = WORLD
    wrong = {
        "to_crs": FRAME,
        "set_crs": VALUES["no system"],
        "one geometry": WORLD.assign(other=WORLD.geometry),
        "parquet": WORLD.assign(x=float("inf")),
        "Use .parquet": WORLD.assign(x=[{"a": 1}, [1], None]),
        "binary": WORLD.assign(x=[b"a"] * 3),
        "equal": VALUES["heights and measures"].set_crs(4326),
    }
    for words, value in wrong.items():
        with pytest.raises(UnsupportedFormatError, match=words):
            local_store["k.geojson"] = value
    assert same(local_store["k.geojson"], WORLD)


def test_geojson_of_others(local_store, folder):
    """It is its text, a frame where one is asked for, and JSON for any other type; a text of ours is refused."""
    folder.mkdir()
    seen = WORLD.set_geometry([*SHAPES[:2], Point(3, 4)], crs=4326)
    seen.to_file(folder / "o.geojson", driver="GeoJSON")
    text = (folder / "o.geojson").read_text()
    assert local_store["o.geojson"] == text
    assert local_store.read("o.geojson", as_type=gpd.GeoDataFrame).to_dict() == seen.to_dict()
    assert local_store.read("o.geojson", as_type=gpd.GeoSeries).tolist() == seen.geometry.tolist()
    assert local_store.read("o.geojson", as_type=dict) == json.loads(text)
    FRAME.to_file(folder / "p.geojson", driver="GeoJSON", RFC7946="NO")
    with pytest.raises(UnsupportedFormatError, match=r"geopandas\.read_file"):
        local_store.read("p.geojson", as_type=gpd.GeoDataFrame)
    local_store["t.geojson"] = '{"type": "Point", "coordinates": [1, 2]}'
    assert local_store.read("t.geojson", as_type=gpd.GeoDataFrame).geometry[0] == Point(1, 2)
    local_store["k.geojson"] = WORLD
    with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
        local_store["t.geojson"] = local_store.read("k.geojson", as_type=str)
    deep = '{"type":"GeometryCollection","geometries":['
    for bad in ("[]", "{}", '{"type": "FeatureCollection"}', '{"type": 5}', '{"type": "Point", "coordinates": ["a"]}',
                '{"type": "FeatureCollection", "features": [1]}', deep * 60 + "]}" * 60):  # fmt: skip
        local_store["t.geojson"] = bad
        with pytest.raises(CorruptDataError):
            local_store.read("t.geojson", as_type=gpd.GeoDataFrame)


def nested(kind, levels):
    """So many collections in one another."""
    return struct.pack("<BII", 1, kind, 1) * levels + struct.pack("<BII", 1, kind, 0)


HOSTILE = {
    "deep": nested(7, 200_000),
    "deep polygons": nested(6, 200_000),
    "a few levels": nested(7, 200),
    "a line beyond its end": struct.pack("<BII", 1, 2, 1 << 31),
    "parts beyond their end": struct.pack("<BII", 1, 7, 1 << 31),
    "rings beyond their end": struct.pack("<BII", 1, 3, 1 << 31),
    "another kind": struct.pack("<BII", 1, 12, 0),
    "bits that GEOS passes over": struct.pack("<BII", 1, 0x00010007, 0),
    "no byte order": struct.pack("<BII", 7, 2, 0),
    "nothing": b"",
    "five bytes": b"\1\7\0\0\0",
}


def test_ids_of_features(local_store, folder):
    """The id of a feature is a column, and a large whole number beside one that is missing is not rounded."""
    folder.mkdir(exist_ok=True)

    def laid(*features):
        told = [{"type": "Feature", "geometry": None, "properties": {}, **feature} for feature in features]
        text = json.dumps({"type": "FeatureCollection", "features": told})
        (folder / "f.geojson").write_text(text)
        return local_store.read("f.geojson", as_type=gpd.GeoDataFrame)

    frame = laid({"id": "a7", "properties": {"n": 1}}, {"id": "b8", "properties": {"n": 2}})
    assert list(frame.columns) == ["id", "n", "geometry"]
    assert frame["id"].tolist() == ["a7", "b8"]
    assert laid({"id": 7, "properties": {"id": 7}})["id"].tolist() == [7]
    with pytest.raises(UnsupportedFormatError, match="as_type=dict"):
        laid({"id": 7, "properties": {"id": 8}})
    with pytest.raises(UnsupportedFormatError, match=r"'n' has whole numbers beyond 2\^53.*as_type=dict"):
        laid({"properties": {"n": 2**53 + 1}}, {})
    assert laid({"properties": {"n": 2**53 + 1}})["n"].tolist() == [2**53 + 1]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_geometries(tmp_path, name):
    """What would crash GEOS, or claims more than there is, is a typed error, from ours and from others' files."""
    good = gpd.GeoDataFrame(geometry=[Point(1, 2)], crs=4326)
    with AutoStore(tmp_path) as store:
        store["k"] = good
        good.to_parquet(tmp_path / "o.parquet")
        for file in ("k.parquet", "o.parquet"):
            table = pq.read_table(tmp_path / file)
            pq.write_table(table.set_column(0, "geometry", pa.array([HOSTILE[name]])), tmp_path / file)
            with pytest.raises(CorruptDataError, match="damaged"):
                store.read(file, as_type=gpd.GeoDataFrame)


def test_geometries_that_unfold(tmp_path):
    """A small file of many empty parts is refused by what they take as objects, before they are made."""
    many = struct.pack("<BII", 1, 7, 500) + struct.pack("<BII", 1, 2, 0) * 500
    good = gpd.GeoDataFrame(geometry=[Point(1, 2)], crs=4326)
    good.to_parquet(tmp_path / "o.parquet")
    table = pq.read_table(tmp_path / "o.parquet")
    table = pa.table({"geometry": [many] * 300}).replace_schema_metadata(table.schema.metadata)
    pq.write_table(table, tmp_path / "o.parquet")  # fmt: skip
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=16 << 20)) as store:
        assert store.get_size("o.parquet") < 100_000
        with pytest.raises(TooLargeError, match="geometries"):
            store.read("o.parquet", as_type=gpd.GeoDataFrame)
        store["t.geojson"] = '{"type":"MultiPoint","coordinates":[' + ",".join(["[0,0]"] * 100_000) + "]}"
        with pytest.raises(TooLargeError):
            store.read("t.geojson", as_type=gpd.GeoDataFrame)


SYSTEMS = [
    "+init=/etc/passwd:x",
    "EPSG:4326",
    5,
    {"type": "GeographicCRS"},
    {"a": [[[[]]]] * 2, "type": "x" * (2 << 20)},
]


@pytest.mark.parametrize("crs", [*SYSTEMS, json.loads('{"base_crs":' * 200 + "1" + "}" * 200)], ids=range(6))
def test_systems_of_others(tmp_path, crs):
    """Only definitions are read: a text could name a file of this machine. What is none is a typed error."""
    FRAME.to_parquet(tmp_path / "o.parquet")
    table = pq.read_table(tmp_path / "o.parquet")
    note = json.loads(table.schema.metadata[b"geo"])
    note["columns"]["geometry"]["crs"] = crs
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(note)}), tmp_path / "o.parquet")
    with AutoStore(tmp_path) as store, pytest.raises(CorruptDataError, match="reference system"):
        store.read("o.parquet", as_type=gpd.GeoDataFrame)


def test_damage_is_an_error(tmp_path):
    """A footer whose words do not fit the table is a typed error."""
    with AutoStore(tmp_path) as store:
        store["k"] = TWO
        raw = pq.read_table(tmp_path / "k.parquet")
        mark = json.loads(raw.schema.metadata[b"autostore"])
        for told in (
            {"columns": [9], "active": None},
            {"columns": [0], "active": 0},
            {"columns": [2]},
            {"active": 2},
            5,
        ):
            bad = {**raw.schema.metadata, b"autostore": json.dumps({**mark, "geometry": told})}
            pq.write_table(raw.replace_schema_metadata(bad), tmp_path / "k.parquet")
            with pytest.raises(CorruptDataError):
                store["k"]
        for note in (
            b"{",
            b"[]",
            b'{"columns": 5, "primary_column": 1}',
            b'{"columns": {"x": {}}, "primary_column": "x"}',
            b'{"columns": {"a": {"encoding": "WKB"}}, "primary_column": "a"}',
        ):
            pq.write_table(raw.replace_schema_metadata({"geo": note}), tmp_path / "o.parquet")
            with pytest.raises(CorruptDataError):
                store.read("o.parquet", as_type=gpd.GeoDataFrame)


def test_a_second_process(tmp_path):
    """It gets the frame without importing geopandas first."""
    with AutoStore(tmp_path) as store:
        store["k"], store["k.geojson"] = FRAME, WORLD
    code = (
        "import sys; from autostore import AutoStore; s = AutoStore(sys.argv[1])\n"
        "for k in ('k.parquet', 'k.geojson'): print(type(s[k]).__name__, s[k].crs.to_string())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == ["GeoDataFrame EPSG:25833", "GeoDataFrame EPSG:4326"], done.stderr
    assert Path(tmp_path / "k.parquet").exists()
