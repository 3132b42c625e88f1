"""Packed texts and tab-separated tables by name: values come back, other programs read them, bombs do not unfold."""

import gzip
import json
import subprocess
import sys

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig, TooLargeError, UnsupportedFormatError
from autostore.testing import same
from tests.optional import optional, pa, pd, pl

assert_frame_equal = optional("polars.testing").assert_frame_equal
assert_series_equal = optional("polars.testing").assert_series_equal

FRAME = pl.DataFrame({"n": [1, None, 3], "text": ["a", "", 'b"\t,\n'], "x": [0.5, 1.0, None]})
ROWS = [{"a": 1, "b": "é"}, {"a": None, "c": [1.5, 2.5]}, {"c": None}]
TABLES = (".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst")
TEXTS = (".json.gz", ".json.zst", ".jsonl.gz", ".jsonl.zst")


def unpacked(data, extension):
    """As another library unpacks it."""
    if extension.endswith(".gz"):
        return gzip.decompress(data)
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return stream.read()


def packed(data, extension):
    if extension.endswith(".gz"):
        return gzip.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("extension", [".tsv", *TABLES])
def test_tables(local_store, folder, extension):
    """A table comes back as a Polars DataFrame, or as what is asked for; its text is plain CSV."""
    key = f"t{extension}"
    for data in (FRAME, FRAME.lazy(), FRAME.to_pandas(), FRAME.to_arrow()):
        assert local_store.write(key, data).path == key
        assert_frame_equal(local_store[key].select("text", "x"), FRAME.select("text", "x"))
    local_store[key] = FRAME
    assert_frame_equal(local_store[key], FRAME)
    assert isinstance(local_store.read(key, as_type=pd.DataFrame), pd.DataFrame)
    assert local_store.read(key, as_type=pa.Table).num_rows == 3
    assert_frame_equal(local_store.read(key, as_type=pl.LazyFrame).collect(), FRAME)
    assert local_store.read(key, as_type=list[dict])[0]["n"] == 1
    raw = (folder / key).read_bytes()
    text = raw if extension == ".tsv" else unpacked(raw, extension)
    assert text.startswith(b'"n"\t"text"\t"x"\n' if ".tsv" in extension else b'"n","text","x"\n')
    separator = "\t" if ".tsv" in extension else ","
    if not extension.endswith(".zst"):  # pandas reads that by a library that is not needed here
        assert pd.read_csv(folder / key, sep=separator)["n"].tolist()[2] == 3
    else:
        assert_series_equal(pl.read_csv(folder / key, separator=separator)["n"], FRAME["n"])
    local_store[key] = FRAME
    assert (folder / key).read_bytes() == raw


@pytest.mark.parametrize("extension", TEXTS)
def test_texts(local_store, folder, extension):
    """What JSON holds comes back the same, and what it does not is refused."""
    key = f"t{extension}"
    values = [ROWS, []] if "jsonl" in extension else [ROWS, {"a": 1}, "text", None, 1.5]
    for value in values:
        local_store[key] = value
        assert same(local_store[key], value)
    local_store[key] = ROWS
    raw = (folder / key).read_bytes()
    rows = unpacked(raw, extension).decode()
    assert (list(map(json.loads, rows.splitlines())) if "jsonl" in extension else json.loads(rows)) == ROWS
    assert local_store.read(key, as_type=list[dict]) == ROWS
    assert local_store.read(key, as_type=pl.DataFrame).columns == ["a", "b", "c"]
    with pytest.raises(UnsupportedFormatError):
        local_store[key] = [{1: 2}]
    assert (folder / key).read_bytes() == raw


