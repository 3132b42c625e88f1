"""The local backend keeps the backend contract, and what only a file system shows."""

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autostore import AutoStore
from autostore.backend import StorageBackend
from autostore.backends.local.backend import LocalFileBackend
from autostore.config import LocalFileConfig
from autostore.errors import InvalidKeyError, StorageFileNotFoundError, StoragePermissionError
from autostore.keys import parse_uri
from autostore.mark import Mark
from autostore.testing.backend import BackendContract


def open_local(root: Path, **settings: object) -> LocalFileBackend:
    return LocalFileBackend(parse_uri(root), LocalFileConfig(**settings))


class TestLocal(BackendContract):
    @pytest.fixture(params=[False, True], ids=["fast", "durable"])
    def backend(self, request, tmp_path):
        backend = open_local(tmp_path / "root", durable=request.param)
        yield backend
        backend.close()

    def raw_write(self, backend: StorageBackend, path: str, data: bytes) -> None:
        file = Path(backend.uri.removeprefix("file://"), path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def raw_read(self, backend: StorageBackend, path: str) -> bytes | None:
        file = Path(backend.uri.removeprefix("file://"), path)
        return file.read_bytes() if file.exists() else None


@pytest.fixture
def backend(tmp_path):
    backend = open_local(tmp_path / "root")
    yield backend
    backend.close()


def put(backend: LocalFileBackend, path: str, data: bytes = b"1", mark: Mark | None = None) -> None:
    with backend.scratch_file() as file:
        file.write_bytes(data)
        backend.upload(file, path, mark=mark)


def test_nothing_is_made_before_the_first_write(tmp_path):
    """Opening and reading a store makes no folder."""
    backend = open_local(tmp_path / "root")
    assert list(backend.list_files()) == []
    assert backend.find("x", [".json"]) == []
    backend.delete("a/b.json")
    assert not (tmp_path / "root").exists()


def test_only_ours_lies_below_our_name(backend, tmp_path):
    """Beside the data there is nothing but `.autostore`, and after close() no temporary file in it."""
    put(backend, "a/x.json", mark=Mark.fresh("a/x"))
    assert sorted(os.listdir(tmp_path / "root")) == [".autostore", "a"]
    assert os.listdir(tmp_path / "root" / "a") == ["x.json"]
    backend.close()
    assert os.listdir(tmp_path / "root" / ".autostore" / "tmp") == []


def test_folders_that_became_empty_go(backend, tmp_path):
    """Deleting the last file of a folder removes the folder, so that a file may take its name."""
    put(backend, "a.json/b/c.json")
    put(backend, "keep/x.json")
    backend.delete("a.json/b/c.json")
    put(backend, "a.json")
    assert sorted(os.listdir(tmp_path / "root")) == [".autostore", "a.json", "keep"]


def test_a_folder_with_files_is_never_removed(backend, tmp_path):
    """Writing where a folder stands, or below a file, is an InvalidKeyError and changes nothing."""
    put(backend, "a.json/b.json")
    with pytest.raises(InvalidKeyError):
        put(backend, "a.json")
    with pytest.raises(InvalidKeyError):
        put(backend, "a.json/b.json/c.json")
    assert [found.path for found in backend.list_files()] == ["a.json/b.json"]


def test_links_out_of_the_root_are_refused(backend, tmp_path):
    """Neither a linked file nor a linked folder leads out; links inside the root are followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text("1")
    put(backend, "in/real.json")
    root = tmp_path / "root"
    (root / "folder").symlink_to(outside)
    (root / "file.json").symlink_to(outside / "secret.json")
    (root / "inside.json").symlink_to(root / "in" / "real.json")
    for path in ["folder/secret.json", "file.json"]:
        with pytest.raises(InvalidKeyError):
            backend.local_file(path)
        with pytest.raises(InvalidKeyError):
            backend.get_metadata(path)
    with pytest.raises(InvalidKeyError):
        put(backend, "folder/new.json")
    with pytest.raises(InvalidKeyError):
        backend.delete("folder/secret.json")
    assert sorted(os.listdir(outside)) == ["secret.json"]
    assert backend.local_file("inside.json").read_bytes() == b"1"
    assert [found.path for found in backend.list_files()] == ["in/real.json", "inside.json"]


def test_writing_over_a_link_replaces_the_link(backend, tmp_path):
    """A link inside the root is replaced, its target stays."""
    put(backend, "real.json", b"old")
    (tmp_path / "root" / "link.json").symlink_to(tmp_path / "root" / "real.json")
    put(backend, "link.json", b"new")
    assert (tmp_path / "root" / "real.json").read_bytes() == b"old"
    assert (tmp_path / "root" / "link.json").read_bytes() == b"new"
    assert not (tmp_path / "root" / "link.json").is_symlink()


def test_names_that_are_not_utf8_are_skipped(backend, tmp_path):
    """A file whose name no key can spell does not break a listing."""
    put(backend, "x.json")
    with open(os.fsencode(tmp_path / "root") + b"/\xff.json", "wb"):
        pass
    assert [found.path for found in backend.list_files()] == ["x.json"]


def test_a_link_that_moves_takes_its_bytes_along(backend, tmp_path):
    """Elsewhere it would lead nowhere; and the file that it led to is as it was."""
    put(backend, "runs/five.json", b"5")
    before = backend.get_metadata("runs/five.json").etag
    (tmp_path / "root" / "latest.json").symlink_to("runs/five.json")
    moved = backend.move("latest.json", "old/latest.json")
    assert (tmp_path / "root" / "old" / "latest.json").read_bytes() == b"5"
    assert backend.get_metadata("old/latest.json").etag == moved.etag
    assert [found.path for found in backend.list_files()] == ["old/latest.json", "runs/five.json"]
    assert backend.get_metadata("runs/five.json").etag == before


def test_what_no_key_can_name_is_not_listed(backend, tmp_path):
    """Nor does a link to itself break a listing, or count as a file."""
    put(backend, "x.json")
    (tmp_path / "root" / "loop.json").symlink_to("loop.json")
    deep = tmp_path / "root"
    for _ in range(6):
        deep = deep / ("d" * 200)
        deep.mkdir()
    (deep / "y.json").write_bytes(b"1")
    assert [found.path for found in backend.list_files()] == ["x.json"]
    with pytest.raises(StorageFileNotFoundError):
        backend.get_metadata("loop.json")


def test_a_folder_that_was_made_anew_is_not_pruned(backend, tmp_path, monkeypatch):
    """Whoever removes empty folders finds out that the one that was opened is another by now."""
    put(backend, "a/x.json")
    flock, folder = fcntl.flock, tmp_path / "root" / "a"

    def while_another_prunes(descriptor, operation):
        if operation & fcntl.LOCK_NB and os.path.samestat(os.fstat(descriptor), os.stat(folder)):
            monkeypatch.setattr(fcntl, "flock", flock)
            os.rename(folder, tmp_path / "pruned")
            folder.mkdir()
        return flock(descriptor, operation)

    (folder / "deep").mkdir()
    put(backend, "a/deep/y.json")
    os.unlink(folder / "x.json")
    monkeypatch.setattr(fcntl, "flock", while_another_prunes)
    backend.delete("a/deep/y.json")
    assert folder.is_dir()


def test_files_keep_ordinary_permissions(backend, tmp_path):
    """A stored file is as readable for others as the umask says, not private like scratch."""
    old = os.umask(0o022)
    try:
        put(backend, "x.json")
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(tmp_path / "root" / "x.json").st_mode) == 0o644


def test_a_file_where_the_folder_should_be(tmp_path):
    """A store cannot be opened on a file."""
    (tmp_path / "root").write_text("x")
    with pytest.raises(InvalidKeyError, match="root"):
        open_local(tmp_path / "root")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder(backend, tmp_path):
    """An unwritable folder refuses, and what was there stays."""
    put(backend, "x.json", b"old")
    os.chmod(tmp_path / "root", 0o500)
    try:
        with pytest.raises(StoragePermissionError, match=r"x\.json"):
            put(backend, "x.json", b"new")
    finally:
        os.chmod(tmp_path / "root", 0o700)
    assert (tmp_path / "root" / "x.json").read_bytes() == b"old"


@pytest.mark.parametrize("utf8", [False, True])
def test_a_locale_that_is_not_utf8(tmp_path, utf8):
    """Where this process would call files otherwise than all others: refused and said to be left out, never absent."""
    AutoStore(tmp_path).update({"plain": 1, "café": 2})
    code = (
        "import sys, warnings; from autostore import AutoStore, InvalidKeyError\n"
        "store = AutoStore(sys.argv[1])\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    print(ascii(list(store.keys())), [one.message.hides_keys for one in said])\n"
        "for use in (store.get, lambda key: key in store, lambda key: store.write(key, 3).path):\n"
        "    try: print(use('plain'), ascii(use('caf\\u00e9')))\n"
        "    except InvalidKeyError as error: print('PYTHONUTF8' in str(error))\n"
    )
    told = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": str(int(utf8))}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=os.environ | told, capture_output=True, text=True, check=True
    )
    if utf8:
        assert done.stdout.split("\n")[:3] == [r"['caf\xe9', 'plain'] []", "1 2", "True True"]
    else:
        assert done.stdout == "['plain'] [True]\nTrue\nTrue\nTrue\n"
