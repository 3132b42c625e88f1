"""Tables: Parquet for Polars, pandas and Arrow, and CSV."""

import contextlib
import csv
import datetime as dt
import decimal
import gc
import gzip
import json
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autostore import AutoStore, StorageConfig
from autostore.errors import (
    CorruptDataError,
    MissingDependencyError,
    StorageError,
    UnknownTypeError,
    UnsupportedFormatError,
)
from autostore.handlers.tables.csv import CSVHandler
from autostore.handlers.tables.parquet import ParquetHandler
from autostore.testing import HandlerContract, same
from tests.optional import np, optional, pa, pd, pl, pq

dataframes = optional("polars.testing.parametric").dataframes
series = optional("polars.testing.parametric").series

FIXTURES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
    max_examples=50,
)
MANY = settings(FIXTURES, max_examples=200)
PARQUET, CSV = ParquetHandler(), CSVHandler()
NOON = dt.datetime(2020, 1, 1, 12)

COLUMNS = {
    "categorical": pl.Series(["a", None], dtype=pl.Categorical),
    "enum": pl.Series(["x", None], dtype=pl.Enum(["y", "x"])),
    "decimal": pl.Series([decimal.Decimal("1.10"), None], dtype=pl.Decimal(10, 2)),
    "duration": pl.Series([dt.timedelta(1), None], dtype=pl.Duration("ms")),
    "time": pl.Series([dt.time(1, 2, 3, 4), None]),
    "zoned": pl.Series([NOON, None]).dt.replace_time_zone("Europe/Berlin"),
    "ns": pl.Series([1, None], dtype=pl.Datetime("ns")),
    "ms": pl.Series([1, None], dtype=pl.Datetime("ms")),
    "date": pl.Series([NOON.date(), None]),
    "array": pl.Series([[1, 2], None], dtype=pl.Array(pl.Int8, 2)),
    "struct": pl.Series([{"a": 1, "b": None}, None]),
    "list": pl.Series([[1, None], []]),
    "deep": pl.Series([[{"a": [1.5, float("nan")]}], None]),
    "null": pl.Series([None, None]),
    "binary": pl.Series([b"\x00", None]),
    "int128": pl.Series([2**100, None], dtype=pl.Int128),
    "uint64": pl.Series([2**64 - 1, None], dtype=pl.UInt64),
    "float32": pl.Series([float("nan"), -0.0], dtype=pl.Float32),
    "text": pl.Series(["", "☃\x00\n"]),
    "bool": pl.Series([True, None]),
    "": pl.Series([1, 2]),
}


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame(columns)


def with_unit() -> Any:
    value = pd.Series([1.5], name="x")
    value.attrs["unit"] = "m"
    return value


SERIES = (
    pl.Series("y", [1, None]),
    pl.Series([1.5, float("nan")]),
    pl.Series("c", ["a", None], dtype=pl.Categorical),
    pl.Series("e", ["a"], dtype=pl.Enum(["b", "a"])),
    pl.Series("l", [[{"a": 1}], None]),
    pl.Series("n", [], dtype=pl.Null),
    pd.Series([1.0], name="x"),
    pd.Series([1, 2]),
    pd.Series([1], name=3),
    pd.Series([1], name=""),
    pd.Series([], dtype="float32"),
    pd.Series(["u", "v"], index=["a", "b"], name="s"),
    pd.Series([True], index=pd.MultiIndex.from_tuples([("x", 1)], names=["k", None])),
    pd.Series(pd.Categorical(["x", None], categories=["z", "x"], ordered=True)),
    pd.Series([1, None], dtype="Int8", name="i"),
    pd.Series([1.5, 2.5], index=pd.date_range("2020-01-31", periods=2, freq="ME", tz="Europe/Berlin"), name="price"),
    pd.Series([1.5, 2.5], index=pd.timedelta_range("1h", periods=2, freq="15min")),
    pd.Series([1.5, 2.5], index=pd.period_range("2020", periods=2, freq="Q")),
    pd.Series([1, 2], index=pd.interval_range(0, 2)),
    with_unit(),
)


def labelled_pandas() -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="id"))


def with_attrs() -> pd.DataFrame:
    value = pd.DataFrame({"a": [1]})
    value.attrs["source"] = "x"
    return value


class TestParquetHandler(HandlerContract):
    handler = PARQUET
    samples = (
        pl.DataFrame(COLUMNS),
        *(series.to_frame(name) for name, series in COLUMNS.items()),
        pl.DataFrame(),
        pl.DataFrame(height=3),
        pl.DataFrame(schema={"a": pl.Int8, "b": pl.List(pl.String)}),
        pl.DataFrame(COLUMNS).lazy(),
        frame(a=[3, 1, 2]).lazy().filter(pl.col("a") > 1).with_columns(b=pl.col("a") * 0.5),
        pl.LazyFrame({"a": []}),
        pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": [True, False]}),
        pd.DataFrame({"s": ["x", None], "t": pd.to_datetime(["2020-01-01", None]), "c": pd.Categorical(["u", "v"])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.to_timedelta([1, 2], unit="s")}),
        pd.DataFrame({"z": pd.to_datetime(["2020-01-01"]).tz_localize("Europe/Berlin")}),
        labelled_pandas(),
        pd.DataFrame({"a": [1, 2, 3]}).iloc[1:],
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", "n"])),
        with_attrs(),
        pd.DataFrame({"a": [-0.0, 0.0]}),
        pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020-01-01", periods=2, freq="D")),
        pd.DataFrame({"a": pd.to_datetime([1, 2], unit="s").as_unit("s")}),
        pd.DataFrame({"a": pd.Categorical(["x"], categories=["z", "x", "y"])}),
        pd.DataFrame({"a": pd.Series([1.5, None, float("nan")], dtype=pd.ArrowDtype(pa.float64()))}),
        *SERIES,
        pa.table({"a": [1, 2, 3]}).select([]),
        pa.table({"a": pa.array([1, None], pa.timestamp("s")), "b": pa.array([1, None], pa.timestamp("s", "UTC"))}),
        pa.table({"a": pa.array([[1], None], pa.list_(pa.timestamp("s"))), "b": pa.array([1, None], pa.time32("s"))}),
        pa.table({"a": pa.array([86_400_000, None], pa.date64())}),
        pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64(), keys_sorted=True))}),
        pa.table({"m": pa.array([[("a", 1.5)]], pa.map_(pa.string(), pa.float32()))}),
        pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int8()), ["x", "unused"])}),
        pa.table({"a": pa.array(["a", None], pa.string_view()), "u": pa.array([bytes(16), None], pa.uuid())}),
        pa.table({"a": pa.array([decimal.Decimal("1.10"), None], pa.decimal256(50, 2))}),
        pa.table({"a": [1, None], "b": ["x", ""], "l": [[1, None], None], "f": [float("nan"), -0.0]}),
        pa.table({"a": [1]}).replace_schema_metadata({"owner": "me"}),
        pa.table({"d": pa.array(["x", "y"]).dictionary_encode(), "t": pa.array([1, 2], pa.timestamp("ns", "UTC"))}),
        pa.table({"s": pa.array([{"a": 1}]), "h": pa.array([1.5], pa.float16()), "u": pa.array([1], pa.duration("s"))}),
        pa.table({"big": pa.array(["x"], pa.large_string()), "dec": pa.array([decimal.Decimal("1.10")])}),
        pa.schema([pa.field("a", pa.int8(), nullable=False, metadata={"unit": "m"})]).empty_table(),
        pd.DataFrame({"a": ["x", [1]]}),
        pd.DataFrame({"a": pd.Series([[1, 2], [3]], dtype=object)}),
        pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}),
        pd.DataFrame({"a": pd.Series([2**80], dtype=object)}),
        pd.DataFrame({1: [1], "a": [2]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [1 + 2j]}),
        pd.DataFrame({"a": pd.Series([(1, 2)], dtype=object)}),
        pd.Series([1], name=("a", 1)),
        pd.Series([1 + 2j]),
        pd.Series([1, "a"]),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])),
        pd.Index(["a", None], name="i"),
        pd.Categorical(["a", "b"], ordered=True),
        pa.array([1, None]),
        pa.chunked_array([["a"], ["b"]]),
        pa.record_batch({"a": [1]}),
        pa.schema([pa.field("a", pa.int8(), metadata={"unit": "m"})]),
        pl.Schema({"a": pl.Enum(["x"])}),
    )
    refused = (
        frame(o=pl.Series([object()], dtype=pl.Object)),
        frame(s=pl.Series([{}], dtype=pl.Struct([]))),
        pd.DataFrame({"a": [object()]}),
        pd.DataFrame({object(): [1]}),
        pd.Series([1], name=object()),
        pa.table({"x": pa.array([[], []], pa.list_(pa.int32(), 0)), "keep": [1, 2]}),
        pa.table({"a": pa.array([2**60], pa.timestamp("s"))}),
        pa.table({"a": pa.array([1], pa.date64())}),
        pa.table({"a": pa.array([1, 2]).dictionary_encode()}),
        pa.table({"a": pa.array([{}], pa.struct([]))}),
        pa.table({"a": [1]}).replace_schema_metadata({"autostore": "mine"}),
        pa.array([{}], pa.struct([])),
        pa.scalar(1),
        pl.Series([object()]),
        {"a": [1]},
    )


