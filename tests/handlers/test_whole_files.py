"""Whole files of other programs that a library here cannot read: none is called damaged, and each can be looked at."""

import base64
import bz2
import datetime as dt
import gzip
import io
import lzma
import pickle
import time
import zlib
from pathlib import Path

import pytest

from autostore import CorruptDataError, UnsupportedFormatError
from tests.optional import joblib, np, pa, pl, pq, pyarrow, torch

VARIANT = (
    # What DuckDB 2 writes of `select 1::variant v`.
    "UEFSMRUAFQ4VEiwVAhUAFQYVBgAABxgDAAAAAQAAFQAVDBUQLBUCFQAVBhUGAAAGFAIAAAACABUAFRQVGCwVAhUAFQYVBgAACiQC"
    "AAAAAgEBAAAAFQIZXDUAGA1kdWNrZGJfc2NoZW1hFQIANQAYAXYVBlwMIBMBAAAAFQwlABgIbWV0YWRhdGEAFQwlAhgFdmFsdWUA"
    "FQIlAhgLdHlwZWRfdmFsdWUlIgAWAhkcGTwmABwVDBkVABkoAXYIbWV0YWRhdGEVAhYCFjAWNCYIPBgDAQAAGAMBAAAWACgDAQAA"
    "GAMBAAAREQAZHBUAFQAVAgAAACYAHBUMGRUAGSgBdgV2YWx1ZRUCFgIWLhYyJjw8NgIAGRwVABUAFQIAAAAmABwVAhkVABkoAXYL"
    "dHlwZWRfdmFsdWUVAhYCFjYWOiZuPBgEAQAAABgEAQAAABYAKAQBAAAAGAQBAAAAEREAGRwVABUAFQIAAAAWlAEWAiYIFqABACgo"
    "RHVja0RCIHZlcnNpb24gdjIuMC4xIChidWlsZCA4ZDc4MTE0ZTkwKRk8HAAAHAAAHAAAAFcBAABQQVIx"
)


def unread_by_polars():
    """Tables that pyarrow reads, and over which Polars panics or fails."""
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    return {
        "an offset as a zone": pa.table({"t": pa.array([dt.datetime(2024, 1, 1, tzinfo=zone)])}),
        "views of lists": pa.table({"l": pa.array([[1, 2], None], pa.list_view(pa.int64()))}),
        "a name twice": pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
    }


NAMES = ["an offset as a zone", "views of lists", "a name twice"]


@pytest.mark.parametrize("name", NAMES)
def test_a_look_at_what_polars_does_not_read(local_store, folder, name):
    """`info` and `tree` show its columns, and each way to read it says which library does."""
    table = unread_by_polars()[name]
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "t.parquet")
    info = local_store.info("t")
    assert info.shape == table.shape
    assert [column for column, _ in info.columns] == table.column_names
    assert "t" in str(local_store.tree(headers=True))
    for read in (lambda: local_store["t"], lambda: local_store.scan("t"), lambda: local_store.scan({"t": {}})):
        with pytest.raises(UnsupportedFormatError, match=r"The file is whole.*as_type=pyarrow\.Table"):
            read()
    assert local_store.read("t", as_type=pa.Table).equals(table)


def test_a_look_at_an_encrypted_footer(local_store, folder):
    """It is told as encrypted, not as damaged."""
    folder.mkdir(exist_ok=True)
    (folder / "t.parquet").write_bytes(b"PARE" + b"\0" * 40 + b"PARE")
    with pytest.raises(UnsupportedFormatError, match="encrypted"):
        local_store.info("t")


def test_times_beyond_python(local_store):
    """Rows of times that Polars holds and Python does not (DuckDB's 'infinity') are refused, not a panic."""
    local_store["t"] = pl.DataFrame({"t": pl.Series([2**63 - 1]).cast(pl.Datetime("us"))})
    with pytest.raises(UnsupportedFormatError, match="Read it as a DataFrame"):
        local_store.read("t", as_type=list[dict])


