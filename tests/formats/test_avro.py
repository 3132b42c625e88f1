"""Avro by name: the kind of table comes back, other libraries read it, and files of theirs unfold as far as allowed."""

import datetime as dt
import decimal
import io
import json
import uuid

import pytest
from hypothesis import given, settings

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.testing import same
from tests.formats.test_arrow_files import VALUES as ARROW
from tests.optional import optional, pa, pd, pl
from tests.reliability.scale import scaled

dataframes = optional("polars.testing.parametric").dataframes

fastavro = pytest.importorskip("fastavro")

FRAME = pl.DataFrame(
    {
        "flight no": pl.Series(["x", None], dtype=pl.Enum(["y", "x"])),
        "c": pl.Series(["x", "y"], dtype=pl.Categorical),
        "t": [dt.time(1, 2, 3, 4), None],
        "d": [dt.timedelta(1), None],
        "z": pl.Series([dt.datetime(2024, 1, 1), None]).dt.replace_time_zone("Europe/Paris"),
        "a": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int8, 2)),
        "s": [{"x": [1.5, -0.0]}, None],
        "u": pl.Series([1, 2], dtype=pl.UInt64),
        "e": pl.Series([1, None], dtype=pl.Decimal(20, 3)),
    }
)
VALUES = {name: value for name, value in ARROW.items() if name not in ("polars", "polars nothing")}
VALUES |= {
    "polars": FRAME,
    "polars floats": pl.DataFrame({"x": [float("nan"), -0.0, None], "b": [b"", b"\0", None]}),
    "arrow names": pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
    "arrow nanoseconds": pa.table({"t": pa.array([1, None], pa.timestamp("ns", "Asia/Tokyo"))}),
}
SCHEMA = {
    "type": "record", "name": "row", "namespace": "org.x", "fields": [
        {"name": "suit", "type": {"type": "enum", "name": "suit", "symbols": ["A", "B"]}},
        {"name": "again", "type": ["org.x.suit", "null"]},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "cost", "type": {"type": "fixed", "name": "f", "size": 8, "logicalType": "decimal",
                                  "precision": 9, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "tags", "type": {"type": "map", "values": "int"}},
    ],
}  # fmt: skip
ROW = {"suit": "A", "again": None, "id": uuid.UUID(int=5), "cost": decimal.Decimal("1.25"), "tags": {"k": 1},
       "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}  # fmt: skip


def rows_of(kind):
    return {"type": "record", "name": "r", "fields": [{"name": "a", "type": kind}]}


def avro(schema, rows, **options):
    stream = io.BytesIO()
    fastavro.writer(stream, schema, rows, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", VALUES)
def test_tables_come_back(local_store, folder, name):
    """Of the same kind and dtypes; fastavro reads the rows, and equal tables are equal files."""
    value = VALUES[name]
    assert local_store.write("t.avro", value).path == "t.avro"
    assert same(local_store["t.avro"], value)
    raw = (folder / "t.avro").read_bytes()
    assert len(list(fastavro.reader(io.BytesIO(raw)))) == len(value)
    local_store["t.avro"] = value
    assert (folder / "t.avro").read_bytes() == raw
    assert local_store.read("t.avro", as_type=pa.Table).num_rows == len(value)
    if name != "arrow names":  # a frame of Polars has each name once
        assert local_store.read("t.avro", as_type=pl.LazyFrame).collect().height == len(value)


@given(frame=dataframes(min_cols=1, max_cols=3, max_size=5))
@settings(deadline=None, max_examples=scaled(60, 20_000))
def test_any_frame_comes_back_or_is_refused(tmp_path_factory, frame):
    """Whatever Polars holds is read as it was, or nothing was written."""
    with AutoStore(tmp_path_factory.mktemp("avro")) as store:
        try:
            store["t.avro"] = frame
        except UnsupportedFormatError:
            assert "t.avro" not in store
        else:
            assert same(store["t.avro"], frame)


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
def test_files_of_others(local_store, folder, codec):
    """Each logical type is what Arrow has for it, of whatever codec; a table of Polars unless another is asked for."""
    folder.mkdir()
    (folder / "a.avro").write_bytes(avro(SCHEMA, [ROW] * 3, codec=codec))
    table = local_store.read("a.avro", as_type=pa.Table)
    assert table.slice(2).to_pylist() == [{**ROW, "id": str(ROW["id"]), "tags": [("k", 1)]}]
    assert local_store.read("a.avro", as_type=list[dict])[0]["cost"] == decimal.Decimal("1.25")
    pl.DataFrame({"a": [1, None], "b": ["x", "y"]}).write_avro(folder / "b.avro")
    assert local_store["b.avro"].equals(pl.DataFrame({"a": [1, None], "b": ["x", "y"]}))
    assert type(local_store.read("b.avro", as_type=pd.DataFrame)) is pd.DataFrame
    with pytest.raises(UnsupportedFormatError, match="take its column"):
        local_store.read("b.avro", as_type=pl.Series)


@pytest.mark.parametrize("codec", ["snappy", "zstandard"])
def test_packed_by_other_libraries(local_store, folder, codec):
    """Blocks of snappy and zstd are unpacked without a library for them alone."""
    raw = avro(rows_of("int"), [{"a": 7}], sync_marker=b"s" * 16)
    block = b"\x02\x02\x0e"
    packed = pa.compress(b"\x0e", "snappy" if codec == "snappy" else "zstd", asbytes=True) + b"crc!" * (
        codec == "snappy"
    )
    assert block in raw
    head = raw[: raw.index(block)].replace(b"\x08null", bytes([len(codec) * 2]) + codec.encode())
    folder.mkdir()
    (folder / "a.avro").write_bytes(head + b"\x02" + bytes([len(packed) * 2]) + packed + b"s" * 16)
    assert local_store["a.avro"].to_dicts() == [{"a": 7}]


def test_what_it_cannot_hold_is_refused(local_store):
    """Numbers beyond 64 bits, halves of microseconds in times, nulls alone, Python objects."""
    local_store["t.avro"] = FRAME
    for wrong in (
        pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)}),
        pl.DataFrame({"a": pl.Series([2**63], dtype=pl.UInt64)}),
        pa.table({"a": pa.array([1], pa.time64("ns"))}),
        pl.DataFrame({"a": [None]}),
        pl.DataFrame(height=2),
        pd.DataFrame({"a": [object()]}),
        pa.table({"a": [{"b c": 1}]}),
        pa.table({"a": [1]}).replace_schema_metadata({"autostore": "mine"}),
    ):
        with pytest.raises(UnsupportedFormatError):
            local_store["t.avro"] = wrong
    assert same(local_store["t.avro"], FRAME)