def metadata(file: Path) -> Any:
    return pq.read_metadata(file).metadata


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (frame(a=[1]), "polars.DataFrame"),
        (frame(a=[1]).lazy(), "polars.LazyFrame"),
        (pd.DataFrame({"a": [1]}), "pandas.DataFrame"),
        (pa.table({"a": [1]}), "pyarrow.Table"),
    ],
)
def test_the_footer_names_the_kind(tmp_path: Path, value: Any, kind: str) -> None:
    """Any tool reads the table; the mark is in the key-value metadata, and stripped when read here."""
    PARQUET.write_to_file(value, tmp_path / "f.parquet", ".parquet")
    assert json.loads(metadata(tmp_path / "f.parquet")[b"autostore"]) == {"v": 1, "type": kind}
    assert pq.read_table(tmp_path / "f.parquet").to_pydict() == {"a": [1]}
    assert pl.read_parquet(tmp_path / "f.parquet").equals(frame(a=[1]))
    table = PARQUET.read_as(tmp_path / "f.parquet", ".parquet", pa.Table)
    assert b"autostore" not in (table.schema.metadata or {})


KINDS = (pl.DataFrame, pl.LazyFrame, pd.DataFrame, pa.Table, pl.Series, pd.Series)


def row_count(table: Any) -> int:
    """A schema is a table without rows."""
    if isinstance(table, pl.Schema | pa.Schema):
        return 0
    return len(table.collect()) if type(table) is pl.LazyFrame else len(table)


@pytest.mark.parametrize("value", TestParquetHandler.samples, ids=lambda value: type(value).__name__)
def test_every_kind_reads_as_every_other(tmp_path: Path, value: Any) -> None:
    """Whichever was written, the reader chooses what it gets; where a library cannot, another is named that does."""
    PARQUET.write_to_file(value, tmp_path / "f.parquet", ".parquet")
    rows = row_count(value)
    for as_type in KINDS:
        try:
            back = PARQUET.read_as(tmp_path / "f.parquet", ".parquet", as_type)
        except UnsupportedFormatError as error:
            named = re.search(r"as_type=(\w+\.\w+)\.$", str(error))
            assert named is not None
            module, name = named[1].split(".")
            PARQUET.read_as(tmp_path / "f.parquet", ".parquet", getattr(sys.modules[module], name))
            continue
        assert type(back) is as_type
        assert rows == row_count(back)


def test_a_series_is_a_column_that_any_tool_reads(tmp_path: Path) -> None:
    """Its type is in the footer, its name is the column's, and each Series reads as the other."""
    store = AutoStore(tmp_path)
    store["p"] = pd.Series([1.5, 2.5], index=pd.date_range("2020", periods=2, freq="D", name="day"), name="price")
    assert json.loads(metadata(tmp_path / "p.parquet")[b"autostore"]) == {"v": 1, "type": "pandas.Series", "freq": "D"}
    assert pq.read_table(tmp_path / "p.parquet").column_names == ["price", "day"]
    assert store.read("p", as_type=pl.Series).equals(pl.Series("price", [1.5, 2.5]), check_names=True)
    assert store.read("p", as_type=pl.DataFrame).columns == ["price", "day"]
    store["q"] = pl.Series("y", [1, 2])
    assert json.loads(metadata(tmp_path / "q.parquet")[b"autostore"]) == {"v": 1, "type": "polars.Series"}
    assert same(store.read("q", as_type=pd.Series), pd.Series([1, 2], name="y"))
    store["unnamed"] = pd.Series(["a"])
    assert store.read("unnamed", as_type=pl.Series).name == ""
    assert store.read("unnamed", as_type=pl.DataFrame).columns == ["values"]
    store["wide"] = frame(a=[1], b=[2])
    for as_type in (pl.Series, pd.Series):
        with pytest.raises(UnsupportedFormatError, match="the table has 2"):
            store.read("wide", as_type=as_type)


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "stream"])
def test_numbers_that_hardly_repeat_take_no_more_room_than_they_have(tmp_path: Path, kind: str) -> None:
    """A dictionary of each group's values made the file of a frame of floats a fifth larger than the frame."""
    frame = pd.DataFrame(np.random.default_rng(0).random((300_000, 2)), columns=["a", "b"])
    table = pa.Table.from_pandas(frame)
    store = AutoStore(tmp_path)
    store["k"] = {"pandas": frame, "pyarrow": table, "stream": (part for part in [frame])}[kind]
    assert store.get_size("k") < table.nbytes


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "stream"])
def test_what_repeats_is_written_once_in_a_group(tmp_path: Path, kind: str) -> None:
    """Names and numbers of some thousand things took up to five times the room where only a few were numbered."""
    rng = np.random.default_rng(0)
    names = np.array([rng.bytes(16).hex() for _ in range(5000)])[rng.integers(0, 5000, 300_000)]
    numbers = rng.integers(0, 2**62, 20_000)[rng.integers(0, 20_000, 300_000)]
    frame = pd.DataFrame({"name": names, "number": numbers})
    table = pa.Table.from_pandas(frame)
    store = AutoStore(tmp_path)
    store["k"] = {"pandas": frame, "pyarrow": table, "stream": (part for part in [frame])}[kind]
    assert store.get_size("k") < table.nbytes / 7
    assert store["k"].equals(table if kind == "pyarrow" else frame)


def test_no_row_without_a_column_is_lost(tmp_path: Path) -> None:
    """Whichever library wrote it, and whichever reads."""
    store = AutoStore(tmp_path)
    for value in (pl.DataFrame(height=5), pl.LazyFrame(height=5), pa.table({"a": range(5)}).select([])):
        store["t"] = value
        assert (tmp_path / "t.parquet").exists()
        assert same(store["t"], value)
        for as_type in (pl.DataFrame, pd.DataFrame, pa.Table):
            assert store.read("t", as_type=as_type).shape == (5, 0)
        assert store.read("t", as_type=pl.LazyFrame).select(pl.len()).collect().item() == 5
    store["d"] = pd.DataFrame(index=range(5))
    assert same(store["d"], pd.DataFrame(index=range(5)))