@pytest.mark.parametrize("extension", [*TABLES, *TEXTS])
def test_what_was_there_stays_bytes(local_store, folder, extension):
    """A file that somebody else packed is its bytes, as before, and its value where a type is asked for."""
    table = extension in TABLES
    text = b"n\ttext\n1\ta\n" if ".tsv" in extension else b"n,text\n1,a\n" if table else b'[{"n": 1, "text": "a"}]'
    if "jsonl" in extension:
        text = b'{"n": 1, "text": "a"}\n'
    raw, key = packed(text, extension), f"t{extension}"
    folder.mkdir()
    (folder / key).write_bytes(raw)
    assert local_store[key] == raw
    assert local_store.read(key, as_type=bytes) == raw
    assert local_store.read(key, as_type=pl.DataFrame).to_dicts() == [{"n": 1, "text": "a"}]
    assert local_store.info(key).type == "bytes"
    local_store[key] = raw
    assert local_store[key] == raw
    local_store[key] = [{"n": 1}] if ".json." in extension else FRAME.head(1)
    ours = local_store.read(key, as_type=bytes)
    with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
        local_store["other" + extension] = ours
    (folder / key).write_bytes(ours[: len(ours) // 2] + ours[-17:])
    with pytest.raises(CorruptDataError):
        local_store.read(key, as_type=pl.DataFrame)


@pytest.mark.parametrize("extension", [".csv.gz", ".csv.zst", ".json.gz", ".jsonl.zst"])
def test_bombs(tmp_path, extension):
    """A small file that unfolds is refused while it is counted."""
    text = b"a\n" + b"1\n" * 20_000_000 if ".csv" in extension else b"[" + b" " * 40_000_000 + b"]"
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=8 << 20)) as store:
        store[f"t{extension}"] = packed(text, extension)
        with pytest.raises(TooLargeError):
            store.read(f"t{extension}", as_type=pl.DataFrame)


def test_several_members(local_store):
    """Files that were put together by `cat` are all of their parts."""
    raw = gzip.compress(b"[1,") + gzip.compress(b"2]") + b"\0" * 7
    local_store["t.json.gz"] = raw
    assert local_store.read("t.json.gz", as_type=list) == [1, 2]
    raw = packed(b"[1,", ".zst") + packed(b"2]", ".zst")
    local_store["t.json.zst"] = raw
    assert local_store.read("t.json.zst", as_type=list) == [1, 2]
    for damaged in (b"x", gzip.compress(b"[1]") + b"x", gzip.compress(b"[1]")[:-3], b""):
        local_store["d.json.gz"] = damaged
        with pytest.raises(CorruptDataError):
            local_store.read("d.json.gz", as_type=list)


def test_lines_of_a_table(local_store, folder):
    """A table is stored as JSON lines where JSON has its cells; its rows come back, and a table that is asked for."""
    frame = pl.DataFrame({"n": [1, None], "list": [["a"], []], "struct": [{"x": 1.5}, {"x": None}]})
    for data in (frame, frame.lazy(), frame.to_arrow()):
        assert local_store.write("t.jsonl", data).path == "t.jsonl"
        assert local_store["t.jsonl"] == frame.to_dicts()
        assert_frame_equal(local_store.read("t.jsonl", as_type=pl.DataFrame), frame)
    assert_frame_equal(pl.read_ndjson(folder / "t.jsonl"), frame)
    local_store["p.jsonl"] = pd.DataFrame({"a": [1, 2]})
    assert local_store.read("p.jsonl", as_type=pd.DataFrame).equals(pd.DataFrame({"a": [1, 2]}))
    assert local_store.write("bare", frame).path == "bare.parquet"
    for wrong in (
        pl.DataFrame({"x": [float("nan")]}),
        pl.DataFrame({"x": [b"bytes"]}),
        pl.DataFrame({"x": [pl.date(2020, 1, 1)]}).select(pl.lit("2020-01-01").str.to_date()),
        pd.DataFrame({"x": [1]}, index=["a"]),
    ):
        with pytest.raises(UnsupportedFormatError):
            local_store["w.jsonl"] = wrong
    for name in ("t.json.gz", "t.json.zst", "t.json"):  # lines are no JSON, and one of them is another value
        for table in (frame, frame[:1], frame.lazy(), frame.to_arrow()):
            with pytest.raises(UnsupportedFormatError):
                local_store[name] = table
            assert name not in local_store
    local_store["l.jsonl"] = [1, 2]
    with pytest.raises(UnsupportedFormatError, match="is made of rows"):
        local_store.read("l.jsonl", as_type=pl.DataFrame)


def test_a_second_process(tmp_path):
    """What one process packed the next reads without being told what it is."""
    code = (
        "import sys; from autostore import AutoStore; s = AutoStore(sys.argv[1]); "
        "print(s['t.csv.zst'].shape, s['t.json.gz'], 'zstandard' in sys.modules)"
    )
    with AutoStore(tmp_path) as store:
        store["t.csv.zst"], store["t.json.gz"] = FRAME, {"a": 1}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "(3, 3) {'a': 1} False\n", done.stderr
