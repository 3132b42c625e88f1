"""Many tables as one: folders become columns, schemas are united or refused by name, and nothing else is asked for."""

import datetime as dt
import io
import os
import resource
import subprocess
import sys
from functools import partial

import pytest

from autostore import (
    AutoStore,
    CorruptDataError,
    InvalidConfigError,
    InvalidKeyError,
    SchemaMismatchError,
    StorageFileNotFoundError,
)
from tests.optional import np, optional, pa, pd, pl, pq
from tests.reliability.scale import scaled

from autostore import LeftOutWarning, PreconditionFailedError, UnsupportedFormatError  # isort: skip

assert_frame_equal = optional("polars.testing").assert_frame_equal


def days(store, count=3):
    """`f/date=.../data.parquet`, two rows each."""
    for day in range(count):
        store[f"f/date=2020-01-{day + 1:02}/data"] = pl.DataFrame({"x": [day, day + 10], "y": ["a", None]})


def test_folders_are_columns_of_text(store):
    """Below a prefix all tables are one, in the order of their paths, on every place; folders' values stay text."""
    days(store)
    store["f2/data"] = pl.DataFrame({"x": [99]})
    scan = store.scan("f/")
    assert scan.collect_schema() == {"x": pl.Int64, "y": pl.String, "date": pl.String}
    assert scan.collect()["x"].to_list() == [0, 10, 1, 11, 2, 12]
    last = scan.filter(pl.col("date") > "2020-01-02").collect()
    assert last.rows() == [(2, "a", "2020-01-03"), (12, None, "2020-01-03")]
    assert scan.select(pl.len()).collect().item() == 6
    assert scan.select("date").collect()["date"].n_unique() == 3
    whole = store.read("f/", as_type=pl.DataFrame)
    assert_frame_equal(whole, scan.collect())
    assert store.read("f/", as_type=pl.DataFrame, columns=["date", "x"]).columns == ["date", "x"]
    for kind in ("pandas", "pyarrow"):
        library = pytest.importorskip(kind)
        found = store.read("f/", as_type=library.DataFrame if kind == "pandas" else library.Table)
        assert_frame_equal(pl.DataFrame(found), whole)


@pytest.mark.parametrize(
    ("log", "tool"),
    [
        ("_delta_log/00000000000000000000.json", "Delta Lake"),
        ("metadata/v1.metadata.json", "Iceberg"),
        ("metadata/00000-9c12d441-03fe-4693-9a96-a0705ddf69c1.metadata.json", "Iceberg"),
    ],
)
def test_a_table_with_a_log_of_another_tool(store, log, tool):
    """Rows that Delta and Iceberg deleted or replaced still stand in files; they are refused, not read again."""
    store["lake/t/data/a"] = pl.DataFrame({"x": [1]})
    store[f"lake/t/{log}"] = {"add": {}}
    for prefix in ("lake/", "lake/t/"):
        with pytest.raises(UnsupportedFormatError, match=rf"{tool} \('lake/t/'\)"):
            store.scan(prefix)
        with pytest.raises(UnsupportedFormatError, match=tool):
            store.read(prefix, as_type=pl.DataFrame)
    assert store["lake/t/data/a"].rows() == store.scan({"lake/t/data/a": {}}).collect().rows() == [(1,)]
    store["own/data/a"] = pl.DataFrame({"x": [1]})
    store["own/metadata/schema.metadata"] = {"x": "whole numbers"}  # which is no log
    assert store.scan("own/").collect().rows() == [(1,)]