def test_what_one_library_cannot_read_another_does(tmp_path: Path) -> None:
    """A whole file is never called invalid, and a damaged one never whole."""
    store = AutoStore(tmp_path)
    value = pa.table({"a": pa.array([decimal.Decimal("1.1")] * 1000, pa.decimal256(50, 2))})
    pq.write_table(value, tmp_path / "w.parquet")
    for as_type in (None, pl.LazyFrame):
        with pytest.raises(UnsupportedFormatError, match=r"whole.*as_type=pyarrow\.Table"):
            store.read("w", as_type=as_type)
    assert store.read("w", as_type=pa.Table).equals(value)
    store["i"] = frame(a=[2**100])
    with pytest.raises(UnsupportedFormatError, match=r"whole.*as_type=polars\.DataFrame"):
        store.read("i", as_type=pd.DataFrame)
    content = bytearray((tmp_path / "w.parquet").read_bytes())
    content[4:40] = bytes(36)
    (tmp_path / "w.parquet").write_bytes(content)
    with pytest.raises(CorruptDataError):
        store["w"]


def test_a_frequency_that_this_pandas_does_not_know(tmp_path: Path) -> None:
    """The message says how the file is read all the same."""
    table = pa.Table.from_pandas(pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2)))
    mark = '{"v": 1, "type": "pandas.DataFrame", "freq": "fortnight"}'
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "autostore": mark}), tmp_path / "f.parquet")
    with pytest.raises(UnsupportedFormatError, match=r"fortnight.*pyarrow\.Table"):
        AutoStore(tmp_path)["f"]
    assert AutoStore(tmp_path).read("f", as_type=pa.Table).num_rows == 2


def test_a_foreign_file_is_a_polars_frame(tmp_path: Path) -> None:
    """Without the mark, whoever wrote it."""
    pq.write_table(pa.table({"a": [1]}), tmp_path / "f.parquet")
    assert same(PARQUET.read_from_file(tmp_path / "f.parquet", ".parquet"), frame(a=[1]))


def test_the_folder_adds_no_columns(tmp_path: Path) -> None:
    """A path that looks like a Hive partition is a path."""
    file = tmp_path / "date=2013-01-01" / "data.parquet"
    file.parent.mkdir()
    for value in (frame(a=[1]), frame(a=[1]).lazy(), pd.DataFrame({"a": [1]}), pa.table({"a": [1]})):
        PARQUET.write_to_file(value, file, ".parquet")
        assert same(PARQUET.read_from_file(file, ".parquet"), value)


@pytest.mark.parametrize("mark", ['{"v": 3, "type": "polars.DataFrame"}', '{"v": 1, "type": "os.system"}'])
def test_an_unknown_mark_is_an_error(tmp_path: Path, mark: str) -> None:
    """It comes from a later version, so the message says to upgrade."""
    frame(a=[1]).write_parquet(tmp_path / "f.parquet", metadata={"autostore": mark})
    with pytest.raises(CorruptDataError, match="Upgrade"):
        PARQUET.read_from_file(tmp_path / "f.parquet", ".parquet")


def test_a_query_is_streamed_and_not_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing a LazyFrame calls no collect, whatever its size."""

    def collect(*_: Any, **__: Any) -> None:
        raise AssertionError("the frame was collected")

    value = frame(a=[1, 2]).lazy().select(b=pl.col("a").sum())
    with monkeypatch.context() as patch:
        patch.setattr(pl.LazyFrame, "collect", collect)
        PARQUET.write_to_file(value, tmp_path / "f.parquet", ".parquet")
        CSV.write_to_file(value, tmp_path / "f.csv", ".csv")
    assert pl.read_parquet(tmp_path / "f.parquet").to_dict(as_series=False) == {"b": [3]}
    assert (tmp_path / "f.csv").read_text() == '"b"\n3\n'


def fails(_: Any) -> Any:
    raise RuntimeError("my own bug")


@pytest.mark.parametrize(
    "query",
    [
        frame(a=[1]).lazy().select("missing"),
        frame(a=["x"]).lazy().select(pl.col("a").cast(pl.Int64)),
        frame(a=[1]).lazy().map_batches(fails),
        pl.scan_parquet("/no/such/file.parquet"),
        frame(o=pl.Series([object()], dtype=pl.Object)).lazy(),
        frame(s=pl.Series([{}], dtype=pl.Struct([]))).lazy(),
    ],
    ids=["column", "cast", "code", "file", "object", "struct"],
)
def test_a_failing_query_is_its_authors_error(tmp_path: Path, query: Any, request: pytest.FixtureRequest) -> None:
    """Never a refusal, which would send a LazyFrame on to pickle."""
    for handler, name in ((PARQUET, "f.parquet"), (CSV, "f.csv")):
        if handler is CSV and request.node.callspec.id in ("object", "struct"):
            continue  # CSV is only ever named, and refuses by the schema
        own = request.node.callspec.id == "code"  # an exception of the user's own leaves as it is
        with pytest.raises(RuntimeError if own else StorageError, match="my own bug" if own else "LazyFrame") as caught:
            handler.write_to_file(query, tmp_path / name, Path(name).suffix)
        assert not isinstance(caught.value, UnsupportedFormatError)


def test_a_lazy_frame_outlives_its_file(tmp_path: Path) -> None:
    """It scans an open descriptor: replaced, removed, joined with itself, used by threads, written again."""
    file = tmp_path / "f.parquet"
    value = frame(a=range(100_000), b=[str(n % 7) for n in range(100_000)])
    PARQUET.write_to_file(value.lazy(), file, ".parquet")
    lazy = PARQUET.read_from_file(file, ".parquet")
    frame(a=[-1]).write_parquet(tmp_path / "other")
    os.replace(tmp_path / "other", file)
    assert same(lazy.collect(), value)
    file.unlink()
    assert lazy.join(lazy, on="a").select(pl.len()).collect().item() == 100_000
    assert lazy.filter(pl.col("a") == 7).collect(engine="streaming").rows() == [(7, "0")]
    results: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(lazy.filter(pl.col("a") % 8 == n).select(pl.len()).collect().item())
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [12_500] * 8
    PARQUET.write_to_file(lazy, file, ".parquet")
    assert same(PARQUET.read_as(file, ".parquet", pl.DataFrame), value)


def test_a_lazy_frame_holds_one_descriptor_and_gives_it_back(tmp_path: Path) -> None:
    """One for the frame and all that is derived from it; none once they are gone."""
    file = tmp_path / "f.parquet"
    for handler, extension in ((PARQUET, ".parquet"), (CSV, ".csv")):
        handler.write_to_file(frame(a=[1]), file, extension)
        handler.read_as(file, extension, pl.LazyFrame).collect()
        gc.collect()
        before = len(os.listdir("/dev/fd"))
        frames = [handler.read_as(file, extension, pl.LazyFrame) for _ in range(10)]
        derived = [lazy.select(pl.col("a") + 1) for lazy in frames]
        assert len(os.listdir("/dev/fd")) <= before + 10
        del frames
        assert derived[0].collect().rows() == [(2,)]
        del derived
        gc.collect()
        assert len(os.listdir("/dev/fd")) == before


def test_a_lazy_frame_does_not_pickle(tmp_path: Path) -> None:
    """A descriptor belongs to this process; the error says so at once, not in the other process."""
    PARQUET.write_to_file(frame(a=[1]).lazy(), tmp_path / "f.parquet", ".parquet")
    with pytest.raises(Exception, match=r"."):
        pickle.dumps(PARQUET.read_from_file(tmp_path / "f.parquet", ".parquet"))


def blocked(tmp_path: Path, missing: tuple[str, ...], code: str) -> str:
    """Run code in a process where some libraries are not installed."""
    script = (
        f"import sys\nfor name in {missing!r}: sys.modules[name] = None\nfolder = {str(tmp_path)!r}\n"
        + textwrap.dedent(
            """
        from pathlib import Path
        from autostore.errors import MissingDependencyError
        from autostore.handlers.tables.parquet import ParquetHandler
        handler = ParquetHandler()
        def read(name, as_type=None):
            file = Path(folder) / name
            back = handler.read_as(file, ".parquet", as_type) if as_type else handler.read_from_file(file, ".parquet")
            return f"{type(back).__module__.partition('.')[0]}.{type(back).__name__}"
        """
        )
    )
    root = str(Path(__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-c", script + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("store['k']", "shape: (2, 21)"),
        ("store.info('k')", "type      polars.DataFrame"),
        ("store.read('k', as_type=pyarrow.Table)", "The file is whole, but pyarrow cannot read it"),
    ],
)
def test_whose_type_only_the_other_library_knows(tmp_path: Path, act: str, said: str) -> None:
    """A process that has met pyarrow alone reads every column of Polars, and calls no whole file damaged."""
    AutoStore(tmp_path)["k"] = pl.DataFrame(COLUMNS)
    code = f"""
        import sys, pyarrow
        from autostore import AutoStore, StorageError
        store = AutoStore({str(tmp_path)!r})
        assert "polars" not in sys.modules
        try:
            print({act})
        except StorageError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert said in done.stdout


