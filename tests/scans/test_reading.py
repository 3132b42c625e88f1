"""Scans by other doors: `as_type=pl.LazyFrame`, `columns=`, pickles, other formats, damaged files."""

import io
import subprocess
import sys
import time
import uuid

import pytest

from autostore import (
    AmbiguousKeyError,
    AutoStore,
    CorruptDataError,
    InvalidConfigError,
    PreconditionFailedError,
    SchemaMismatchError,
    StorageFileNotFoundError,
    TooLargeError,
    UnsupportedFormatError,
)
from tests.optional import optional, pa, pl, pq
from tests.scans.place import RangedMemory
from tests.scans.test_equal import lay

assert_frame_equal = optional("polars.testing").assert_frame_equal

FRAME = pl.DataFrame({"a": range(3000), "b": [f"row {row}" for row in range(3000)], "c": [0.5] * 3000})


def test_a_lazy_frame_is_a_scan(ranged, in_windows):
    """`as_type=pl.LazyFrame` fetches what the query needs, and of the version that was there when it was read."""
    ranged["t"] = FRAME
    lazy = ranged.read("t", as_type=pl.LazyFrame)
    RangedMemory.given.clear()
    assert_frame_equal(lazy.select("c").collect(), FRAME.select("c"))
    assert sum(RangedMemory.given) < ranged.get_size("t") / 4
    ranged["t"] = FRAME.head(5)
    with pytest.raises(PreconditionFailedError, match=r"'t\.parquet'"):
        lazy.collect()


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow"])
def test_columns_of_every_kind(ranged, kind):
    """Of every kind of table `columns` gives these, in this order, and fetches no others; pandas keeps its index."""
    pytest.importorskip(kind)
    big = pl.DataFrame({name: pl.Series(range(100_000)).hash(n) for n, name in enumerate("abcd")})
    indexed = {"pandas": lambda: big.to_pandas().set_index("d", drop=True), "pyarrow": big.to_arrow}
    value = indexed.get(kind, lambda: big)()
    ranged["t"] = value
    RangedMemory.given.clear()
    found = ranged.read("t", columns=["c", "a"])
    assert type(found) is type(value)
    assert sum(RangedMemory.given) < ranged.get_size("t") * (0.8 if kind == "pandas" else 0.55)
    expected = value[["c", "a"]] if kind == "pandas" else value.select(["c", "a"])
    assert found.equals(expected)
    assert ranged.read("t", as_type=pl.DataFrame, columns=["b"]).equals(big.select("b"))
    with pytest.raises(SchemaMismatchError, match=r"'nope'.*'a'"):
        ranged.read("t", columns=["nope"])


@pytest.mark.parametrize("columns", ["a", "ab", b"a", 5, [["a"]], [pl.col("a")], pl.col("a")])
def test_columns_are_a_list_of_names(ranged, columns):
    """A text is none: its letters were taken for names."""
    ranged["t"] = pl.DataFrame({"a": [1], "b": [2]})
    ranged["f/t"] = pl.DataFrame({"a": [1], "b": [2]})
    for ask in (ranged.read, ranged.scan):
        for key, kind in (("t", None), ("t", pl.DataFrame), ("f/", pl.DataFrame)):
            with pytest.raises(InvalidConfigError, match=r"no list of names"):
                ask(key, columns=columns, **({} if ask == ranged.scan else {"as_type": kind}))
    assert ranged.read("t", columns=("b",)).columns == ["b"]
    with pytest.raises(SchemaMismatchError, match="no column None"):
        ranged.read("t", columns=[None])


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow", "csv"])
def test_a_name_that_polars_takes_for_a_pattern_is_a_name(ranged, kind):
    """`*` is no sign for all columns, and `^x.*$` none for those with an x: in files, in folders' names, in pieces."""
    frame = pl.DataFrame({"*": [1, 2], "^x.*$": ["a", "b"], "x1": [0.5, 1.5], "x2": [None, 3]})
    kinds = {"pandas": frame.to_pandas, "pyarrow": frame.to_arrow}
    key = "t.csv" if kind == "csv" else "t"
    ranged[key] = kinds.get(kind, lambda: frame)()
    for names in (["*"], ["^x.*$"], ["x1", "*"]):
        assert ranged.read(key, columns=names, as_type=pl.DataFrame).equals(frame[names])
        assert list(_names(ranged.read(key, columns=names))) == names
        assert ranged.scan(key, columns=names).collect().equals(frame[names])
    with pytest.raises(SchemaMismatchError, match="twice"):
        ranged.read(key, columns=["x1", "x1"])


def _names(table):
    return table.column_names if hasattr(table, "column_names") else table.columns


def test_patterns_in_the_names_of_many_tables(ranged, in_windows):
    """The same of a folder of tables, which are cast and completed, and of pieces that are written as one."""
    first, second = pl.DataFrame({"*": [1], "x1": [1]}), pl.DataFrame({"*": [2.5], "x1": [2], "^x.*$": ["b"]})
    ranged.update({"f/^x$=1/a": first, "f/^x$=2/b": second})
    found = ranged.scan("f/", schema="all", hive_schema={"^x$": pl.Int64})
    assert found.collect().rows() == [(1.0, 1, None, 1), (2.5, 2, "b", 2)]
    assert found.filter(pl.col("x1") > 1).collect().rows() == [(2.5, 2, "b", 2)]
    assert found.select(pl.len()).collect().item() == 2
    with pytest.raises(UnsupportedFormatError, match="pattern"):
        found.filter(pl.selectors.by_name("*") > 1).collect()
    ranged["pieces"] = (piece for piece in (second, second[["^x.*$", "x1", "*"]]))
    assert ranged["pieces"].collect().equals(pl.concat([second, second]))