def test_typed_folders(local_store):
    """Folders' values become what is asked for; one that is none is refused by name, and none is a null."""
    days(local_store)
    local_store["g/n=1/a%20b=__HIVE_DEFAULT_PARTITION__/t"] = pl.DataFrame({"x": [1]})
    scan = local_store.scan("f/", hive_schema={"date": pl.Date})
    assert scan.filter(pl.col("date") == dt.date(2020, 1, 2)).collect()["x"].to_list() == [1, 11]
    assert local_store.scan("g/", hive_schema={"n": pl.Int8}).collect().to_dicts() == [{"x": 1, "n": 1, "a b": None}]
    with pytest.raises(SchemaMismatchError, match=r"2020-01-01.*date"):
        local_store.scan("f/", hive_schema={"date": pl.Int64})
    with pytest.raises(InvalidConfigError, match="nope"):
        local_store.scan("f/", hive_schema={"nope": pl.Int64})
    for dtype in (pl.List(pl.Int8), pl.Duration):
        with pytest.raises(InvalidConfigError, match="date"):
            local_store.scan("f/", hive_schema={"date": dtype})


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("2020-01-01 00:00:00.123456789", pl.Datetime("ns")), ("2020-01-01 00:00:00.123456789", pl.Datetime("us")),
        ("2020-01-01 00:00:00.0005", pl.Datetime("ms")), ("10:00:00.123456789", pl.Time), ("1.005", pl.Decimal(9, 2)),
        ("1e400", pl.Float64), ("9007199254740993", pl.Float64), ("16777217", pl.Float32), ("01-02-2020", pl.Date),
        ("01/02/2020 10:00".replace("/", "%2F"), pl.Datetime("us")), ("0000-01-01", pl.Date), ("+12020-01-01", pl.Date),
        ("2020-01-01T00:00:00+02:00", pl.Datetime("us")),
    ],
)  # fmt: skip
def test_folders_that_say_more_than_the_type(local_store, value, dtype):
    """What a type would cut, round or guess of a folder's value is refused, and stays text where nothing is asked."""
    local_store[f"f/p={value}/t"] = pl.DataFrame({"x": [1]})
    assert local_store.scan("f/").collect()["p"].to_list() == [value.replace("%2F", "/")]
    with pytest.raises(SchemaMismatchError, match="hive_schema"):
        local_store.scan("f/", hive_schema={"p": dtype})


def test_folders_whose_percent_signs_are_no_encoding(local_store):
    """Bytes that are no UTF-8 stay as they are written: two folders never become one value."""
    for value in ("%ff", "%fe", "100%", "a%2Fb"):
        local_store[f"f/p={value}/t"] = pl.DataFrame({"x": [1]})
    assert set(local_store.scan("f/").collect()["p"]) == {"%ff", "%fe", "100%", "a/b"}


@pytest.mark.parametrize("planned", ["naive", "utc"])
@pytest.mark.parametrize("how", ["schema", "sample"])
def test_times_in_utc_are_not_times_of_no_zone(local_store, planned, how):
    """A table that was not looked at, and has other times than were planned, is refused; Polars alone casts these."""
    naive = pl.DataFrame({"t": [dt.datetime(2020, 1, 1)]})
    frames = {"naive": naive, "utc": naive.select(pl.col("t").dt.replace_time_zone("UTC"))}
    other = frames.pop("utc" if planned == "naive" else "naive")
    for number in range(40):
        local_store[f"f/{number:02}"] = frames[planned]
    local_store["f/01"] = other
    schema = dict(frames[planned].schema) if how == "schema" else None
    with pytest.raises(SchemaMismatchError, match="f/01"):
        local_store.scan("f/", schema=schema).collect()


def test_folders_of_booleans(local_store):
    """`true` and `false`, in any case, are booleans where they are asked for; nothing else is."""
    for value in ("true", "False", "__HIVE_DEFAULT_PARTITION__"):
        local_store[f"f/on={value}/t"] = pl.DataFrame({"x": [value]})
    scan = local_store.scan("f/", hive_schema={"on": pl.Boolean})
    assert dict(scan.collect().iter_rows()) == {"true": True, "False": False, "__HIVE_DEFAULT_PARTITION__": None}
    assert scan.filter(pl.col("on")).collect()["x"].to_list() == ["true"]
    local_store["f/on=1/t"] = pl.DataFrame({"x": ["1"]})
    with pytest.raises(SchemaMismatchError, match=r"on='1' is no Boolean"):
        local_store.scan("f/", hive_schema={"on": pl.Boolean})