def test_one_library_is_enough(tmp_path: Path) -> None:
    """Polars reads and writes without the others, and they without Polars; what is missing is named."""
    values = {"p": frame(a=[1]), "l": frame(a=[1]).lazy(), "d": pd.DataFrame({"a": [1]}), "t": pa.table({"a": [1]})}
    for name, value in values.items():
        PARQUET.write_to_file(value, tmp_path / name, ".parquet")
    only_polars = """
        import polars
        print(read("p"), read("l"), read("d", polars.DataFrame), read("t", polars.LazyFrame))
        handler.write_to_file(polars.DataFrame({"a": [1]}), Path(folder) / "new", ".parquet")
        for name in "dt":
            try:
                read(name)
            except MissingDependencyError as error:
                assert "'dagster-autostore[" in str(error), error
            else:
                raise AssertionError(name)
    """
    output = blocked(tmp_path, ("pyarrow", "pandas"), only_polars)
    assert output == "polars.DataFrame polars.LazyFrame polars.DataFrame polars.LazyFrame"
    only_arrow = """
        import pyarrow, pandas
        print(read("d"), read("t"), read("p", pandas.DataFrame), read("l", pyarrow.Table))
        handler.write_to_file(pandas.DataFrame({"a": ["x"]}), Path(folder) / "new", ".parquet")
        handler.write_to_file(pyarrow.table({"a": ["x"]}), Path(folder) / "new", ".parquet")
        try:
            read("p")
        except MissingDependencyError as error:
            assert "dagster-autostore[polars]" in str(error), error
        else:
            raise AssertionError("p")
    """
    output = blocked(tmp_path, ("polars",), only_arrow)
    assert output == "pandas.DataFrame pyarrow.Table pandas.DataFrame pyarrow.Table"
    assert issubclass(MissingDependencyError, ImportError)


@FIXTURES
@given(value=dataframes(max_cols=4, max_size=6))
def test_every_polars_frame_comes_back_exactly_or_is_refused(tmp_path: Path, value: pl.DataFrame) -> None:
    """Of whatever dtypes, eager and lazy."""
    file = tmp_path / "f.parquet"
    try:
        PARQUET.write_to_file(value, file, ".parquet")
    except UnsupportedFormatError:
        return
    assert same(PARQUET.read_from_file(file, ".parquet"), value)
    PARQUET.write_to_file(value.lazy(), file, ".parquet")
    assert same(PARQUET.read_from_file(file, ".parquet"), value.lazy())


@FIXTURES
@given(value=series(max_size=6, name=st.text(max_size=3)))
def test_every_polars_series_comes_back_exactly_or_is_refused(tmp_path: Path, value: pl.Series) -> None:
    """Of whatever dtype and name."""
    try:
        PARQUET.write_to_file(value, tmp_path / "f", ".parquet")
    except UnsupportedFormatError:
        return
    assert same(PARQUET.read_from_file(tmp_path / "f", ".parquet"), value)


UNITS = ("s", "ms", "us", "ns")
leaf_types = st.sampled_from(
    [
        *(pa.timestamp(unit, zone) for unit in UNITS for zone in (None, "UTC", "Asia/Kathmandu", "+02:00")),
        *(pa.duration(unit) for unit in UNITS),
        *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.date32(), pa.date64(), pa.null()),
        *(pa.int8(), pa.uint64(), pa.bool_(), pa.float16(), pa.float32(), pa.float64(), pa.binary(3), pa.binary()),
        *(pa.string(), pa.large_string(), pa.string_view(), pa.large_binary(), pa.binary_view()),
        *(pa.decimal32(5, 2), pa.decimal64(9, 0), pa.decimal128(38, 10), pa.decimal256(50, -2)),
        *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.int64(), ordered=True)),
        *(pa.month_day_nano_interval(), pa.run_end_encoded(pa.int32(), pa.string())),
        *(pa.uuid(), pa.json_(), pa.bool8(), pa.fixed_shape_tensor(pa.int8(), [2])),
    ]
)
arrow_types = st.recursive(
    leaf_types,
    lambda inner: (
        st.builds(pa.list_, inner)
        | st.builds(pa.large_list, inner)
        | st.builds(pa.list_view, inner)
        | st.builds(pa.list_, inner, st.integers(0, 2))
        | st.builds(lambda kind: pa.struct([pa.field("a", kind, nullable=pa.types.is_null(kind)), ("b", kind)]), inner)
        | st.builds(pa.map_, leaf_types.filter(lambda kind: not pa.types.is_null(kind)), inner, st.booleans())
        | st.just(pa.struct([]))
    ),
    max_leaves=3,
)


@MANY
@given(kinds=st.lists(arrow_types, max_size=3), filled=st.integers(0, 3), data=st.data())
def test_every_arrow_table_comes_back_exactly_or_is_refused(tmp_path: Path, kinds: Any, filled: int, data: Any) -> None:
    """Of whatever types, nested ones too, and with the values that pyarrow can make of zeroed memory."""
    try:
        arrays = [pa.concat_arrays([pa.nulls(1, kind), zeros(kind, filled)]) for kind in kinds]
        value = pa.table(arrays, names=[f"c{n % 2}" for n in range(len(kinds))])
    except (pa.ArrowException, ValueError, TypeError, NotImplementedError):
        return
    value = value.replace_schema_metadata({"k": "v"}) if data.draw(st.booleans()) else value
    try:
        PARQUET.write_to_file(value, tmp_path / "f", ".parquet")
    except UnsupportedFormatError:
        return
    assert same(PARQUET.read_from_file(tmp_path / "f", ".parquet"), value)