def test_rows_of_a_name_that_stands_twice(local_store, folder):
    """A row has each name once: the first column was left out."""
    folder.mkdir(exist_ok=True)
    table = unread_by_polars()["a name twice"]
    with pa.OSFile(str(folder / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(UnsupportedFormatError, match="'a' stands twice"):
        local_store.read("t.arrow", as_type=list[dict])
    assert local_store.read("t.arrow", as_type=pa.Table).equals(table)


def test_rows_of_a_wide_table_take_a_time_that_grows_as_its_columns(local_store):
    """The names were asked of Arrow for each column again: 15,000 columns took a minute and a half."""
    row = {f"c{number}": number for number in range(15_000)}
    local_store["t.arrow"] = pa.table({name: [value] for name, value in row.items()})
    begun = time.process_time()
    assert local_store.read("t.arrow", as_type=list[dict]) == [row]
    assert time.process_time() - begun < 20


def test_a_logical_type_that_nobody_knows(local_store, folder):
    """A variant, as newer programs write it, is read by Arrow as what it is stored as; the file is not damaged."""
    folder.mkdir(exist_ok=True)
    (folder / "t.parquet").write_bytes(base64.b64decode(VARIANT))
    with pytest.raises(UnsupportedFormatError, match=r"The file is whole.*as_type=pyarrow\.Table"):
        local_store["t"]
    assert local_store.info("t").shape == (1, 1)
    assert local_store.read("t", as_type=pa.Table).num_rows == 1


def test_arrays_one_behind_the_other(local_store, folder):
    """`numpy.save` adds to an open file; a file of two arrays is refused, where the second was left out."""
    folder.mkdir(exist_ok=True)
    with open(folder / "a.npy", "wb") as file:
        np.save(file, np.arange(2))
        np.save(file, np.arange(3))
    with pytest.raises(UnsupportedFormatError, match="More stands behind the array"):
        local_store["a"]
    with open(local_store.read("a", as_type=Path), "rb") as file:
        assert [np.load(file).size, np.load(file).size] == [2, 3]


def test_streams_of_arrow(local_store, folder):
    """A stream under the name of a file, as datasets of Hugging Face are, is called what it is."""
    table = pa.table({"a": [1]})
    folder.mkdir(exist_ok=True)
    with pa.OSFile(str(folder / "s.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (folder / "v1.feather").write_bytes(b"FEA1" + bytes(60) + b"FEA1")
    for key, reader in (("s.arrow", "open_stream"), ("v1.feather", "feather")):
        for as_type in (None, pa.Table, list[dict]):
            with pytest.raises(UnsupportedFormatError, match=reader):
                local_store.read(key, as_type=as_type)
    assert pyarrow.ipc.open_stream(local_store.read("s.arrow", as_type=Path)).read_all().equals(table)


@pytest.mark.parametrize("text", ["a: !Ref Bucket", "a: !!python/tuple [1, 2]", "? [a, b]\n: c", "a: ="])
def test_yaml_of_a_program(local_store, folder, text):
    """Tags that only their program knows, and lists as keys, are YAML; the file is not called invalid."""
    folder.mkdir(exist_ok=True)
    (folder / "a.yaml").write_text(text)
    with pytest.raises(UnsupportedFormatError, match=r"The YAML is whole.*in line 1"):
        local_store["a.yaml"]
    assert local_store.read("a.yaml", as_type=bytes) == text.encode()


def test_pickles_one_behind_the_other(local_store, folder):
    """`pickle.dump` adds to an open file; a file of two objects is refused, where the second was left out."""
    folder.mkdir(exist_ok=True)
    (folder / "a.pkl").write_bytes(pickle.dumps([1]) + pickle.dumps([2]))
    with pytest.raises(UnsupportedFormatError, match="More stands behind the object"):
        local_store["a"]
    file = io.BytesIO(local_store.read("a", as_type=bytes))
    assert [pickle.load(file), pickle.load(file)] == [[1], [2]]
    (folder / "b.pkl").write_bytes(pickle.dumps([1], protocol=0) + b"\n")  # as an editor ends a text
    assert local_store["b"] == [1]


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 1)])
def test_pickles_of_joblib(local_store, folder, compress):
    """Arrays that joblib puts between the parts of a pickle, and packed ones, are told as that and not as damaged."""
    folder.mkdir(exist_ok=True)
    joblib.dump({"a": np.arange(3)}, folder / "m.pkl", compress=compress)
    with pytest.raises(UnsupportedFormatError, match=r"joblib.*store\.path\(key\)"):
        local_store["m"]
    assert joblib.load(io.BytesIO(local_store.read("m", as_type=bytes)))["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
@pytest.mark.parametrize("name", ["p.pkl", "d.json", "t.md", "f.parquet", "i.png", "y.yaml", "a.npy", "l.jsonl"])
def test_packed_as_a_whole(local_store, folder, name, pack):
    """As pandas packs pickles, and `aws s3 cp --content-encoding gzip` whatever it sends: said so, and not damaged."""
    folder.mkdir(exist_ok=True)
    content = b"".join(f'"{number}", '.encode() for number in range(50))
    (folder / name).write_bytes(pack(content))
    with pytest.raises(UnsupportedFormatError, match=r"packed as a whole.*as_type=bytes"):
        local_store[name]
    assert pack(content) == local_store.read(name, as_type=bytes)


def test_a_damaged_packed_file(local_store, folder):
    """What a format packs itself is damaged where it does not unpack."""
    local_store["d.json.gz"] = {"a": 1}
    (folder / "d.json.gz").write_bytes((folder / "d.json.gz").read_bytes()[:-3])
    with pytest.raises(CorruptDataError):
        local_store["d.json.gz"]


@pytest.mark.parametrize("text", [b"x^2 + \xe4", b"x\x9c", b"BZ\xff"])
def test_not_packed(local_store, folder, text):
    """A text of another encoding that begins as packed files may."""
    folder.mkdir(exist_ok=True)
    (folder / "t.txt").write_bytes(text)
    with pytest.raises(CorruptDataError, match="not UTF-8"):
        local_store["t"]


def test_older_checkpoints_and_programs_of_torch(local_store, folder):
    """A file from before PyTorch 1.6 can be looked at, and one of TorchScript is told as that, not as damaged."""
    folder.mkdir(exist_ok=True)
    torch.save({"a": torch.arange(3)}, folder / "old.pt", _use_new_zipfile_serialization=False)
    assert local_store.info("old").size > 0
    assert local_store["old"]["a"].tolist() == [0, 1, 2]
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(folder / "program.pt"))
    with pytest.raises(UnsupportedFormatError, match=r"TorchScript.*torch\.jit\.load"):
        local_store["program"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x;y\n1.234,5;2.000\n3,5;4.500\n", ["2.000", "4.500"]),
        ("x;y\n3,5;1\n-0,5;12.345.678\n", ["1", "12.345.678"]),
        ("x;y\n3,5;0.125\n4,5;1.000\n", [0.125, 1.0]),  # which no thousands begin with
        ("x;y\na;2.000\nb;4.500\n", [2.0, 4.5]),  # no decimal comma beside them
        ("x,y\na,2.000\nb,4.500\n", [2.0, 4.5]),
    ],
)
def test_points_between_thousands(local_store, folder, text, expected):
    """Where a column has decimal commas, another one's points may stand between thousands: it stays text, too."""
    folder.mkdir(exist_ok=True)
    (folder / "t.csv").write_text(text)
    assert local_store["t"]["y"].to_list() == expected
    assert local_store.scan("t").collect()["y"].to_list() == expected
