"""What Autostore keeps beside the values is data too: whoever laid it, nothing outside is touched, and nothing lies."""

import json
import os
import resource
import shutil
import socket
from datetime import UTC, datetime

import pytest

from autostore import AutoStore, CorruptDataError, InvalidKeyError, LocalFileConfig, StorageError, StorageIOError

HISTORY = LocalFileConfig(history=True)


@pytest.fixture
def outside(tmp_path):
    """A folder of somebody else, with names that ours could have."""
    folder = tmp_path / "outside"
    for name in ("victim", "1-a.json", "1-a.~note", "gone", "saw", "gone-bare", "tmp", "marks", ".autostore/1-a.json",
                 ".autostore/saw", ".autostore/gone-bare"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")
        os.utime(folder / name, (1e9, 1e9))
    return folder


@pytest.fixture
def stores(tmp_path):
    """A branch over a base, both with history, each with every kind of our own files."""

    def opened():
        base = AutoStore(tmp_path / "base", HISTORY)
        return base, AutoStore(tmp_path / "branch", HISTORY, base=base)

    base, branch = opened()
    base.update({"a": 1, "b": 2, "gone": 3})
    base.write("a", 4, note="noted")
    branch["a"] = 5
    branch["own"] = 6
    del base["gone"], branch["b"]
    base.close()
    branch.close()
    return opened


def look_of(folder):
    """Everything below a folder: names, contents, times."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [(str(file), file.read_bytes(), file.stat().st_mtime_ns) for file in files], sorted(folder.rglob("*"))


def use(opened):
    """Calls of every kind that meet our own files; the errors are typed."""
    base, branch = opened()
    acts = [
        lambda: base.write("a", {"now": "another format"}), lambda: base.write("new", 1), lambda: base.pop("a"),
        lambda: base.versions("a"), lambda: base.prune("a", keep=0), lambda: base.prune(keep=0),
        lambda: base.move("new", "newer"), lambda: branch.write("b", 7), lambda: branch.pop("own"),
        lambda: branch.diff(), lambda: branch.discard(), lambda: branch.promote(), lambda: base.cleanup_cache(),
    ]  # fmt: skip
    errors = []
    for act in acts:
        try:
            act()
        except (StorageError, KeyError) as error:
            errors.append(error)
    base.close()
    branch.close()
    return errors


OWN = [
    "base/.autostore", "base/.autostore/clock", "base/.autostore/marks", "base/.autostore/marks/*",
    "base/.autostore/tmp", "base/.autostore/versions", "base/.autostore/versions/a",
    "base/.autostore/versions/a/.autostore", "base/.autostore/versions/a/.autostore/*", "branch/.autostore",
    "branch/.autostore/base", "branch/.autostore/base/b.json", "branch/.autostore/base/b.json/.autostore",
    "branch/.autostore/base/*/.autostore/*",
]  # fmt: skip


@pytest.mark.parametrize("to", ["victim", "", "nothing/yet", "not-yet"])
@pytest.mark.parametrize("own", OWN)
def test_our_own_files_lead_nowhere_else(own, to, stores, outside, tmp_path):
    """A link in the place of anything of ours: nothing is written, removed or touched where it leads."""
    # Mutation that this was seen to catch: marks and the clock are written through links, prune and discard list them.
    for file in sorted(tmp_path.glob(own)):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        file.symlink_to(outside / to)
    before = look_of(outside)
    use(stores)
    assert look_of(outside) == before


@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "loop"])
@pytest.mark.parametrize("own", [own for own in OWN if "*" not in own and "clock" not in own])
def test_what_stands_in_the_way_is_named(own, kind, stores, tmp_path, monkeypatch):
    """Something else in the place of a folder of ours: no key is blamed, and what was kept is not said to be none."""
    # Mutation that this was seen to catch: list_own takes what is no folder for an empty one.
    folder = tmp_path / own
    shutil.rmtree(folder)
    if kind == "file":
        folder.write_text("I am a file")
    elif kind == "pipe":
        os.mkfifo(folder)
    elif kind == "loop":
        folder.symlink_to(folder.name)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            monkeypatch.chdir(folder.parent)  # a socket's name is short
            listener.bind(folder.name)
    base, branch = stores()
    assert (base["a"], base["b"], branch["own"]) == (4, 2, 6)
    if "versions" in own or own == "base/.autostore":
        with pytest.raises(StorageError):
            base.versions("a")
    if "branch" in own:
        with pytest.raises(StorageError):
            branch["b"]
    for error in use(stores):
        assert not isinstance(error, InvalidKeyError) or "A link leads out" in str(error), error
        assert "Choose another key" not in str(error)
        assert "Check the disk" not in str(error)
        assert "Set another folder" not in str(error)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_a_mark_that_is_none_hides_no_value(kind, stores, outside, tmp_path):
    """A key whose mark is no file reads as before."""
    # Mutation that this was seen to catch: what _read raises of a folder fails the read.
    for mark in (tmp_path / "base/.autostore/marks").iterdir():
        mark.unlink()
        {"folder": mark.mkdir, "pipe": lambda: os.mkfifo(mark), "link": lambda: mark.symlink_to(outside)}[kind]()  # noqa: B023
    base, _ = stores()
    assert (base["a"], base["b"], sorted(base)) == (4, 2, ["a", "b"])
    with pytest.raises(StorageIOError, match="Something else stands"):
        base["a"] = 7


@pytest.mark.parametrize(
    "text",
    ["[" * 500_000, '{"saw": "x", "at": 1e999}', '{"saw": "x", "at": ' + "9" * 5_000 + "}", "[]", "null", "\0" * 9],
)
def test_a_record_of_any_content_is_a_typed_error(text, stores, tmp_path):
    """What a branch saw of its base, as somebody else may write it."""
    # Mutation that this was seen to catch: _read does not know RecursionError and OverflowError.
    for record in tmp_path.glob("branch/.autostore/base/*/.autostore/*"):
        record.write_text(text)
    _, branch = stores()
    with pytest.raises(CorruptDataError):
        branch.promote()


def test_what_is_no_small_file_is_not_read_whole(stores, tmp_path):
    """A note and a record of a gigabyte of zeros take little memory."""
    # Mutation that this was seen to catch: text_of reads all.
    for file in (*tmp_path.glob("*/.autostore/base/*/.autostore/*"), *tmp_path.rglob("*~note")):
        os.truncate(file, 1 << 30)
    base, branch = stores()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    note = base.versions("a")[0].note
    assert note.startswith("noted")
    assert len(note) < 1 << 20
    with pytest.raises(CorruptDataError):
        branch.promote()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_only_files_of_a_shelf_are_versions(stores, tmp_path):
    """A folder, or a path that no key could have, below the versions is none."""
    # Mutation that this was seen to catch: the extension of a version may hold a slash.
    base, _ = stores()
    seen = [version.id for version in base.versions("a")]
    shelf = tmp_path / "base/.autostore/versions/a/.autostore"
    (shelf / "1-a.json").mkdir()
    (shelf / "1-a.json/x").write_text("1")
    (shelf / "2-b.json (conflicted copy)").mkdir()
    (shelf / "2-b (conflicted copy).json").write_text("1")
    (shelf / ".DS_Store").write_text("1")
    assert [version.id for version in base.versions("a")] == seen
    base.prune("a", keep=0)
    assert json.loads((shelf / "1-a.json/x").read_text()) == 1


@pytest.mark.parametrize(
    "copy",
    [
        "{}~",
        "{}.bak",
        "{}.orig",
        "{}.tmp",
        ".{}.swp",
        "._{}",
        "{} (conflicted copy)",
        ".nfs0001{}",
        "{0} copy{1}",
        "{0}.sync-conflict-20261128-101112-ABCDEFG{1}",
        "{0} (Ada's conflicted copy 2026-11-28){1}",
    ],
)
def test_copies_beside_versions_are_none(copy, stores, tmp_path):
    """What editors, backups and synchronisers lay beside versions is none, and no version goes earlier for it."""
    # Mutation that this was seen to catch: kept_files takes every name that begins with an id.
    base, _ = stores()
    base["a"] = 5
    seen = [(base.read("a", version=version), version.note) for version in base.versions("a")]
    for file in [file for file in tmp_path.rglob("*") if file.is_file() and ".autostore" in str(file)]:
        name, dot, extension = file.name.partition(".")
        shutil.copy2(file, file.with_name(copy.format(*([file.name] if "{}" in copy else [name, dot + extension]))))
    base, _ = stores()
    assert [(base.read("a", version=version), version.note) for version in base.versions("a")] == seen
    assert base.read("a", at=datetime.now(UTC)) == 5
    assert base.read("gone", version=base.versions("gone")[0]) == 3
    assert base.prune("a", keep=3).removed == []