def zeros(kind: Any, length: int) -> Any:
    """An array of this type that has values."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, zeros(kind.storage_type, length))
    if pa.types.is_dictionary(kind):
        words = pa.concat_arrays([zeros(kind.value_type, 1), pa.array([7, None], pa.int8()).cast(kind.value_type)])
        return pa.DictionaryArray.from_arrays(pa.array([0] * length, kind.index_type), words, ordered=kind.ordered)
    value: Any = zeros_of(kind)
    return pa.array([value] * length, kind)


def zeros_of(kind: Any) -> Any:
    types = pa.types
    if types.is_struct(kind):
        return {field.name: zeros_of(field.type) for field in kind}
    if types.is_map(kind):
        return [(zeros_of(kind.key_type), zeros_of(kind.item_type))]
    if types.is_fixed_size_list(kind):
        return [zeros_of(kind.value_type)] * kind.list_size
    if types.is_nested(kind) and not types.is_union(kind) and hasattr(kind, "value_type"):
        return [zeros_of(kind.value_type), None]
    if types.is_fixed_size_binary(kind):
        return bytes(kind.byte_width)
    if types.is_decimal(kind):
        return decimal.Decimal(100)
    if "string" in str(kind) or "binary" in str(kind):
        return "0" if "string" in str(kind) else b"0"
    if types.is_interval(kind):
        return (0, 1, 2)
    return 86_400_000 if types.is_date64(kind) or types.is_timestamp(kind) else 0


PANDAS_DTYPES = (
    *("int8", "uint64", "float16", "float32", "bool", "complex64", "object", "str", "string", "Int8", "UInt64"),
    *("Float32", "Float64", "boolean", "category", "datetime64[s]", "datetime64[ns]", "datetime64[us, Asia/Kathmandu]"),
    *("timedelta64[s]", "timedelta64[ns]", "period[M]", "interval[int64]", "Sparse[int64]", ">i4", "longdouble"),
    *("int64[pyarrow]", "double[pyarrow]", "string[pyarrow]", "timestamp[s][pyarrow]", "date64[pyarrow]"),
    *("bool[pyarrow]", "decimal128(10, 2)[pyarrow]", "duration[ms][pyarrow]", "binary[pyarrow]", "string[python]"),
    pd.CategoricalDtype([3, 1, 2], ordered=True),
    pd.CategoricalDtype(["1", "0", "x"]),
    pd.ArrowDtype(pa.list_(pa.int64())),
    pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string())),
)
labels = st.text(max_size=2) | st.integers(0, 3) | st.none() | st.tuples(st.just("a"), st.integers(0, 1))
indexes = st.sampled_from(
    [
        pd.RangeIndex(3),
        pd.RangeIndex(4, 10, 2, name="r"),
        pd.Index([2, 0, 1]),
        pd.Index(["x", "x", None], name="x"),
        pd.date_range("2020-01-31", periods=3, freq="ME"),
        pd.date_range("2020", periods=3, freq="2h", tz="Europe/Berlin", unit="s"),
        pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03"]),
        pd.timedelta_range("1D", periods=3),
        pd.period_range("2020", periods=3, freq="M"),
        pd.interval_range(0, 3),
        pd.CategoricalIndex(["b", "a", "b"], categories=["b", "c", "a"]),
        pd.MultiIndex.from_product([["x"], [1, 2, 3]], names=[None, "n"]),
        pd.MultiIndex.from_arrays([pd.to_datetime([1, 2, 3], unit="D"), ["a", None, "c"]]),
        pd.Index([1.5, float("nan"), 0.0]),
        pd.Index([True, False, True]),
    ]
)


@MANY
@given(
    columns=st.lists(
        st.tuples(
            labels,
            st.sampled_from(PANDAS_DTYPES),
            st.lists(st.none() | st.sampled_from([0, 1, 2]), min_size=3, max_size=3),
        ),
        max_size=3,
    ),
    index=indexes,
    attrs=st.sampled_from([{}, {"unit": "m"}, {"n": [1, None]}, {"t": (1,)}, {1: 2}, {"o": object}]),
    duplicates=st.booleans(),
    column_name=st.sampled_from([None, "c", 1]),
)
def test_every_pandas_dtype_and_label_comes_back_exactly_or_is_refused(
    tmp_path: Path, columns: Any, index: Any, attrs: Any, duplicates: bool, column_name: Any
) -> None:
    """Frames and their columns: nullable, sparse and Arrow's dtypes, indexes, names, attributes and flags."""
    made = {}
    for label, dtype, values in columns:
        with contextlib.suppress(ValueError, TypeError, NotImplementedError, pa.ArrowException):
            made[label] = pd.Series(pd.array(values, dtype=dtype), index=index)
    value = pd.DataFrame(made, index=index)
    value.columns.name = column_name
    value.attrs.update(attrs)
    if not duplicates and index.is_unique and value.columns.is_unique:
        value = value.set_flags(allows_duplicate_labels=False)
    for each in (value, *(value.iloc[:, n] for n in range(value.shape[1]))):
        try:
            PARQUET.write_to_file(each, tmp_path / "f", ".parquet")
        except UnsupportedFormatError:
            continue
        assert same(PARQUET.read_from_file(tmp_path / "f", ".parquet"), each)


cells = st.one_of(
    *(
        st.lists(kind, min_size=3, max_size=3)
        for kind in (
            st.integers(-(2**63), 2**63 - 1),
            st.floats(),
            st.booleans(),
            st.text(),
            st.none() | st.text(),
            st.datetimes(),
            st.none() | st.integers(),
            st.binary(),
            st.lists(st.integers()),
            st.floats() | st.text(),
            st.dates(),
        )
    )
)


@FIXTURES
@given(
    columns=st.dictionaries(st.text(max_size=3) | st.integers(0, 3), cells, max_size=4),
    index=cells,
    named=st.booleans(),
)
def test_every_pandas_frame_comes_back_exactly_or_is_refused(
    tmp_path: Path, columns: Any, index: Any, named: bool
) -> None:
    """Whatever pandas makes of the values, its cells are the same or it was never written."""
    try:
        value = pd.DataFrame(columns, index=index if named else None)
    except (ValueError, OverflowError, TypeError):
        return
    try:
        PARQUET.write_to_file(value, tmp_path / "f.parquet", ".parquet")
    except UnsupportedFormatError:
        return
    back = PARQUET.read_from_file(tmp_path / "f.parquet", ".parquet")
    pd.testing.assert_frame_equal(back, value, check_exact=True)
    assert same(back, value)


FLAT = (
    frame(a=[1, None], b=["x", ""], c=[None, "007"], d=[0.5, -0.0]),
    frame(a=[1, 2]),
    frame(s=["a,b", 'q"q', "line\nbreak", " spaces ", "☃", "null", "NaN", "true", "1e5"]),
    frame(**{"with, comma": [1], "a b": ["x"], "": ["y"], "^.*$": [1]}),
    frame(when=[NOON, None], day=[NOON.date(), None], at=[dt.time(1, 2, 3), None]),
    frame(f=[1e300, 5e-324, 0.1]),
    frame(b=[True, False, None]),
    frame(zip=["007", "123"], phone=["+49", "1"], gap=["", "1"], big=[str(10**50), "1"], d=["", "2020-01-01"]),
    frame(d=["01/02/2020", "03/04/2021"], e=["2020-01-01", "01/02/2020"], n=["2020-01-01T00:00:00.123456789", None]),
    frame(i=[2**63 - 1, -(2**63)], neg=["-007", "-1"]),
)


class TestCSVHandler(HandlerContract):
    handler = CSV
    samples = FLAT
    refused = (
        frame(l=[[1]]),
        frame(s=[{"a": 1}]),
        frame(b=[b"x"]),
        pl.DataFrame(),
        frame(**{'q"': ["x"]}),
        pd.DataFrame({"a": [1]}, index=["x"]),
        pd.DataFrame({1: [1]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [1, "x", [2]]}),
        pa.table({"l": [[1]]}),
        frame(l=[[1]]).lazy(),
        {"a": [1]},
    )
    reads_anything = True


