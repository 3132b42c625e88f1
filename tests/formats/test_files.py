"""`store["cut.mp4"] = Path("cut.mp4")`: the bytes of a file of this machine under a name, and a file of them again."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from autostore import (
    AutoStore,
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
    UnsupportedFormatError,
)
from tests.optional import np
from tests.reliability.scale import SOAK

CODE = """
import sys
from pathlib import Path
from autostore import AutoStore
with AutoStore(sys.argv[1]) as store:
    print(store.read("a.mp4", as_type=Path).read_bytes() == Path(sys.argv[2]).read_bytes(), store["a.mp4"][:4])
"""


@pytest.fixture
def cut(tmp_path):
    file = tmp_path / "cut.mp4"
    file.write_bytes(b"\0cut" * 1000)
    return file


def test_a_file_under_a_name(store, cut):
    """Its bytes are stored on every place, whatever the key is called; `as_type=Path` gives a file of that name."""
    for key in ("a.mp4", "b/c.MP4", "d.bin"):
        store[key] = cut
        assert store[key] == cut.read_bytes()
        found = store.read(key, as_type=Path)
        assert isinstance(found, Path)
        assert (found.read_bytes(), found.name) == (cut.read_bytes(), key.rpartition("/")[2])
    cut.write_bytes(b"other")
    assert store["a.mp4"] != b"other"
    with pytest.raises(StorageFileNotFoundError):
        store.read("none.mp4", as_type=Path)


def test_an_open_file_or_a_name_is_told_how_files_are_stored(tmp_path, cut):
    """Neither is the file; the refusal says what is."""
    store = AutoStore(tmp_path / "store")
    with open(cut, "rb") as opened:
        for given in (str(cut), opened):
            with pytest.raises(UnsupportedFormatError, match=r"Pass a file as its pathlib\.Path; else choose"):
                store["a.mp4"] = given
    with pytest.raises(UnsupportedFormatError, match=r"not hold dict.*\. Choose another format"):
        store["a.parquet"] = {"a": 1}


def test_a_second_process_finds_it(tmp_path, cut):
    """What one wrote by a path the other reads as file and as bytes."""
    with AutoStore(tmp_path / "store") as store:
        store["a.mp4"] = cut
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "store"), str(cut)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split(" ", 1) == ["True", "b'\\x00cut'\n"], done.stderr


def test_a_file_of_a_format_is_what_it_holds(local_store, tmp_path):
    """A key of a parsed format gives the value that the file holds, and its file again."""
    np.save(tmp_path / "made.npy", np.arange(4))
    local_store["x.npy"] = tmp_path / "made.npy"
    assert local_store["x.npy"].tolist() == [0, 1, 2, 3]
    assert local_store.write("y", tmp_path / "made.npy", format="npy").path == "y.npy"
    assert np.load(local_store.read("y", as_type=Path)).tolist() == [0, 1, 2, 3]


def test_a_bare_key_holds_the_path(local_store, cut):
    """A path is a value there, as in a list or dict, and so it is under names of formats that hold paths."""
    for key in ("where", "where.typed.json", "where.pkl"):
        local_store[key] = cut
        assert local_store[key] == cut
        assert local_store.read(key, as_type=Path) == cut
        del local_store[key]
    local_store["both"] = [cut, cut]
    assert local_store["both"] == [cut, cut]


def test_what_is_no_file_is_refused(local_store, tmp_path, cut):
    """A missing file, a folder, a pipe, a device and a link to nothing are typed errors; nothing stored changes."""
    local_store["a.mp4"] = b"old"
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    wrong = {
        "nothing": (StorageIOError, "There is no file"),
        "cut.mp4/x": (StorageIOError, "There is no file"),
        "broken": (StorageIOError, "There is no file"),
        "round": (StorageIOError, "cannot be opened"),
        "a\0b": (StorageIOError, "cannot be opened"),
        "folder": (UnsupportedFormatError, "is a folder.*tar"),
        "pipe": (UnsupportedFormatError, "is no file"),
        "/dev/zero": (UnsupportedFormatError, "is no file"),
    }
    for name, (kind, words) in wrong.items():
        with pytest.raises(kind, match=words) as caught:
            local_store["a.mp4"] = tmp_path / name
        assert "a.mp4" in str(caught.value)
        assert not isinstance(caught.value, KeyError)
    assert local_store["a.mp4"] == b"old"
    (tmp_path / "link").symlink_to(cut)
    local_store["a.mp4"] = tmp_path / "link"
    assert local_store["a.mp4"] == cut.read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(local_store, cut):
    """Permission is another thing than absence."""
    cut.chmod(0)
    with pytest.raises(StoragePermissionError):
        local_store["a.mp4"] = cut


def test_a_file_that_grows_meanwhile_is_refused(local_store, tmp_path):
    """What is stored is one state of the file, or nothing."""
    file = Path("/proc/self/status")  # says that it has no bytes, and has some
    with pytest.raises(StorageIOError, match="changed while it was read"):
        local_store["a.log"] = file
    assert "a.log" not in local_store


FLAT = """
import os, resource, sys
from pathlib import Path
from autostore import AutoStore, S3StorageConfig
uri, endpoint, name = sys.argv[1:]
config = endpoint and S3StorageConfig(
    endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="testsecret", region_name="us-east-1"
)
with AutoStore(uri, config or None) as store:
    store["warm.mp4"] = Path(os.__file__)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store["big.mp4"] = Path(name)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(grown >> 10, store.get_size("big.mp4") >> 20)
