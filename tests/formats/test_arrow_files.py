"""Arrow IPC and Feather by name: the kind of table comes back, Arrow's readers read it, hostile files are bounded."""

import datetime as dt
import decimal
import subprocess
import sys
import zoneinfo

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, StorageError, TooLargeError, UnsupportedFormatError
from autostore.testing import same
from tests.optional import pd, pl
from tests.optional import pyarrow as pa

ZONE = zoneinfo.ZoneInfo("Europe/Paris")
FRAME = pl.DataFrame(
    {
        "n": [1, None],
        "c": pl.Series(["x", "y"], dtype=pl.Categorical),
        "e": pl.Series(["x", None], dtype=pl.Enum(["y", "x"])),
        "t": [dt.datetime(2024, 1, 1, tzinfo=ZONE), None],
        "l": [[{"a": 1}], []],
        "i": pl.Series([1, -(2**100)], dtype=pl.Int128),
        "z": [None, None],
    }
)
TABLE = pa.table(
    {"m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())), "d": pa.array(["a"]).dictionary_encode()}
).replace_schema_metadata({"who": "é"})
VALUES = {
    "polars": FRAME,
    "polars empty": pl.DataFrame({"a": []}, schema={"a": pl.Time}),
    "polars nothing": pl.DataFrame(),
    "arrow": TABLE,
    "arrow chunks": pa.concat_tables([TABLE, TABLE]),
    "arrow types": pa.table({"u": pa.array([1, 2], pa.timestamp("s")), "h": pa.array([1.5, None], pa.float16())}),
    "pandas": pd.DataFrame(
        {"a": pd.array([1, None], "Int64"), "s": ["x", None], "c": pd.Categorical(["p", "q"])}, index=["i", "j"]
    ),
    "pandas dates": pd.DataFrame({"t": pd.date_range("2024", periods=3, tz="Europe/Paris")}),
}


def column(cells, kind):
    """A table of Arrow of one column."""
    return pa.table({"a": pa.array(cells, kind)})


NOT_FOR = {
    "nanoseconds": (pl.DataFrame([pl.Series("a", [1]).cast(pl.Time)]), pd.DataFrame, "pandas"),
    "decimal": (column([decimal.Decimal("1.1")], pa.decimal256(50, 1)), pl.DataFrame, "polars"),
    "lazy": (column([decimal.Decimal("1.1")], pa.decimal256(50, 1)), pl.LazyFrame, "polars"),
    "names": (pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), pl.DataFrame, "polars"),
}


@pytest.mark.parametrize(("table", "kind", "library"), NOT_FOR.values(), ids=NOT_FOR)
def test_what_another_library_cannot_read_is_not_called_damaged(local_store, table, kind, library):
    """The file is whole, and Arrow reads it; a damaged one is still called so."""
    local_store["k.arrow"] = table
    with pytest.raises(UnsupportedFormatError, match=rf"whole, but {library} cannot.*as_type=pyarrow\.Table"):
        local_store.read("k.arrow", as_type=kind)
    assert local_store.read("k.arrow", as_type=pa.Table).num_rows == 1
    content = local_store.read("k.arrow", as_type=bytes)
    local_store.path("k.arrow").write_bytes(content[:-40] + b"\xff" * 30 + content[-10:])
    with pytest.raises(CorruptDataError):
        local_store.read("k.arrow", as_type=kind)


@pytest.mark.parametrize("key", ["k", "k.arrow"])
def test_maps_are_rows_and_frames(local_store, key):
    """Also with nulls and texts; where no library can take a column, the file is not called damaged."""
    local_store[key] = column([[("k", "v")], None, []], pa.map_(pa.string(), pa.large_string()))
    rows = local_store.read(key, as_type=list[dict])
    assert [row["a"] if row["a"] is None else dict(row["a"]) for row in rows] == [{"k": "v"}, None, {}]
    assert local_store.read(key, as_type=pd.DataFrame)["a"].to_list() == [[("k", "v")], None, []]
    local_store[key] = local_store.read(key, as_type=pl.DataFrame)
    assert [dict(row["a"] or {}) for row in local_store.read(key, as_type=list[dict])] == [{"k": "v"}, {}, {}]


def test_a_key_that_stands_twice_in_a_map_is_not_lost(local_store):
    """Which Arrow allows, and a dict of Python does not."""
    local_store["k"] = table = column([[("k", "v"), ("k", "w")]], pa.map_(pa.string(), pa.large_string()))
    assert same(local_store["k"], table)
    frame = pl.from_arrow(table)
    for key in ("k.parquet", "k.arrow", "k.jsonl"):
        with pytest.raises(UnsupportedFormatError, match="key stands twice"):
            local_store[key] = frame
    for value in (frame.lazy(), table):
        with pytest.raises(UnsupportedFormatError, match="key stands twice"):
            local_store["k.jsonl"] = value


@pytest.mark.parametrize("as_type", [pd.DataFrame, list[dict]], ids=str)
def test_a_union_is_not_called_damaged(local_store, as_type):
    """Nor a column of runs; only Arrow has them."""
    numbers, texts = pa.array([1]), pa.array(["a"])
    union = pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [numbers, texts])
    for array in (union, pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), texts)):
        local_store["k.arrow"] = table = pa.table({"a": array})
        with pytest.raises(UnsupportedFormatError, match=r"as_type=pyarrow\.Table"):
            local_store.read("k.arrow", as_type=as_type)
        assert same(local_store["k.arrow"], table)