@pytest.mark.parametrize("value", FLAT, ids=lambda value: ",".join(map(str, value.columns)))
def test_csv_reads_back_in_every_kind(tmp_path: Path, value: pl.DataFrame) -> None:
    """And is written from every kind."""
    file = tmp_path / "f.csv"
    for written in (value, value.lazy(), value.to_arrow(), value.to_pandas()):
        if type(written) is pd.DataFrame and value.null_count().sum_horizontal().item():
            continue  # pandas itself has no null in integers
        CSV.write_to_file(written, file, ".csv")
        assert CSV.read_from_file(file, ".csv").equals(value)
    assert CSV.read_as(file, ".csv", pl.LazyFrame).collect().equals(value)
    assert CSV.read_as(file, ".csv", pa.Table).num_rows == len(value)
    assert len(CSV.read_as(file, ".csv", pd.DataFrame)) == len(value)


def test_csv_is_what_any_tool_reads(tmp_path: Path) -> None:
    """UTF-8, a header, text in quotes, nothing for null."""
    CSV.write_to_file(frame(a=[1, None], s=["007", ""]), tmp_path / "f.csv", ".csv")
    assert (tmp_path / "f.csv").read_bytes() == b'"a","s"\n1,"007"\n,""\n'


def test_csv_infers_from_the_whole_file(tmp_path: Path) -> None:
    """A column that looks like numbers for a thousand rows may still be text."""
    (tmp_path / "f.csv").write_text("a\n" + "1\n" * 2000 + "x\n")
    assert CSV.read_from_file(tmp_path / "f.csv", ".csv")["a"][-1] == "x"


@FIXTURES
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.text() | st.text("01+-.e", max_size=4),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
        ),
        min_size=1,
    )
)
def test_csv_keeps_every_value(tmp_path: Path, rows: Any) -> None:
    """Text, numbers and nulls, in every row; text may come back as the number that it spells, never as another."""
    value = pl.DataFrame(rows, schema={"s": pl.String, "i": pl.Int64, "f": pl.Float64}, orient="row")
    CSV.write_to_file(value, tmp_path / "f.csv", ".csv")
    back = CSV.read_from_file(tmp_path / "f.csv", ".csv")
    assert back.select("i", "f").cast({"i": pl.Int64, "f": pl.Float64}).rows() == value.select("i", "f").rows()
    assert all(map(is_inferred, value["s"], back["s"]))


def is_inferred(text: str | None, read: Any) -> bool:
    """Whether this is the text, or what CSV may take it for: a number that loses nothing, a bool or a date."""
    if str(text) == str(read):
        return True
    if isinstance(read, int | float) and not isinstance(read, bool):
        same_number = text is not None and (float(text) == read or read != read)
        return same_number and not text.startswith(("+", "00", "01", "-00", "-01"))
    return isinstance(read, bool) and str(text).lower() == str(read).lower()


@pytest.mark.parametrize(
    "texts",
    [["10:00", "11:30:05"], ["23:59:60", None], ["NaN", "\uff11"], ["1e400"], ["-1e400", "2.5"], ["1e-400"],
     ["0.5", "2e-999"], ["2016-12-31T23:59:60"], ["2020-01-01T10:00:00+02:00", "2020-01-01 10:00:00 +02:00"]],
)  # fmt: skip
def test_csv_of_texts_that_are_almost_of_a_type(tmp_path: Path, texts: Any) -> None:
    """Texts that a type would change, or that Polars takes for one and then cannot read, stay texts."""
    # Seen before: "not a valid .csv file" of what had just been written, inf, 0.0, and the next year's first second.
    CSV.write_to_file(pl.DataFrame({"s": texts, "n": range(len(texts))}), tmp_path / "f.csv", ".csv")
    assert CSV.read_from_file(tmp_path / "f.csv", ".csv")["s"].to_list() == texts
    assert CSV.read_as(tmp_path / "f.csv", ".csv", pl.LazyFrame).collect()["s"].to_list() == texts


@pytest.mark.parametrize("made", [lambda frame: frame, lambda frame: frame.lazy()], ids=["frame", "query"])
def test_csv_has_no_seconds_in_offsets(tmp_path: Path, made: Any) -> None:
    """Local mean time, as before about 1900, is refused: its seconds would be cut, and be another moment."""
    times = pl.Series("t", [dt.datetime(1880, 1, 1), None]).dt.replace_time_zone("Europe/Berlin")
    with pytest.raises(StorageError, match="no seconds in offsets"):
        CSV.write_to_file(made(times.to_frame()), tmp_path / "f.csv", ".csv")
    later = times.dt.offset_by("100y").to_frame()
    CSV.write_to_file(made(later), tmp_path / "f.csv", ".csv")
    assert CSV.read_from_file(tmp_path / "f.csv", ".csv")["t"][0] == later["t"][0]


@FIXTURES
@given(values=st.lists(st.none() | st.text(), min_size=1))
def test_csv_of_one_column_keeps_its_rows_or_is_refused(tmp_path: Path, values: Any) -> None:
    """Where a null would be an empty line."""
    value = pl.DataFrame({"s": pl.Series(values, dtype=pl.String)})
    try:
        CSV.write_to_file(value, tmp_path / "f.csv", ".csv")
    except UnsupportedFormatError:
        return
    back = CSV.read_from_file(tmp_path / "f.csv", ".csv")
    assert len(back) == len(values)
    assert all(map(is_inferred, values, back["s"]))


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"a;b\n1;2\n", ["a", "b"]),
        (b"a\tb\r\n1\t2\r\n", ["a", "b"]),
        (b"a|b\n1|2\n", ["a", "b"]),
        (b'"a;x"|b\n1|"2"\n', ["a;x", "b"]),
        (b'"a";"b"\n1;"x,y"\n', ["a", "b"]),
        (b"\n\na;b\n1;2\n", ["a", "b"]),
        ("a,b\n1,2\n".encode("utf-8-sig"), ["a", "b"]),
        ("a;b\n1;2\n".encode("utf-8-sig"), ["a", "b"]),
        (b"pay | month\n1\n2\n", ["pay | month"]),
        (b"a;x,b\n1,2\n", ["a;x", "b"]),
        (b"text\na;b\n", ["text"]),
    ],
)
def test_csv_of_other_programs_is_read_by_its_delimiter(tmp_path: Path, content: bytes, columns: list[str]) -> None:
    """Where header and rows agree on one; eager, lazy, and without the byte order mark."""
    (tmp_path / "e.csv").write_bytes(content)
    store = AutoStore(tmp_path)
    assert store["e"].columns == columns
    assert store["e"].row(0)[0] in (1, "a;b")
    assert store.read("e", as_type=pl.LazyFrame).collect().equals(store["e"])


def test_packed_csv_is_judged_by_what_is_in_it(tmp_path: Path) -> None:
    """Polars unpacks it unasked, also where text only begins like a packed file."""
    store = AutoStore(tmp_path)
    for content in (gzip.compress(b"a;b\n1;2\n"), zlib.compress(b"a,b\n1,2\n")):
        (tmp_path / "p.csv").write_bytes(content)
        assert store["p"].rows() == [(1, 2)]
    for content in (gzip.compress("é,b\n1,2\n".encode("latin-1")), b"x^2,b\n1,2\n", b"x^,b\n1,2\n"):
        (tmp_path / "p.csv").write_bytes(content)
        with pytest.raises(CorruptDataError, match=r"not UTF-8|first name in quotes"):
            store["p"]
    store["q.csv"] = pl.DataFrame({"x^2": [1]})
    assert store["q"].columns == ["x^2"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prénom,n\nAda,1\n".encode("latin-1"), "not UTF-8, from byte 2"),
        (b"a\n" + b"x\n" * 2_000_000 + "é\n".encode("cp1252"), "not UTF-8, from byte 4000002"),
        ("name,n\nA,1\n".encode("utf-16"), "UTF-16"),
        ("name,n\nA,1\n".encode("utf-16-le"), "UTF-16"),
        (b"sep=;\na;b\n1;2\n", "a semicolon"),
        (b"a;x,b\n1;2,3\n", "a comma or a semicolon"),
        (b"price;of,x\n1;1,5\n", "a comma or a semicolon"),
        (b"a|b\n1|2\n1\n", "a bar"),
        (b"a,b\r1,2\r", "carriage return"),
    ],
)
def test_csv_that_would_be_misread_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """The encoding or the delimiter is named; nothing is guessed, and nobody is told to delete the file."""
    (tmp_path / "e.csv").write_bytes(content)
    for as_type in (None, pl.LazyFrame, pd.DataFrame, pa.Table):
        with pytest.raises((CorruptDataError, UnsupportedFormatError), match=says) as caught:
            AutoStore(tmp_path).read("e", as_type=as_type)
        assert "delete" not in str(caught.value)


