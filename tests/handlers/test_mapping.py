"""Large arrays and checkpoints: mapped unless told otherwise, each with what that means for a file changed in place."""

import io
import os
import zipfile

import pytest

from autostore import AutoStore, CorruptDataError, StorageConfig
from autostore.handlers.arrays import MAP_FROM
from autostore.testing import same
from tests.optional import np, torch

LENGTH = MAP_FROM // 8 + 1000


def overwrite(file, value):
    """As a tool does that writes into the file that is there."""
    with open(file, "r+b") as stream:
        np.save(stream, value)


@pytest.mark.parametrize("mmap", [True, False])
def test_a_replaced_file_changes_nothing(tmp_path, mmap):
    """What was read stays when its key is written anew, which replaces the file."""
    with AutoStore(tmp_path, StorageConfig(mmap=mmap)) as store:
        store["a"], store["t"] = np.ones(LENGTH), {"w": torch.ones(LENGTH)}
        array, tensor = store["a"], store["t"]["w"]
        store["a"], store["t"] = np.zeros(LENGTH), {"w": torch.zeros(LENGTH)}
        assert (array.sum(), tensor.sum().item()) == (LENGTH, LENGTH)
        array[0] = 5
        assert store["a"][0] == 0


def test_without_a_map_no_file_is_needed_any_more(tmp_path):
    """With `mmap=False` what was read is memory: a file overwritten or cut in place changes nothing."""
    with AutoStore(tmp_path, StorageConfig(mmap=False)) as store:
        store["a"], store["t"], store["b"] = np.ones(LENGTH), {"w": torch.ones(LENGTH)}, [np.ones(LENGTH)]
        array, tensor, (member,) = store["a"], store["t"]["w"], store["b"]
        overwrite(tmp_path / "a.npy", np.zeros(LENGTH))
        for file in (tmp_path / path for path in store.list_files()):
            os.truncate(file, 100)
        assert (array.sum(), tensor.sum().item(), member.sum()) == (LENGTH, LENGTH, LENGTH)


def test_a_map_shows_what_is_written_in_place(tmp_path):
    """By default a tool that overwrites the file in place is seen, as the setting says."""
    with AutoStore(tmp_path) as store:
        store["a"] = np.ones(LENGTH)
        array = store["a"]
        overwrite(tmp_path / "a.npy", np.zeros(LENGTH))
        assert array.sum() == 0


@pytest.mark.parametrize("mmap", [True, False])
def test_a_file_that_was_cut_is_a_typed_error(tmp_path, mmap):
    """A file shorter than its header says is damage, before anything is mapped."""
    with AutoStore(tmp_path, StorageConfig(mmap=mmap)) as store:
        store["a"], store["t"] = np.ones(LENGTH), {"w": torch.ones(LENGTH)}
        for key in ("a", "t"):
            file = tmp_path / store.get_metadata(key).path
            os.truncate(file, file.stat().st_size // 2)
            with pytest.raises(CorruptDataError, match=repr(key)):
                store[key]


def test_a_file_cut_while_it_is_read_is_a_typed_error(tmp_path, monkeypatch):
    """Fewer bytes than the header promised are never taken for the array."""
    with AutoStore(tmp_path, StorageConfig(mmap=False)) as store:
        store["a"] = np.ones(1000)
        buffer = io.BytesIO()
        np.save(buffer, np.ones(1000))
        real = os.fstat
        monkeypatch.setattr(os, "fstat", lambda number: os.truncate(tmp_path / "a.npy", 5000) or real(number))
        with pytest.raises(CorruptDataError, match="'a'"):
            store["a"]


def test_a_map_of_a_file_is_stored_as_plain_arrays(tmp_path):
    """What `numpy.load(mmap_mode=...)` gives, and parts of it, come back as such from NumPy's own format."""
    np.save(tmp_path / "laid.npy", np.arange(12.0).reshape(3, 4))
    mapped = np.load(tmp_path / "laid.npy", mmap_mode="r")
    store = AutoStore(tmp_path / "store", StorageConfig(allow_pickle=False))
    for value in (mapped, mapped[1:], mapped.T, {"train": mapped, "n": 1}):
        store["k"] = value
        assert same(store["k"], value)
    with zipfile.ZipFile(tmp_path / "store" / store.get_metadata("k").path) as bundle:
        (name,) = (name for name in bundle.namelist() if name.endswith(".npy"))
        assert np.array_equal(np.load(io.BytesIO(bundle.read(name))), mapped)
