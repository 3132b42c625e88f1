"""A folder's listing is trusted only while nobody else changed the folder."""

import os
import time

import pytest

from autostore import AmbiguousKeyError, AutoStore
from autostore.backends.local.names import LARGEST, FolderNames
from tests.optional import pl


def test_a_change_by_anyone_else_is_seen(tmp_path):
    """After a listing, files that others add or remove are never taken from memory."""
    names = FolderNames()
    folder = str(tmp_path)
    assert names.look(folder) is None  # one write alone does not pay for a listing
    for number in range(200):
        assert names.look(folder) == set(os.listdir(folder))
        (tmp_path / f"foreign{number}").touch()
        assert names.look(folder) == set(os.listdir(folder))
        names.confirm(folder)
        (tmp_path / f"own{number}").touch()
        names.added(folder, f"own{number}")
        if number % 3 == 0:
            (tmp_path / f"foreign{number}").unlink()


def test_an_own_change_on_stale_knowledge_is_not_trusted(tmp_path):
    """A write that was not preceded by a look does not make old knowledge valid again."""
    names = FolderNames()
    folder = str(tmp_path)
    names.look(folder)
    assert names.look(folder) == set()
    (tmp_path / "foreign").touch()
    names.confirm(folder)
    (tmp_path / "own").touch()
    names.added(folder, "own")
    assert names.look(folder) in (None, {"foreign", "own"})


def test_a_large_folder_is_not_listed(tmp_path):
    """Above the limit looking for single names is cheaper."""
    for number in range(LARGEST + 1):
        (tmp_path / str(number)).touch()
    names = FolderNames()
    assert names.look(str(tmp_path)) is None
    assert names.look(str(tmp_path)) is None


def test_files_laid_during_many_writes_are_found(tmp_path):
    """In the middle of many writes a stranger's file still stands in the way of its key."""
    store = AutoStore(tmp_path)
    started = time.monotonic()
    for number in range(60):
        store[f"k{number}"] = {"n": number}
        pl.DataFrame({"a": [number]}).write_csv(
            tmp_path / f"k{number + 1}.csv" if number % 5 == 4 else tmp_path / "x.csv"
        )
        if number % 5 == 4:
            with pytest.raises(AmbiguousKeyError):
                store[f"k{number + 1}"] = {"n": 0}
            (tmp_path / f"k{number + 1}.csv").unlink()
    assert time.monotonic() - started < 30
    assert len([key for key in store if key.startswith("k")]) == 60
