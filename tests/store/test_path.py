"""`store.path(key)`: a file of this machine for a library that wants a name, which lives as long as is promised."""

import pytest

from autostore import AutoStore, StorageFileNotFoundError
from tests.optional import np


def test_a_file_holds_the_bytes_under_the_files_own_name(store):
    """On every place; on a folder it is the stored file, elsewhere a copy that is the caller's."""
    store["models/net"] = np.arange(5)
    file = store.path("models/net")
    assert file.name == "net.npy"
    assert np.load(file).tolist() == [0, 1, 2, 3, 4]
    assert (store / "models").path("net").name == "net.npy"
    if store.uri.startswith("file:"):
        assert store.path("models/net") == file
        return
    store["models/net"] = np.arange(3)
    assert len(np.load(file)) == 5
    assert len(np.load(store.path("models/net"))) == 3
    file.write_bytes(b"mine")
    assert len(store["models/net"]) == 3
    assert len(np.load(store.path("models/net"))) == 3


def test_a_copy_goes_with_the_store(store):
    """`close` removes it, and the next call makes it anew."""
    store["a.txt"] = "text"
    file = store.path("a.txt")
    store.close()
    assert file.exists() == store.uri.startswith("file:")
    assert store.path("a.txt").read_text() == "text"
    with pytest.raises(StorageFileNotFoundError):
        store.path("b")


def test_a_base_is_not_handed_out(tmp_path):
    """A branch gives a copy of what its base has (law 13), and its own file where it has one."""
    base = AutoStore(tmp_path / "base")
    base["a"], base["b"] = {"a": 1}, {"b": 1}
    branch = AutoStore(tmp_path / "branch", base=base)
    branch["b"] = {"b": 2}
    assert branch.path("a").read_bytes() == base.path("a").read_bytes()
    assert not branch.path("a").is_relative_to(tmp_path / "base")
    assert branch.path("b") == tmp_path / "branch" / "b.json"
    assert branch.checksum("a") == base.checksum("a")
    del branch["a"]
    with pytest.raises(StorageFileNotFoundError):
        branch.path("a")
    with pytest.raises(StorageFileNotFoundError):
        branch.checksum("a")
