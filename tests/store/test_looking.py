"""What is known of a value without reading it agrees with the value, whoever wrote it; and looking runs nothing."""

import datetime as dt
import decimal
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict, deque
from typing import ClassVar

import pytest

from autostore import AutoStore, CorruptDataError, DataHandler, LocalFileConfig, StorageFileNotFoundError
from autostore.plugins import Header
from tests.optional import Image, installed, np, pa, pd, pl, sp, torch
from tests.store.values import Run, Settings

VALUES = {
    "polars": pl.DataFrame({"a": range(1000), "b": [str(n) for n in range(1000)]}),
    "empty": pl.DataFrame(height=5),
    "lazy": pl.LazyFrame({"a": [1, 2]}),
    "series": pl.Series("z", [1.5, None]),
    "wide": pl.DataFrame({f"column {n} with a long name": [n] for n in range(2000)}),
    "pandas": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=pd.Index([3, 4], name="i")),
    "pandas_series": pd.Series([1, 2], name="s"),
    "arrow": pa.table({"a": [1], "when": [dt.date(2024, 1, 1)]}),
    "array": np.zeros((2, 3), "f4"),
    "fortran": np.asfortranarray(np.ones((4, 5), ">i2")),
    "scalar": np.array(3.5),
    "text_array": np.array(["a", "bc"]),
    "record": np.zeros(3, [("x", "f8"), ("y", "i4")]),
    "sparse": sp.csr_array(np.eye(3)),
    **({"tensor": torch.zeros(3, dtype=torch.float16)} if installed("torch") else {}),
    "tuple": (1, 2),
    "date": dt.date(2024, 1, 1),
    "decimal": decimal.Decimal("1.5"),
    "deque": deque([1]),
    "ordered": OrderedDict(a=1),
    "set": {1, 2},
    "text": "hello",
    "bytes": b"\x00",
    "int": 3,
    "float": 1.5,
    "none": None,
    "true": True,
    "dict": {"a": [1]},
    "list": [1, "a"],
    "rows": [{"a": 1}, {"a": 2}],
    "model": Settings(name="n"),
    "dataclass": Run(1),
    "bundle": {"a": np.arange(3), "b": pl.DataFrame({"x": [1]})},
}


def name_of(value):
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store with one value of each kind."""
    with AutoStore(tmp_path_factory.mktemp("store")) as store:
        store.update(VALUES)
        yield store


@pytest.mark.parametrize("key", VALUES)
def test_the_type_is_that_of_the_value(filled, key):
    """`info(key).type` names the class that reading gives."""
    value = filled[key]
    said = filled.info(key).type
    module, _, cls = said.rpartition(".")
    assert cls == type(value).__name__
    if module:
        assert type(value).__module__.partition(".")[0] == module.partition(".")[0]


@pytest.mark.parametrize(
    "key", ["array", "fortran", "scalar", "text_array", "sparse", *["tensor"] * installed("torch")]
)
def test_shape_and_dtype_are_those_of_the_array(filled, key):
    """Arrays, sparse matrices and tensors say their shape and dtype."""
    value, info = filled[key], filled.info(key)
    assert info.shape == tuple(value.shape)
    if key != "text_array":
        assert info.dtype == str(value.dtype).removeprefix("torch.").removeprefix(">")[-7:].replace("i2", "int16")


@pytest.mark.parametrize("key", ["polars", "empty", "lazy", "wide"])
def test_columns_and_rows_are_those_of_the_table(filled, key):
    """A Polars table says its rows and each column's name and dtype."""
    frame, info = filled.read(key, as_type=pl.DataFrame), filled.info(key)
    assert info.rows == frame.height
    assert info.columns == tuple((name, str(dtype)) for name, dtype in frame.schema.items())
    assert info.shape == frame.shape


def test_other_tables_say_their_own_dtypes(filled):
    """Of pandas without the index, of Arrow as Arrow names them."""
    assert [name for name, _ in filled.info("pandas").columns] == ["a", "b"]
    assert filled.info("pandas").rows == 2
    assert filled.info("arrow").columns == (("a", "int64"), ("when", "date32[day]"))