def test_columns_of_other_formats(local_store):
    """A CSV is read and then cut; what is no table is refused."""
    local_store["t.csv"] = FRAME
    local_store["text"] = "no table"
    assert local_store.read("t.csv", columns=["c", "a"]).equals(FRAME.select("c", "a"))
    assert local_store.scan("t.csv", columns=["a"]).collect().equals(FRAME.select("a"))
    with pytest.raises(UnsupportedFormatError, match="text"):
        local_store.read("text", columns=["a"])
    with pytest.raises(UnsupportedFormatError, match="text"):
        local_store.scan("text")


def test_columns_obey_the_ceiling(tmp_path):
    """What a footer says the columns take is compared with `max_read_bytes` before they are fetched."""
    from autostore import StorageConfig

    name = f"memory://{uuid.uuid4().hex}"
    AutoStore(name)["t"] = FRAME
    small = AutoStore(name, StorageConfig(max_read_bytes=30_000))
    assert small.read("t", columns=["a"]).height == 3000
    with pytest.raises(TooLargeError):
        small.read("t", columns=["b"])
    AutoStore(name)["f/t"] = FRAME
    with pytest.raises(TooLargeError):
        small.read("f/", as_type=pl.DataFrame)


def footer_overwritten(data):
    """The footer begins with nonsense."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return data[:start] + b"\xff" * 40 + data[start + 40 :]


DAMAGES = {
    "empty": lambda data: b"",
    "no Parquet": lambda data: b"no Parquet",
    "cut": lambda data: data[:-4],
    "half": lambda data: data[: len(data) // 2],
    "an endless footer": lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1",
    "pages": lambda data: data[:4] + b"\xff" * 300 + data[304:],
    "footer": footer_overwritten,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files(ranged, in_windows, damage):
    """Whatever is wrong with the bytes, planning or running says which file is damaged."""
    file = io.BytesIO()
    FRAME.write_parquet(file, compression="uncompressed")
    lay(ranged, "t.parquet", DAMAGES[damage](file.getvalue()))
    with pytest.raises(CorruptDataError, match=r"t\.parquet"):
        ranged.scan("t.parquet").collect()
    with pytest.raises(CorruptDataError, match=r"t\.parquet"):
        ranged.read("t.parquet", columns=["a"])


def test_what_polars_lacks_is_no_damage(ranged, in_windows):
    """Polars panics at some types, which no `except Exception` catches: the file is whole, and a store shows itself."""
    file = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([[1]], pa.list_view(pa.int64()))}), file)
    lay(ranged, "f/t.parquet", file.getvalue())
    for act in (
        lambda: ranged.scan("f/"), lambda: ranged.scan("f/t"), lambda: ranged.read("f/t", columns=["a"]),
        lambda: ranged.read("f/", as_type=pl.DataFrame),
    ):  # fmt: skip
        with pytest.raises(UnsupportedFormatError, match=r"as_type=pyarrow\.Table"):
            act()
    assert ranged.read("f/t", as_type=pa.Table, columns=["a"]).num_rows == 1
    assert ranged.info("f/t").columns == (("a", "list_view<element: int64>"),)
    assert "1 x 1" in ranged._repr_html_()
    assert "f/" in str(ranged.tree(headers=True))


def test_a_query_that_fails_is_its_authors(ranged, in_windows):
    """An error of the query leaves as it is, and is not called damage."""
    ranged["t"] = FRAME
    with pytest.raises(pl.exceptions.PolarsError) as caught:
        ranged.scan("t").filter(pl.col("b").cast(pl.Int64) > 1).collect()
    assert "Parquet file" not in str(caught.value)


def test_keys_that_name_no_table(local_store, folder):
    """Absent and ambiguous keys raise what reading them raises."""
    with pytest.raises(StorageFileNotFoundError):
        local_store.scan("nope")
    folder.mkdir(exist_ok=True)
    (folder / "k.csv").write_text("a\n1\n")
    FRAME.write_parquet(folder / "k.parquet")
    with pytest.raises(AmbiguousKeyError, match=r"k\.csv"):
        local_store.scan("k")


PICKLED = """
import pickle, sys
frame = pickle.load(sys.stdin.buffer)
print(frame.select("a").sum().collect().item())
"""


def test_a_scan_travels(radosgw_s3):
    """A planned scan pickles with cloudpickle, runs in another process, and is of the same version there."""
    cloudpickle = pytest.importorskip("cloudpickle")
    with AutoStore(f"s3://{radosgw_s3.make_bucket()}/", radosgw_s3.config()) as store:
        store["t"] = pl.DataFrame({name: pl.Series(range(200_000)).hash(n) % 1000 for n, name in enumerate("abcd")})
        payload = cloudpickle.dumps(store.scan("t"))
        run = [sys.executable, "-c", PICKLED]
        done = subprocess.run(run, input=payload, capture_output=True, timeout=120, check=True)
        assert int(done.stdout) == store["t"]["a"].sum()
        store["t"] = pl.DataFrame({"a": [1]})
        done = subprocess.run(run, input=payload, capture_output=True, timeout=120, check=False)
        assert b"PreconditionFailedError" in done.stderr


def test_a_footer_that_claims_a_list_without_end(tmp_path):
    """A damaged footer that names 2**60 items of a byte each is refused at once."""
    footer = bytes([0x99, 0xF1]) + b"\x80" * 8 + b"\x10" + b"\x00"
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    begun = time.monotonic()
    with AutoStore(tmp_path) as store, pytest.raises(CorruptDataError, match=r"t\.parquet"):
        store.scan("t.parquet").collect()
    assert time.monotonic() - begun < 5
