"""Which names are files: registered extensions in any case, well-known ones, and everything else."""

import enum

import pytest

from autostore import AutoStore, InvalidKeyError, StorageFileNotFoundError, UnsupportedFormatError
from autostore.handlers.well_known import BINARY, TEXT
from autostore.mark import Mark
from tests.optional import Image, np

PDF = b"%PDF-1.7\n"


def upload(store, tmp_path, path, content, key=None):
    """A file as another program, or with a key as an older version of this library, would have left it."""
    file = tmp_path / "given"
    file.write_bytes(content)
    store._backend.upload(file, path, mark=Mark.fresh(key) if key else None)


def test_a_well_known_extension_names_a_file(store):
    """A text or bytes under such a name is a file of exactly that name and content, beside any bare key."""
    values = {"report.pdf": PDF, "q.sql": "SELECT 1", "fig.svg": "<svg/>", "x.tar.gz": b"\x1f\x8b"}
    store.update(values)
    store["fig"] = np.arange(3)  # a file of this stem is somebody else's business
    store["report"] = {"a": 1}
    assert sorted(store.list_files()) == sorted([*values, "fig.npy", "report.json"])
    assert sorted(store) == sorted([*values, "fig", "report"])
    assert {name: store[name] for name in values} == values
    assert store.read("report.pdf", as_type=bytes) == PDF
    assert "report.pdf" in store
    store.move("report.pdf", "old/report.pdf")
    store.copy("q.sql", "q2.sql")
    assert (store["old/report.pdf"], store["q2.sql"], store.get("report.pdf")) == (PDF, "SELECT 1", None)
    store.modify("q.sql", lambda text: text + ";")
    assert store.pop("q.sql") == "SELECT 1;"
    assert "q.sql" not in store


@pytest.mark.parametrize("name", ["report.pdf", "q.sql", "data.xlsx", "Q.SQL"])
@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], 5, None])
def test_another_value_needs_another_name(local_store, name, value):
    """What such a file cannot hold is refused with its key, and nothing is written."""
    with pytest.raises(UnsupportedFormatError, match=name.replace(".", r"\.")):
        local_store[name] = value
    assert list(local_store.list_files()) == []


def test_the_other_kind_is_refused(local_store):
    """Text does not become bytes, nor bytes text: the type would not come back."""
    for extension in (*TEXT, *BINARY):
        wrong = b"bytes" if extension in TEXT else "text"
        with pytest.raises(UnsupportedFormatError, match="x"):
            local_store[f"x{extension}"] = wrong
    assert not set(TEXT) & set(BINARY)


def test_extensions_count_in_any_case(store, tmp_path):
    """A picture that a camera named reads under its full name, and is written there again."""
    image = Image.new("RGB", (2, 2), "red")
    image.save(tmp_path / "x.jpg")
    upload(store, tmp_path, "IMG_1.JPG", (tmp_path / "x.jpg").read_bytes())
    assert list(store) == ["IMG_1.JPG"]
    assert store["IMG_1.JPG"].size == (2, 2)
    assert store.get("IMG_1") is None
    store["IMG_1"] = image
    store["Data.CSV.Json"] = {"a": 1}
    assert sorted(store.list_files()) == ["Data.CSV.Json", "IMG_1.JPG", "IMG_1.png"]
    assert sorted(store) == ["Data.CSV.Json", "IMG_1", "IMG_1.JPG"]
    assert store["Data.CSV.Json"] == {"a": 1}


def test_versions_are_plain_keys(store):
    """A dot in a name is no extension."""
    store.update({"model.v1": 1, "v1.2": 2, "a.b.c": 3})
    assert sorted(store.list_files()) == ["a.b.c.json", "model.v1.json", "v1.2.json"]
    assert sorted(store) == ["a.b.c", "model.v1", "v1.2"]


@pytest.mark.parametrize(("key", "path"), [("report.pdf", "report.pdf.bin"), ("Photo.JPG", "Photo.JPG.bin")])
def test_what_older_versions_wrote_is_found(store, tmp_path, key, path):
    """A bare key that ends as a file's name does today reads as before, until a file of that name comes."""
    upload(store, tmp_path, path, b"old", key)
    assert list(store) == [key]
    assert key in store
    assert (store[key], store.get_metadata(key).path) == (b"old", path)
    upload(store, tmp_path, key, PDF)
    assert store.read(key, as_type=bytes) == PDF
    assert sorted(store) == [key, path]
    del store[key]
    assert key not in store  # the old value does not come back
    assert list(store) == []


def test_a_key_comes_once_and_reads(store, tmp_path):
    """A file and an older file of the key of its name are listed so that each reads as what it is."""
    upload(store, tmp_path, "a.pdf", PDF)
    upload(store, tmp_path, "a.pdf.txt", b"old", "a.pdf")
    assert {key: store[key] for key in store} == {"a.pdf": PDF, "a.pdf.txt": "old"}


def test_any_file_gives_its_bytes(store, tmp_path):
    """`as_type=bytes` reads what lies there, whatever its extension."""
    upload(store, tmp_path, "odd.xyz", b"anything")
    assert store.read("odd.xyz", as_type=bytes) == b"anything"
    with pytest.raises(StorageFileNotFoundError, match=r"odd\.xyz"):
        store["odd.xyz"]
    with pytest.raises(StorageFileNotFoundError, match=r"none\.xyz"):
        store.read("none.xyz", as_type=bytes)


def test_a_plugin_takes_a_well_known_extension(tmp_path):
    """A format of one's own for such an extension comes instead of plain text."""
    from tests.store.test_api import LogHandler

    class Logs(LogHandler):
        extensions = [".log"]

    entries = [{"level": "INFO", "message": "hello"}]
    with AutoStore(tmp_path) as store:
        store["old.log"] = "INFO: hello\n"
        store.register_handler(Logs())
        store["run"] = entries
        assert store["old.log"] == store["run"] == entries
        with pytest.raises(UnsupportedFormatError, match=r"new\.log"):
            store["new.log"] = "text"


class _Split(str, enum.Enum):  # noqa: UP042 - a StrEnum prints its value
    TRAIN = "splits/train"


class _Elsewhere(str):
    """A text that says other than it holds, in every way that a subclass may."""

    __slots__ = ()

    def __str__(self):
        return "elsewhere"

    def __format__(self, spec):
        return "elsewhere"

    def split(self, *_):
        return ["elsewhere"]


@pytest.mark.parametrize("key", [_Split.TRAIN, _Elsewhere("splits/train")])
def test_a_key_of_a_subclass_is_the_text_that_it_holds(store, key):
    """A member of a `(str, Enum)` reads, changes its format and goes under its value, which is not what it prints."""
    store[key] = {"a": 1}
    assert key in store
    assert store[key] == store["splits/train"] == {"a": 1}
    store[key] = "text"
    assert [path for path in store.list_files() if path.startswith("splits")] == ["splits/train.txt"]
    assert list(store) == ["splits/train"]
    assert (store / "splits")["train"] == "text"
    store.move(key, "moved")
    store.move("moved", key)
    del store[key]
    assert not list(store)


def test_a_key_of_a_subclass_leaves_no_root(tmp_path):
    """The checks look at what a key holds, not at what it says of itself."""
    store = AutoStore(tmp_path / "root" / "store")
    with pytest.raises(InvalidKeyError):
        store[_Elsewhere("../../stray")] = 1
    assert not list(tmp_path.rglob("stray*"))
