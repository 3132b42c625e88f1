"""`read(key, version=... | at=..., as_type=Path)`: an old version as a file, for a library that wants a name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from autostore import AutoStore, StorageConfig, StorageFileNotFoundError, UnsupportedFormatError
from tests.optional import pl


def test_each_version_is_a_file_of_its_own_name(kept):
    """Each has the bytes and the extension that it was written with, also the value now, and of a deleted key."""
    kept["a/k"] = {"a": 1}
    then = datetime.now(UTC)
    kept["a/k"] = "text"
    kept["a/k.csv"] = pl.DataFrame({"a": [1]})
    files = [kept.read("a/k", version=version, as_type=Path) for version in kept.versions("a/k")]
    assert [(file.name, file.read_bytes()) for file in files] == [("k.txt", b"text"), ("k.json", b'{"a": 1}')]
    assert kept.read("a/k", at=then, as_type=Path).read_bytes() == b'{"a": 1}'
    del kept["a/k.csv"]
    (gone,) = kept.versions("a/k.csv")
    assert kept.read("a/k.csv", version=gone.id, as_type=Path).name == "k.csv"
    with pytest.raises(StorageFileNotFoundError):
        kept.read("a/k.csv", version="1-2", as_type=Path)
    with pytest.raises(UnsupportedFormatError):
        kept.read("a/k", version=files and kept.versions("a/k")[1], as_type=Path, columns=["a"])


def test_it_is_the_callers_until_the_store_is_closed(place):
    """Writing, changing the file and pruning change it, or what is stored, in nothing; closing the store removes it."""
    with place(history=True) as kept:
        for number in range(3):
            kept["k"] = {"n": number}
        now, old, _ = (kept.read("k", version=version, as_type=Path) for version in kept.versions("k"))
        now.write_bytes(b"changed")
        old.write_bytes(b"changed, too")
        assert [kept.read("k", version=version) for version in kept.versions("k")] == [{"n": 2}, {"n": 1}, {"n": 0}]
        kept["k"] = 4
        kept.prune(keep=1, days=0)
        assert (now.read_bytes(), old.read_bytes()) == (b"changed", b"changed, too")
    assert not now.exists()
    assert not old.exists()


def test_folders_and_paths_that_are_values(kept, tmp_path):
    """A version of a `.tar` is the folder that it was; one of a format that holds paths is the path."""
    (tmp_path / "site").mkdir()
    for text in ("first", "second"):
        (tmp_path / "site" / "index.html").write_text(text)
        kept["site.tar"] = tmp_path / "site"
    found = [kept.read("site.tar", version=version, as_type=Path) for version in kept.versions("site.tar")]
    assert [(folder / "index.html").read_text() for folder in found] == ["second", "first"]
    assert [folder.name for folder in found] == ["site", "site"]
    kept["where"] = tmp_path
    kept["where"] = "elsewhere"
    assert kept.read("where", version=kept.versions("where")[1], as_type=Path) == tmp_path


def test_of_a_base(tmp_path):
    """A branch hands out its own versions and its base's, and takes both along when it is closed."""
    with AutoStore(tmp_path / "base", StorageConfig(history=True)) as base:
        base["k"], base["k"] = 1, 2
        with AutoStore(tmp_path / "branch", StorageConfig(history=True), base=base) as branch:
            branch["k"] = 3
            files = [branch.read("k", version=version, as_type=Path) for version in branch.versions("k")]
            assert [file.read_text() for file in files] == ["3", "2", "1"]
        assert not any(file.exists() for file in files)
        assert base["k"] == 2