def test_parts_of_containers(filled, tmp_path):
    """Archives, checkpoints and bundles name their parts."""
    store = AutoStore(tmp_path)
    net = torch.nn.Linear(3, 4)
    store["checkpoint"] = {"net": net.state_dict(), "epoch": 3, "sizes": [torch.zeros(2)]}
    store["arrays"] = {"x": np.zeros((3, 1)), "y": np.zeros(2, "i4")}
    assert store.info("checkpoint").parts == {
        "net.weight": "float32 (4, 3)", "net.bias": "float32 (4,)", "epoch": "3", "sizes[0]": "float32 (2,)",
    }  # fmt: skip
    assert store.info("arrays").parts == {"x": "float64 (3, 1)", "y": "int32 (2,)"}
    assert sorted(filled.info("bundle").parts) == ["a.npy", "b.parquet"]


def test_pictures_and_texts(tmp_path):
    """A picture says height, width and mode; a text begins as it does; CSV says its columns."""
    store = AutoStore(tmp_path)
    store["picture"] = Image.new("RGB", (30, 20))
    store["long"] = "ä" * 10_000
    store["t.csv"] = pl.DataFrame({"a": [1], "b,c": [2]})
    assert (store.info("picture").shape, store.info("picture").dtype) == ((20, 30), "RGB")
    assert store.info("long").preview == "ä" * 500 + "…"
    assert [name for name, _ in store.info("t.csv").columns] == ["a", "b,c"]


def test_file_facts(store):
    """On every place size, ETag, time and path are those of the file, and a missing key is not found."""
    store["a/table"] = VALUES["polars"]
    info, file = store.info("a/table"), store.get_metadata("a/table")
    assert (info.size, info.etag, info.path, info.modified_time) == (
        file.size, file.etag, "a/table.parquet", file.modified_time,
    )  # fmt: skip
    assert info.rows == 1000
    [entry] = store.entries("a/")
    assert (entry.key, entry.size, entry.etag) == ("a/table", file.size, file.etag)
    with pytest.raises(StorageFileNotFoundError):
        store.info("a")


@pytest.mark.parametrize("extension", [".parquet", ".npy", ".npz", ".sparse", ".pt", ".png", ".bundle.zip"])
@pytest.mark.parametrize("content", [b"", b"x" * 100, b"PAR1" + b"\xff" * 100 + b"PAR1", b"\x93NUMPY\x01\x00\xff\xff"])
def test_a_damaged_header_is_an_error(tmp_path, extension, content):
    """What is no header is `CorruptDataError`, and a tree says so without failing."""
    (tmp_path / f"k{extension}").write_bytes(content)
    store = AutoStore(tmp_path)
    with pytest.raises(CorruptDataError, match="k"):
        store.info("k")
    assert "CorruptDataError" in str(store.tree(headers=True))
    assert "CorruptDataError" in store._repr_html_()