def test_numbers_widen_and_absent_columns_are_null(local_store):
    """Schemas are united: the wider number, null where a file lacks the column, and the file's own column first."""
    for key, frame in {
        "f/a": pl.DataFrame({"n": pl.Series([1], dtype=pl.Int8), "f": pl.Series([1], dtype=pl.Int64)}),
        "f/b": pl.DataFrame({"n": pl.Series([2], dtype=pl.UInt16), "f": [0.5], "more": ["x"]}),
        "f/c": pl.DataFrame({"n": [None], "f": pl.Series([2.5], dtype=pl.Float32)}),
        "f/more=7/d": pl.DataFrame({"n": [2**40], "f": [3.0]}),
    }.items():
        local_store[key] = frame
    scan = local_store.scan("f/")
    assert scan.collect_schema() == {"n": pl.Int64, "f": pl.Float64, "more": pl.String}
    rows = [(1, 1.0, None), (2, 0.5, "x"), (None, 2.5, None), (2**40, 3.0, "7")]
    assert scan.collect().rows() == rows
    assert scan.filter(pl.col("n") > 1).select("f").collect()["f"].to_list() == [0.5, 3.0]
    assert scan.filter(pl.col("more").is_null()).collect().height == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Int64, pl.String), (pl.UInt64, pl.Int8), (pl.Date, pl.Datetime("us")),
        (pl.Datetime("us"), pl.Datetime("ns")),
        (pl.Boolean, pl.Int8), (pl.List(pl.Int8), pl.List(pl.Int16)), (pl.Enum(["a"]), pl.String),
    ],
)  # fmt: skip
def test_other_types_are_refused_by_name(local_store, one, other):
    """Nothing but numbers is cast: both tables, the column and its types are named."""
    local_store["f/one"] = pl.DataFrame({"k": pl.Series([], dtype=one)})
    local_store["f/two"] = pl.DataFrame({"k": pl.Series([], dtype=other)})
    with pytest.raises(SchemaMismatchError, match=r"'k'.*f/one.*f/two"):
        local_store.scan("f/")


@pytest.mark.parametrize(
    ("number", "dtype"), [(2**60 + 1, pl.Int64), (-(2**60) - 1, pl.Int64), (2**127 + 1, pl.UInt128)]
)
def test_whole_numbers_that_a_float_cannot_hold(local_store, number, dtype):
    """A whole number is a float only where it stays the same number."""
    local_store["f/a"] = pl.DataFrame({"k": [number]}, schema={"k": dtype})
    local_store["f/b"] = pl.DataFrame({"k": [0.5]})
    with pytest.raises(SchemaMismatchError, match=r"f/a.*'k'"):
        local_store.scan("f/").collect()


def test_a_table_that_the_sample_missed(local_store):
    """Of many tables a few are looked at; one that does not fit is named when it is read, never cast or cut."""
    for number in range(40):
        local_store[f"f/{number:02}"] = pl.DataFrame({"k": [number], "z": [0]})
    local_store["f/04"] = pl.DataFrame({"k": [1], "z": [0], "odd": [2]})
    local_store["f/07"] = pl.DataFrame({"k": [0.5], "z": [0]})
    with pytest.raises(SchemaMismatchError, match=r"f/04.*'odd'.*schema='all'"):
        local_store.scan("f/").collect()
    with pytest.raises(SchemaMismatchError, match=r"f/07.*'k'.*schema='all'"):
        local_store.scan("f/").select("k").collect()
    whole = local_store.scan("f/", schema="all").collect()
    assert whole.schema == {"k": pl.Float64, "z": pl.Int64, "odd": pl.Int64}
    assert whole["odd"].null_count() == 39
    given = local_store.scan("f/", schema={"k": pl.Float64, "z": pl.Int64, "odd": pl.Int64})
    assert_frame_equal(given.collect(), whole)
    with pytest.raises(SchemaMismatchError, match=r"f/00.*'z'.*schema="):
        local_store.scan("f/", schema={"k": pl.Float64}).collect()
    with pytest.raises(InvalidConfigError, match="first"):
        local_store.scan("f/", schema="first")
    for asked in ("schema", "hive_schema"):
        with pytest.raises(InvalidConfigError, match=rf"{asked} has .*int.*'k'.*pl\.Int64"):
            local_store.scan("f/", **{asked: {"k": int}})