"""


@pytest.mark.parametrize(("place", "size"), [("local", 200), *([("moto", 600)] if SOAK else [])])
def test_memory_is_flat(tmp_path, request, place, size):
    """A large file goes block by block, to a folder and to a bucket."""
    with open(tmp_path / "big", "wb") as file:
        file.truncate(size << 20)
    uri, endpoint = str(tmp_path / "store"), ""
    if place == "moto":
        server = request.getfixturevalue("moto_s3")
        uri, endpoint = f"s3://{server.make_bucket()}/x/", server.endpoint
    done = subprocess.run(
        [sys.executable, "-c", FLAT, uri, endpoint, str(tmp_path / "big")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    grown, stored = map(int, done.stdout.split() or pytest.fail(done.stderr))
    assert stored == size
    assert grown < (size // 2 if place == "local" else 200)  # the parts that are on their way


def test_a_large_file_leaves_in_parts(moto_s3, tmp_path):
    """To a bucket it is sent as it is read, and whole there; one that fails on the way leaves nothing."""
    data = os.urandom(11 << 20)
    (tmp_path / "cut.mp4").write_bytes(data)
    bucket = moto_s3.make_bucket()
    config = moto_s3.config(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    with AutoStore(f"s3://{bucket}/x/", config) as store:
        store["cut.mp4"] = tmp_path / "cut.mp4"
        assert store["cut.mp4"] == data
        assert store.get_metadata("cut.mp4").etag.endswith("-3")
        with pytest.raises(StorageIOError):
            store["none.mp4"] = tmp_path / "none.mp4"
        with pytest.raises(StorageIOError):
            store.write("none.mp4", tmp_path / "none.mp4", if_absent=True)
        assert "none.mp4" not in store


DATABASES = [".sqlite", ".db", ".h5", ".hdf5", ".duckdb", ".gpkg", ".orc", ".fits", ".mat", ".sav"]


@pytest.mark.parametrize("extension", DATABASES)
def test_files_of_databases_and_instruments(tmp_path, extension):
    """A path under such a name is the file that it names: bytes come back, or a file, and no path."""
    given = tmp_path / "given"
    with contextlib.closing(sqlite3.connect(given)) as database, database:
        database.execute("CREATE TABLE t (a)")
    with AutoStore(tmp_path / "store") as store:
        assert store.write(f"k{extension}", given).path == f"k{extension}"
        assert store[f"k{extension}"] == given.read_bytes()
        assert store.read(f"k{extension}", as_type=Path).read_bytes() == given.read_bytes()