class Trap:
    """Says where it was called."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_looking_runs_nothing_and_imports_nothing(tmp_path):
    """Pickles and checkpoints of a stranger are looked at without calling, building or importing what they name."""
    trap = tmp_path / "sprung"
    content = pickle.dumps({"w": Trap(str(trap))})
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "k.pkl").write_bytes(content)
    with zipfile.ZipFile(folder / "c.pt", "w") as archive:
        archive.writestr("archive/data.pkl", content)
    store = AutoStore(folder, LocalFileConfig(allow_pickle=False))
    assert store.info("k").type == "dict"
    store.info("c")
    assert store.tree(headers=True)
    assert not trap.exists()
    look = f"AutoStore({str(folder)!r}).info('c')"
    code = f"import sys; from autostore import AutoStore; {look}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_a_pickle_that_asks_for_memory_gets_none(tmp_path):
    """A checkpoint of a few bytes that asks for a table of billions is looked at in no memory."""
    with zipfile.ZipFile(tmp_path / "c.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}r\xff\xff\xff\x7f.")
    assert AutoStore(tmp_path).info("c").type == "dict"


def test_a_plugin_says_what_its_files_are(tmp_path):
    """A handler of a third party brings its header; without one size and time are known."""

    class Notes(DataHandler):
        """Notes."""

        extensions: ClassVar = [".note"]

        def can_handle_data(self, data):
            return False

        def read_from_file(self, file_path, file_extension):
            raise AssertionError("nothing is loaded")

        def write_to_file(self, data, file_path, file_extension):
            raise NotImplementedError

    class Told(Notes):
        """Notes with a header."""

        def header(self, file, file_extension):
            return Header(type="note", shape=(len(file.read(3)),))

    (tmp_path / "n.note").write_bytes(b"12345")
    store = AutoStore(tmp_path)
    store.register_handler(Notes())
    assert (store.info("n").size, store.info("n").type) == (5, None)
    store.register_handler(Told())
    assert (store.info("n").type, store.info("n").shape) == ("note", (3,))
    assert store.formats()[-1].extensions != ()
    assert ".note" in str(store.formats())


def test_texts_and_pages_are_safe(tmp_path):
    """What comes from files and keys shows no sign that a terminal obeys, and no markup."""
    store = AutoStore(tmp_path)
    store["<b>k\x1b[31m</b>"] = "<script>\x1b[2J"
    info = store.info("<b>k\x1b[31m</b>")
    for text in (str(info), str(store.tree())):
        assert "\x1b" not in text
    for page in (info._repr_html_(), store._repr_html_()):
        assert "<script>" not in page
        assert "<b>k" not in page
        assert "\x1b[31m" not in page


def test_a_tree_is_cut_where_asked(tmp_path):
    """A notebook shows the first 200 keys and says that there are more."""
    store = AutoStore(tmp_path)
    store.update({f"f{n % 3}/k{n:03}": n for n in range(205)})
    assert len(store.tree()) == 205
    assert len(store.tree("f1/")) == 68
    page = store._repr_html_()
    assert "the first 200 keys" in page
    assert "int" in page
    lines = str(store.tree("f1/", limit=2)).splitlines()
    assert lines[-1] == "… and more"
    assert len(lines) == 4


def test_a_sub_store_is_the_same_place(store):
    """`store / prefix` reads and writes below the prefix, under the parent's root, and pickles."""
    below = store / "flights"
    below["day"] = {"a": 1}
    assert store["flights/day"] == {"a": 1}
    store["flights/x/y"] = 2
    store["flightsx"] = 3
    assert list(below.keys()) == ["day", "x/y"]
    assert dict(below.items()) == {"day": {"a": 1}, "x/y": 2}
    assert [entry.path for entry in below.entries()] == ["day.json", "x/y.json"]
    assert list(below.list_files()) == ["day.json", "x/y.json"]
    assert below.get_metadata("day").path == below.info("day").path == "day.json"
    assert list((below / "x").keys()) == ["y"]
    assert below.uri.rstrip("/") == store.uri.rstrip("/") + "/flights"
    below["day"] = "now a text"  # the mark lies at the parent's root
    assert store["flights/day"] == "now a text"
    below.copy("day", "other")
    below.move("other", "last")
    assert below.pop("last") == "now a text"
    del below["day"]
    assert "flights/day" not in store
    if "memory" not in store.uri:
        again = pickle.loads(pickle.dumps(below))
        assert again.uri == below.uri
        assert again["x/y"] == 2
    for key in ("../flightsx", "/etc", "", "a//b"):
        with pytest.raises(ValueError, match="key"):
            below[key]


def test_info_as_a_dict_is_json(filled):
    """`as_dict` gives what JSON can say."""
    import json

    told = json.loads(json.dumps(filled.info("polars").as_dict()))
    assert told["rows"] == 1000
    assert told["columns"][0] == {"name": "a", "dtype": "Int64"}
    assert dt.datetime.fromisoformat(told["modified_time"]).tzinfo is not None
    assert io.StringIO(str(filled.info("polars"))).readline().split() == ["key", "polars"]


def test_first_uses_of_a_library_in_many_threads(tmp_path):
    """Threads that need a library at once, before anybody imported it, each wait until all of it is there."""
    AutoStore(tmp_path)["table"] = pl.DataFrame({"a": [1]})
    code = f"""
import threading
from autostore import AutoStore
store, ready, failed = AutoStore({str(tmp_path)!r}), threading.Barrier(8), []

def look():
    ready.wait()
    try:
        assert store.info("table").rows == 1
        assert store["table"].height == 1
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=look) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(failed)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