def test_what_a_scan_refuses_is_refused_by_what_is_written_from_it(local_store):
    """A query over tables that do not fit raises the scan's own error when it is written, and the target stays."""
    for number in range(40):
        local_store[f"f/{number:02}"] = pl.DataFrame({"k": ["x" if number == 7 else "1"]})
    local_store["f/07"] = pl.DataFrame({"k": [1]})
    for target in ("out", "out.csv"):
        local_store[target] = pl.DataFrame({"old": [1]})
        with pytest.raises(SchemaMismatchError, match=r"out.*f/07.*'k'"):
            local_store[target] = local_store.scan("f/")
        assert local_store.read(target, as_type=pl.DataFrame).columns == ["old"]


def test_a_column_twice(store):
    """A whole file that Polars cannot read is named so, alone and in a folder, with the type that can read it."""
    file = io.BytesIO()
    pq.write_table(pa.table([[1], [2]], ["x", "x"]), file)
    store["f/t"] = pl.DataFrame({"x": [1]})
    with store._place.scratch_file() as scratch:
        scratch.write_bytes(file.getvalue())
        store._place.upload(scratch, "f/t.parquet")
    for key in ("f/t.parquet", "f/"):
        with pytest.raises(UnsupportedFormatError, match=r"f/t\.parquet.*as_type=pyarrow\.Table"):
            store.scan(key).collect()
    assert store.read("f/t.parquet", as_type=pa.Table).column_names == ["x", "x"]


def test_what_is_no_folder_of_tables(local_store, folder):
    """No table, several formats, a file that is none and one that is damaged are told apart, and named."""
    with pytest.raises(StorageFileNotFoundError, match="f/"):
        local_store.scan("f/")
    local_store["f/notes"] = "no table"
    with pytest.raises(StorageFileNotFoundError, match="No table"):
        local_store.scan("f/")
    days(local_store)
    (folder / "f" / "_SUCCESS").write_text("")
    (folder / "f" / "_temporary").mkdir()
    (folder / "f" / "_temporary" / "half.parquet").write_text("half")
    assert local_store.scan("f/").collect().height == 6
    local_store["f/other.csv"] = pl.DataFrame({"x": [1]})
    with pytest.raises(UnsupportedFormatError, match=r"other\.csv"):
        local_store.scan("f/")
    del local_store["f/other.csv"]
    (folder / "f" / "bad.parquet").write_bytes(b"no Parquet at all")
    with pytest.raises(CorruptDataError, match=r"f/bad\.parquet"):
        local_store.scan("f/")
    good = io.BytesIO()
    pl.DataFrame({"x": range(1000), "y": ["a"] * 1000}).write_parquet(good, compression="uncompressed")
    damaged = bytearray(good.getvalue())
    damaged[4:200] = b"\\xff" * 196
    (folder / "f" / "bad.parquet").write_bytes(damaged)
    with pytest.raises(CorruptDataError, match=r"f/bad\.parquet"):
        local_store.scan("f/").collect()


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_table_that_changes_in_between(store, change):
    """A table of a folder that was replaced or removed after planning fails the scan, and is named; others read."""
    days(store, 20)
    scan = store.scan("f/", schema={"x": pl.Int64, "y": pl.String})
    if change == "replaced":
        store["f/date=2020-01-07/data"] = pl.DataFrame({"x": [-1, -2], "y": ["b", "c"]})
    else:
        del store["f/date=2020-01-07/data"]
    with pytest.raises(PreconditionFailedError, match="2020-01-07"):
        scan.collect()
    assert scan.filter(pl.col("date") < "2020-01-07").collect().height == 12


def test_many_keys_as_one(store):
    """Keys of one's own choice are one table, each with columns that are given with it."""
    days(store)
    wanted = {"f/date=2020-01-03/data": {"n": 3}, "f/date=2020-01-01/data.parquet": {"n": 1}}
    assert store.scan(wanted).select("x", "n").collect().rows() == [(2, 3), (12, 3), (0, 1), (10, 1)]
    with pytest.raises(InvalidKeyError, match=r"Pass \{key: \{\} for key in keys\}"):
        store.scan(list(wanted))
    assert store.scan({key: {} for key in wanted}).collect().height == 4
    with pytest.raises(StorageFileNotFoundError, match="nope"):
        store.scan({**wanted, "nope": {"n": 1}})
    store["text"] = "no table"
    with pytest.raises(UnsupportedFormatError, match="text"):
        store.scan({**wanted, "text": {"n": 1}})