EMPTY = pl.Array(pl.Int8, 0)


@pytest.mark.parametrize("dtype", [EMPTY, pl.List(EMPTY), pl.Struct({"x": EMPTY})], ids=str)
def test_what_polars_writes_and_does_not_read_is_refused(local_store, dtype):
    """Arrays of no elements, at any depth, before anything is written."""
    frame = pl.DataFrame({"a": pl.Series([None, None], dtype=dtype)})
    with pytest.raises(UnsupportedFormatError, match="cannot hold"):
        local_store["t.arrow"] = frame
    assert "t.arrow" not in local_store


@pytest.mark.parametrize("extension", [".arrow", ".feather"])
@pytest.mark.parametrize("name", VALUES)
def test_tables_come_back(local_store, folder, name, extension):
    """Of the same kind and dtypes; Arrow's and Polars' own readers read the file."""
    value, key = VALUES[name], f"t{extension}"
    assert local_store.write(key, value).path == key
    assert same(local_store[key], value)
    if name == "polars":  # pyarrow has no Int128
        assert pl.read_ipc(folder / key).equals(value)
        with pytest.raises(UnsupportedFormatError, match="as_type=polars"):
            local_store.read(key, as_type=pa.Table)
    else:
        assert pa.feather.read_table(folder / key).num_rows == len(value)
        assert local_store.read(key, as_type=pa.Table).num_rows == len(value)
    assert local_store.read(key, as_type=bytes)[:6] == b"ARROW1"


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_files_of_others(local_store, folder, compression):
    """What Arrow, pandas and Polars wrote is a Polars DataFrame, and whatever kind is asked for."""
    folder.mkdir()
    pa.feather.write_feather(pa.table({"a": [1, 2]}), folder / "a.feather", compression=compression)
    pl.DataFrame({"a": [1, 2]}).write_ipc(folder / "b.arrow", compression=compression)
    for key in ("a.feather", "b.arrow"):
        assert local_store[key].equals(pl.DataFrame({"a": [1, 2]}))
        assert local_store.read(key, as_type=pd.DataFrame)["a"].tolist() == [1, 2]
        assert local_store.read(key, as_type=pl.LazyFrame).collect().height == 2
        assert local_store.read(key, as_type=list[dict]) == [{"a": 1}, {"a": 2}]
        with pytest.raises(UnsupportedFormatError, match="take its column"):
            local_store.read(key, as_type=pl.Series)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_bombs(tmp_path, compression):
    """A small file that unfolds, or claims rows without bytes, is refused from its heads."""
    pa.feather.write_feather(pa.table({"a": [0] * 4_000_000}), tmp_path / "a.feather", compression=compression)
    with pa.ipc.new_file(str(tmp_path / "n.arrow"), pa.schema([("n", pa.null())])) as writer:
        writer.write_table(pa.table({"n": pa.nulls(1 << 30)}))
    store = AutoStore(tmp_path, StorageConfig(max_read_bytes=8 << 20))
    for key in ("a.feather", "n.arrow"):
        assert store.get_size(key) < 1 << 20
        with pytest.raises(TooLargeError):
            store[key]


def test_damage_is_an_error(local_store, folder):
    """A file that was cut or changed anywhere is a typed error or a table, and never ends the process."""
    for name in ("arrow", "polars"):
        local_store["t.arrow"] = VALUES[name]
        raw = local_store.read("t.arrow", as_type=bytes)
        for at in range(0, len(raw), 37):
            (folder / "t.arrow").write_bytes(raw[:at])
            with pytest.raises(CorruptDataError):
                local_store["t.arrow"]


def test_what_it_cannot_hold_is_refused(local_store):
    """Python objects, and rows without columns."""
    for wrong in (
        pd.DataFrame({"a": [object()]}),
        pl.DataFrame(height=3),
        pa.table({"a": [1]}).replace_schema_metadata({"autostore": "mine"}),
    ):
        with pytest.raises(UnsupportedFormatError):
            local_store["w.arrow"] = wrong
    with pytest.raises(StorageError):
        local_store["w.arrow"] = "text"
    assert "w.arrow" not in local_store


def test_a_second_process(tmp_path):
    """It gets the kind that was written."""
    store = AutoStore(tmp_path)
    store["a.arrow"], store["b.feather"] = VALUES["pandas"], TABLE
    code = "import sys; from autostore import AutoStore; s = AutoStore(sys.argv[1]); "
    code += "print(type(s['a.arrow']).__module__, type(s['b.feather']).__module__)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == [type(VALUES["pandas"]).__module__, "pyarrow.lib"], done.stderr


def test_rows_of_categories(local_store):
    """Categories of Polars, and dictionaries of Arrow of whatever they hold, are read as rows."""
    words = pl.DataFrame({"word": pl.Series(["a", None, "bb"], dtype=pl.Categorical)})
    days = pa.table({"word": pa.array([1, 2, 1]).dictionary_encode()})
    for table, rows in ((words, ["a", None, "bb"]), (days, [1, 2, 1])):
        local_store["t.arrow"] = table
        assert local_store.read("t.arrow", as_type=list[dict]) == [{"word": word} for word in rows]