@FIXTURES
@given(
    rows=st.lists(st.tuples(*[st.text("ab;,|\t\"' é\n", max_size=5)] * 3), min_size=1, max_size=5),
    mark=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"]),
)
def test_csv_of_any_program_is_read_right_or_refused(tmp_path: Path, rows: Any, mark: str, encoding: str) -> None:
    """Written by the standard library, in any dialect and encoding: never something else in silence."""
    with open(tmp_path / "f.csv", "w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=mark).writerows([("a", "b", "ç"), *rows])
    try:
        back = CSV.read_from_file(tmp_path / "f.csv", ".csv")
    except (CorruptDataError, UnsupportedFormatError):
        return
    assert back.columns == ["a", "b", "ç"]
    assert [tuple(value or "" for value in row) for row in back.rows()] == rows


PERIODS, SPANS = pd.period_range("2024-01", periods=2, freq="M"), pd.interval_range(0, 2)
LABELLED = {
    "period index": pd.Series([1, 2], index=PERIODS),
    "interval index": pd.DataFrame({"a": [1, 2]}, index=SPANS),
    "both": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_arrays([PERIODS, SPANS])),
    "columns": pd.DataFrame([[1, 2]], columns=PERIODS),
    "cells": pd.DataFrame({"p": PERIODS, "s": SPANS}),
    "arrow": pa.Table.from_pandas(pd.DataFrame({"p": PERIODS, "s": SPANS})),
}


def test_periods_and_intervals_come_back_where_nothing_was_converted_before(tmp_path: Path) -> None:
    """Pandas registers its Arrow types as it converts first: a process that never did reads them all the same."""
    for name, value in LABELLED.items():
        PARQUET.write_to_file(value, tmp_path / name, ".parquet")
    code = """
        import pandas, pickle
        for file in sorted(Path(folder).iterdir()):
            value = handler.read_from_file(file, ".parquet")
            if not isinstance(value, (pandas.DataFrame, pandas.Series)):
                value = str(value.schema)
            print(pickle.dumps((file.name, value)).hex())
    """
    lines = blocked(tmp_path, (), code).splitlines()
    read = dict(pickle.loads(bytes.fromhex(line)) for line in lines if " " not in line)
    assert read.pop("arrow") == str(LABELLED["arrow"].schema)
    assert len(read) == len(LABELLED) - 1
    assert all(same(value, LABELLED[name]) for name, value in read.items())


def test_an_extension_type_that_nobody_registered_is_named(tmp_path: Path) -> None:
    """A column of a type that another library adds to Arrow does not come back as a column of numbers."""
    code = """
        import sys, pyarrow as pa

        class Own(pa.ExtensionType):
            def __init__(self): super().__init__(pa.int64(), "tests.own")
            def __arrow_ext_serialize__(self): return b""
            @classmethod
            def __arrow_ext_deserialize__(cls, storage, stored): return cls()

        pa.register_extension_type(Own())
        table = pa.table({"a": pa.ExtensionArray.from_storage(Own(), pa.array([1, 2], pa.int64()))})
        from autostore import AutoStore
        store = AutoStore(folder)
        for key in ("t", "t.arrow"):
            store[key] = table
            assert store[key].equals(table)
    """
    blocked(tmp_path, (), code)
    store = AutoStore(tmp_path)
    for key in ("t.parquet", "t.arrow"):
        with pytest.raises(UnknownTypeError, match=r"tests\.own.*Import the library"):
            store[key]
        assert store.read(key, as_type=pl.DataFrame)["a"].to_list() == [1, 2]
        assert store.read(key, as_type=list[dict]) == [{"a": 1}, {"a": 2}]


NAMED = {b"ARROW:extension:name": b"tests.nobodys", b"ARROW:extension:metadata": b"x"}
UNREGISTERED = {
    "column": pa.table([pa.array([b"x"])], schema=pa.schema([pa.field("a", pa.binary(), metadata=NAMED)])),
    "list": pa.table([pa.array([[1]])], schema=pa.schema([pa.field("a", pa.list_(pa.int64()), metadata=NAMED)])),
    "items": pa.table({"a": pa.array([[1]], pa.list_(pa.field("item", pa.int64(), metadata=NAMED)))}),
}


@pytest.mark.parametrize("table", UNREGISTERED.values(), ids=UNREGISTERED)
def test_a_type_that_nobody_registered_where_it_was_written_comes_back(tmp_path: Path, table: Any) -> None:
    """As Arrow reads, say, GeoArrow without its library: the storage, and the type's name in the field's metadata."""
    store = AutoStore(tmp_path, StorageConfig(allow_pickle=False))
    for value in (table, table.schema, table.to_batches()[0], {"t": table, "n": 1}):
        store["k"] = value
        assert same(store["k"], value)
    store["k"] = table.to_reader()
    assert same(store["k"], table)
    store["k.arrow"] = table
    assert same(store["k.arrow"], table)


@pytest.mark.parametrize("labels", [[2, 1, 5], [True, False], [NOON.date()], [], np.array([1, 2], "i1")], ids=repr)
def test_a_categorical_of_anything_is_a_table(tmp_path: Path, labels: Any) -> None:
    """Numbers, truth values and days, also such as no row has; none is a pickle, and pandas itself reads the file."""
    store = AutoStore(tmp_path)
    frame = pd.DataFrame({"n": pd.Categorical([*labels[:1], None], categories=labels, ordered=True)})
    assert store.write("k", frame).path == "k.parquet"
    assert same(store["k"], frame)
    if len(labels):
        plain = pd.read_parquet(tmp_path / "k.parquet")["n"]
        assert list(plain.cat.categories) == [str(label) for label in labels]


NESTED = {
    "decimal": (pa.decimal128(10, 2), decimal.Decimal("1.20")),
    "wide decimal": (pa.decimal256(50, 3), decimal.Decimal("1.200")),
    "list": (pa.list_(pa.int64()), [1, None]),
    "large list": (pa.large_list(pa.large_string()), ["a"]),
    "fixed list": (pa.list_(pa.int8(), 2), [1, 2]),
    "list view": (pa.list_view(pa.int64()), [1]),
    "struct": (pa.struct({"a": pa.int64(), "b": pa.list_(pa.struct({"c": pa.string()}))}), {"a": 1, "b": [{"c": "x"}]}),
    "map": (pa.map_(pa.string(), pa.int64()), [("a", 1)]),
    "fixed bytes": (pa.binary(3), b"abc"),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), "x"),
}


@pytest.mark.parametrize(("kind", "cell"), NESTED.values(), ids=NESTED)
def test_columns_of_arrow_in_pandas_are_columns_of_parquet(tmp_path: Path, kind: Any, cell: Any) -> None:
    """A frame, a Series, an index: of the same type, no pickle; pandas itself reads the file, and we what it wrote."""
    store = AutoStore(tmp_path)
    column = pd.Series(pd.array([cell, None], dtype=pd.ArrowDtype(kind)), name="c")
    frame = pd.DataFrame({"c": column, "n": [1, 2]})
    for value in (frame, column, frame.set_axis([1, "n"], axis=1), pd.DataFrame({"n": [1, 2]}, index=pd.Index(column))):
        assert store.write("k", value).path == "k.parquet"
        assert same(store["k"], value)
        assert len(pd.read_parquet(tmp_path / "k.parquet")) == 2
    frame.to_parquet(tmp_path / "theirs.parquet")
    theirs = store.read("theirs.parquet", as_type=pd.DataFrame)
    assert same(theirs.astype(frame.dtypes), frame)