@pytest.mark.parametrize(
    "values",
    [[1, "a"], [1, 2.5], [{"a": 1}, {"b": 2}], [{1}, {2}], [2**200, 1], ["\ud800", "a"], [pd.Timestamp(1), None],
     [pd.Timedelta(1), None], [np.datetime64(1, "ns"), np.datetime64(2, "ns")]],
)  # fmt: skip
def test_values_that_no_column_holds(local_store, values):
    """What is given with the keys comes back as it is, or is refused by the name of its column."""
    for key in "ab":
        local_store[key] = pl.DataFrame({"x": [1]})
    with pytest.raises(InvalidConfigError, match="'city'"):
        local_store.scan({key: {"city": value} for key, value in zip("ab", values, strict=True)})
    with pytest.raises(InvalidConfigError, match="'a'"):
        local_store.scan({"a": None})


def test_who_forgets_the_slash_or_the_type_is_told(local_store):
    """The errors of a prefix without its '/' and of a read of a prefix without a type say what to write."""
    local_store["f/day=1/t"] = pl.DataFrame({"x": [1]})
    with pytest.raises(StorageFileNotFoundError, match="scanned as 'f/'"):
        local_store.scan("f")
    for ask in (local_store.read, partial(local_store.read, columns=["x"]), local_store.info, local_store.__getitem__):
        with pytest.raises(InvalidKeyError, match=r"as_type=pl\.DataFrame"):
            ask("f/")


def test_tables_on_s3_take_few_descriptors(s3_server):
    """Hundreds of tables on S3 are one frame with 64 open files more than before."""
    bucket, raw, table = s3_server.make_bucket(), s3_server.raw(), io.BytesIO()
    pl.DataFrame({"x": [1, 2]}).write_parquet(table)
    count = scaled(200, 5000)
    for number in range(count):
        raw.put_object(Bucket=bucket, Key=f"all/n={number}/t.parquet", Body=table.getvalue())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 200
    with AutoStore(f"s3://{bucket}/", s3_server.config()) as store:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 64, hard))
            assert store.scan("all/").collect().shape == (2 * count, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_five_thousand_tables_take_few_descriptors(tmp_path):
    """Thousands of small tables are one frame under 64 open files, without asking each twice."""
    table = io.BytesIO()
    pl.DataFrame({"x": [1, 2]}).write_parquet(table)
    for number in range(count := scaled(1500, 5000)):
        (tmp_path / f"n={number}").mkdir()
        (tmp_path / f"n={number}" / "t.parquet").write_bytes(table.getvalue())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 200
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 64, hard))
        found = AutoStore(tmp_path.parent).scan(f"{tmp_path.name}/", schema="all").collect()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.shape == (2 * count, 2)


ENOUGH = """
import sys
import time
import polars as pl
from autostore import AutoStore

lazy = AutoStore(sys.argv[1]).scan("f/").filter((pl.col("n") != "3") & (pl.col("x") >= 0))
for _ in range(40):
    assert lazy.head(5).collect(engine="streaming").height == 5
time.sleep(1)  # a thread of Polars that still asks for rows when the interpreter ends may abort it (docs/limits.md)
"""


def test_a_process_ends_whose_queries_wanted_few_rows(local_store):
    """Polars lets go of a query that has enough in any thread, also in the one that fetches, which waits for nobody."""
    # Mutation that this was seen to catch: closing waits for what is on its way.
    for number in range(8):
        local_store[f"f/n={number}/t"] = pl.DataFrame({"x": pl.Series(range(100_000)).hash(number)})
    run = [sys.executable, "-c", ENOUGH, local_store.uri.removeprefix("file://")]
    assert subprocess.run(run, timeout=60, check=False).returncode == 0


def test_parquet_by_another_name_is_left_out_with_a_word(tmp_path):
    """No format has `.pq`, and a scan of the folder was without its rows."""
    store = AutoStore(tmp_path)
    store["t/a"] = pl.DataFrame({"x": [1]})
    (tmp_path / "t" / "b.pq").write_bytes((tmp_path / "t" / "a.parquet").read_bytes())
    (tmp_path / "t" / "notes.log").write_bytes(b"x")
    with pytest.warns(LeftOutWarning, match=r"1 found .*'t/b.pq' \(a scan reads .parquet\)"):
        assert store.scan("t/").collect().height == 1