def test_no_table_is_refused(local_store, folder):
    """Single values, unions of several types, records within themselves, and items that take no byte."""
    folder.mkdir()
    itself = {"type": "record", "name": "r", "fields": [{"name": "next", "type": ["null", "r"]}]}
    for schema, value in [("int", 1), (itself, {"next": None}),
                          (rows_of(["int", "string"]), {"a": 1}),
                          (rows_of({"type": "array", "items": "null"}),
                           {"a": [None]})]:  # fmt: skip
        (folder / "a.avro").write_bytes(avro(schema, [value]))
        with pytest.raises(UnsupportedFormatError, match="as_type=bytes"):
            local_store["a.avro"]


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz"])
def test_bombs(tmp_path, codec):
    """A small file that unfolds, and a block that claims rows without bytes, are refused before they are there."""
    text = rows_of("string")
    (tmp_path / "a.avro").write_bytes(avro(text, [{"a": "x" * 40_000_000}], codec=codec))
    flags = rows_of("boolean")
    (tmp_path / "b.avro").write_bytes(avro(flags, [{"a": True}] * 1_000_000, codec=codec, sync_interval=1 << 30))
    store = AutoStore(tmp_path, StorageConfig(max_read_bytes=8 << 20))
    for key in ("a.avro", "b.avro"):
        assert store.get_size(key) < 1 << 20
        with pytest.raises(TooLargeError):
            store[key]


def test_damage_is_an_error(local_store, folder):
    """A file that was cut anywhere is a typed error, and so is one whose mark is of a later version."""
    local_store["t.avro"] = FRAME
    raw = (folder / "t.avro").read_bytes()
    for at in range(0, len(raw) - 1, 97):
        (folder / "t.avro").write_bytes(raw[:at])
        with pytest.raises(CorruptDataError):
            local_store["t.avro"]
    later = json.dumps({"v": 2, "type": "polars.DataFrame"})
    schema = rows_of("int")
    (folder / "t.avro").write_bytes(avro(schema, [{"a": 1}], metadata={"autostore": later}))
    with pytest.raises(CorruptDataError, match="Upgrade"):
        local_store["t.avro"]