@pytest.mark.parametrize("missing", [pd.NA, float("nan")], ids=repr)
def test_texts_that_pandas_keeps_in_python_are_texts(tmp_path: Path, missing: Any) -> None:
    """In columns, an index and labels; Polars reads them as texts."""
    store, kind = AutoStore(tmp_path), pd.StringDtype("python", na_value=missing)
    column = pd.Series(["a", None], dtype=kind, name="c")
    for value in (column, column.to_frame(), column.array, pd.DataFrame({"n": [1, 2]}, index=pd.Index(column))):
        assert store.write("k", value).path == "k.parquet"
        assert same(store["k"], value)
        assert "String" in map(str, pl.read_parquet_schema(tmp_path / "k.parquet").values())
    if missing is pd.NA:
        labels = pd.DataFrame([[1, 2]], columns=pd.Index(["a", "b"], dtype=kind))
        assert store.write("k", labels).path == "k.parquet"
        assert same(store["k"], labels)


@pytest.mark.parametrize("columns", [[], [{}], [{"numpy_type": "x[pyarrow]"}], 5, [{"numpy_type": 1}], ["[pyarrow]"]])
def test_what_pandas_tells_of_columns_may_be_anything(tmp_path: Path, columns: Any) -> None:
    """A footer that names no column, or none that is there, makes a typed error or a frame."""
    told = json.dumps({"index_columns": [], "columns": columns, "note": "[pyarrow]"})
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"pandas": told}), tmp_path / "t.parquet")
    with contextlib.suppress(StorageError):
        assert AutoStore(tmp_path).read("t.parquet", as_type=pd.DataFrame)["a"].tolist() == [1]


def test_metadata_of_arrow_that_is_no_text_is_no_parquet(tmp_path: Path) -> None:
    """It was written, and no reader took the file."""
    store, table = AutoStore(tmp_path), pa.table({"a": [1]}).replace_schema_metadata({"k": b"\xff"})
    with pytest.raises(UnsupportedFormatError, match="metadata"):
        store["k.parquet"] = table
    assert list(store) == []
    store["k"] = table
    assert same(store["k"], table)


@pytest.mark.parametrize(
    "field",
    [
        pa.field("a", pa.int64(), metadata={"k": b"\xff"}),
        pa.field("a", pa.list_(pa.field("x", pa.int64(), metadata={"k": b"\xff"}))),
    ],
    ids=["a column", "a part of one"],
)
def test_metadata_of_columns_that_is_no_text_is_no_parquet(tmp_path: Path, field: pa.Field) -> None:
    """Pyarrow took such a file, and Polars did not."""
    store, table = AutoStore(tmp_path), pa.schema([field]).empty_table()
    with pytest.raises(UnsupportedFormatError, match="metadata"):
        store["k.parquet"] = table
    store["k"] = table
    assert same(store["k"], table)


def test_a_batch_without_columns_keeps_its_rows(tmp_path: Path) -> None:
    """It was written, and reading refused it."""
    store = AutoStore(tmp_path)
    batch = pa.record_batch({"a": [1, 2]}, metadata={"x": "y"}).select([])
    store["k"] = batch
    assert same(store["k"], batch)
    assert store["k"].num_rows == 2


def test_a_schema_that_no_frame_has_is_refused(tmp_path: Path) -> None:
    """Polars panics, which no `except Exception` catches."""
    store = AutoStore(tmp_path)
    with pytest.raises(UnsupportedFormatError, match="No frame has this schema"):
        store["k.parquet"] = pl.Schema({"a": pl.Struct({"x": pl.Object})})


@pytest.mark.parametrize("key", ["k.csv", "k.jsonl"])
@pytest.mark.parametrize("given", ["table", "reader", "generator", "stream"])
def test_what_polars_or_arrow_cannot_take_is_refused(tmp_path: Path, key: str, given: str) -> None:
    """Polars panics at such columns, which no `except Exception` catches, and Arrow makes no empty table of a union."""

    class Capsule:
        def __arrow_c_stream__(self, schema: object = None) -> object:
            return table.__arrow_c_stream__(schema)

    store = AutoStore(tmp_path)
    interval, union = (
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([5])]),
    )
    noted = pa.schema([pa.field("u", pa.int64(), metadata={b"\xff": b"\xfe"})])
    for table in (
        pa.table({"u": interval}),
        pa.table({"u": union}),
        pa.Table.from_arrays([pa.array([1])], schema=noted),
    ):
        batches = (batch for batch in table.to_batches())
        with pytest.raises(UnsupportedFormatError):
            store[key] = {"table": table, "reader": table.to_reader(), "generator": batches, "stream": Capsule()}[given]
    assert list(store.keys()) == []


@pytest.mark.parametrize("key", ["k.csv", "k.jsonl", "k.jsonl.gz"])
@pytest.mark.parametrize(
    "value",
    [lambda: pd.DataFrame({"a": pd.period_range("2020", periods=2, freq="M")}),
     lambda: pd.DataFrame({"a": pd.interval_range(0, 2)}),
     lambda: pa.table({"a": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8()))}),
     lambda: pd.DataFrame({"a": [1]}, index=pd.RangeIndex(1, name="n"))],
    ids=["periods", "intervals", "extension", "named index"],
)  # fmt: skip
def test_texts_of_tables_refuse_what_would_be_its_storage(tmp_path: Path, key: str, value: Any) -> None:
    """A period is no whole number, and a name of an index is a column that would be missing."""
    with pytest.raises(StorageError, match=r"k\."):
        AutoStore(tmp_path)[key] = value()


@pytest.mark.parametrize("key", ["k", "k.arrow"])
@pytest.mark.parametrize("kind", ["periods", "intervals"])
def test_rows_have_no_spans_of_pandas(tmp_path: Path, key: str, kind: str) -> None:
    """A row with the number that a month is stored as, or an interval without its ends, is refused."""
    spans = pd.period_range("2020", periods=2, freq="M") if kind == "periods" else pd.interval_range(0, 2)
    store = AutoStore(tmp_path)
    store[key] = pd.DataFrame({"a": spans})
    with pytest.raises(UnsupportedFormatError, match="'a' has periods or intervals"):
        store.read(key, as_type=list[dict[str, Any]])


def test_parquet_whose_own_metadata_has_our_key(tmp_path):
    """It was "not a valid .parquet file"; `info` shows its columns."""
    store = AutoStore(tmp_path)
    for said in ("0.3", '{"x": 1}', "yes"):
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"autostore": said}), tmp_path / "k.parquet")
        with pytest.raises(UnsupportedFormatError, match="another program means something else"):
            store["k"]
        assert dict(store.info("k").columns) == {"a": "int64"}


def test_decimals_beyond_38_digits_are_not_damage(tmp_path):
    """By `columns=` the file was "not a valid Parquet file"."""
    long = pa.array([decimal.Decimal(10**45)], pa.decimal256(50, 0))
    pq.write_table(pa.table({"a": long, "b": [1]}), tmp_path / "k.parquet")
    with pytest.raises(UnsupportedFormatError, match="more than 38 digits"):
        AutoStore(tmp_path).read("k", columns=["a"])
    assert AutoStore(tmp_path).read("k", columns=["b"]).item() == 1
