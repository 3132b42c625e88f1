"""cp, mv, rm and sync: what arrives is what was there, marks too; nothing is lost, and nobody is surprised."""

import os
import signal
import subprocess
import time

import pytest

from autostore import AmbiguousKeyError, AutoStore
from autostore.testing import same
from tests.cli.conftest import of_s3
from tests.optional import np, pl
from tests.proxy import Proxy


def contents(store):
    return {entry.path: store.read(entry.path, as_type=bytes) for entry in store.entries()}


def test_cp_r_copies_a_store_with_its_marks(filled, place, shell):
    """A copy on a laptop holds the same files under the same kinds of keys, so that bare keys change formats."""
    done = shell("cp", "-r", place, "laptop")
    assert len(done.lines) == 6
    copy = AutoStore(shell.folder / "laptop")
    assert contents(copy) == contents(filled)
    assert same(copy["flights/monday"], filled["flights/monday"])
    copy["notes"] = {"now": "a dict"}
    assert sorted(copy.keys("no")) == ["notes"]
    with pytest.raises(AmbiguousKeyError):  # it was written as table.csv, which no other key may replace
        copy["table"] = 1


def test_cp_of_single_keys(filled, place, shell):
    """A key into a folder keeps its name; to a key it gets that one; several need a folder."""
    shell("cp", place + "notes", place + "flights/tuesday", "here/")
    assert sorted(AutoStore(shell.folder / "here").keys()) == ["notes", "tuesday"]
    shell("cp", "here/notes", place + "a/b")
    assert filled["a/b"] == filled["notes"]
    shell("cp", place + "notes", place + "copied")
    assert filled["copied"] == filled["notes"]
    assert "slash" in shell("cp", place + "notes", place + "numbers", "here/x", code=2).err
    assert "format" in shell("cp", place + "notes", "here/notes.csv", code=7).err


def test_mv(filled, place, shell):
    """What moved is there and not here any more, within a store and to another."""
    before = contents(filled)
    shell("mv", place + "flights/monday", place + "archive/")
    assert "flights/monday" not in filled
    assert filled["archive/monday"].height == 20
    shell("mv", "-r", place, "there")
    assert list(filled.keys()) == []
    after = contents(AutoStore(shell.folder / "there"))
    assert sorted(after.values()) == sorted(before.values())


def test_a_variable_that_is_not_set_removes_nothing(filled, place, shell):
    """An empty word is no store, and `/` is all of the machine."""
    before = contents(filled)
    with shell.changed({"AUTOSTORE_URI": place}):
        for words in (
            ("rm", "-r", ""), ("mv", "-r", "", "there"), ("cp", place + "notes", ""), ("sync", "there", "", "--delete"),
            ("prune", "", "--keep", "1"), ("discard", "", "--base", "there"), ("rm", "", place + "notes"),
        ):  # fmt: skip
            assert "not set" in shell(*words, code=2).err
        for words in (("rm", "-r", "-n", "/"), ("mv", "-r", "-n", "//", "there")):
            assert "all of this machine" in shell(*words, code=2).err
    assert contents(filled) == before


def test_rm(filled, place, shell):
    """Only what was meant goes; a folder needs -r; a dry run removes nothing."""
    assert "-r" in shell("rm", place + "flights/", code=3).err
    shell("rm", "-n", "-r", place + "flights/")
    assert len(filled) == 6
    shell("rm", place + "flights/*day", place + "notes")
    assert sorted(filled.keys()) == ["flights/deep/er", "numbers", "table"]
    shell("rm", "-r", place + "flights")
    assert sorted(filled.keys()) == ["numbers", "table"]
    shell("rm", place + "numbers", place + "none", code=3)
    assert "numbers" in filled  # nothing is removed where one of them is not there


def test_sync_sends_what_changed_only(filled, place, shell):
    """Twice sends nothing the second time; a change, a new format and, with --delete, a removal arrive."""
    time.sleep(1.1)  # what was sent within the second of its writing is sent again, as it may be another by then
    shell("sync", place, "laptop")
    assert shell("sync", place, "laptop").out == ""
    time.sleep(1.1)  # S3 counts whole seconds
    filled["notes"] = "another text"
    filled["flights/tuesday"] = [1, 2]
    del filled["numbers"]
    time.sleep(1.1)
    assert sorted(line.split("\t")[1] for line in shell("sync", place, "laptop").lines) == ["flights/tuesday", "notes"]
    copy = AutoStore(shell.folder / "laptop")
    assert (copy["flights/tuesday"], copy["notes"]) == ([1, 2], "another text")
    assert "numbers" in copy
    [row] = shell("sync", "--delete", "--dry-run", "--json", place, "laptop").json
    assert (row["action"], row["key"]) == ("remove", "numbers")
    assert "numbers" in copy
    shell("sync", "--delete", place, "laptop")
    assert contents(copy) == contents(filled)


def test_nothing_is_copied_into_itself(filled, place, shell):
    """A folder within the one that is copied is refused, with -s a bare word is one; --delete also the other way."""
    before = contents(filled)
    for words in (
        ["sync", place, place + "laptop"],
        ["sync", "-s", place, place, "laptop"],
        ["cp", "-r", place, place + "x/"],
        ["mv", "-r", place + "flights", place + "flights/old"],
        ["sync", "--delete", place + "flights", place],
    ):
        assert "lie apart" in shell(*words, code=2).err
    assert contents(filled) == before
    shell("sync", place + "flights", place)
    assert filled["deep/er"] == {"a": 1}
    shell("cp", "-r", place + "flights", place + "flights2")
    assert filled["flights2/deep/er"] == {"a": 1}


@pytest.mark.parametrize("command", ["cp", "mv"])
def test_two_objects_never_become_one(filled, place, shell, command):
    """Keys of one name in several folders do not go into one: the second would replace the first."""
    filled.update({"other/monday": 1, "other/table": "t", "table.txt": "named"})
    AutoStore(shell.folder / "mine")["monday"] = 2
    before = contents(filled)
    for words in (
        [place + "flights/monday", place + "other/monday", "here/"],
        [place + "flights/monday", place + "other/monday", place + "archive/"],
        [place + "flights/monday", "mine/monday", place + "archive/"],
        [place + "**/monday", "here/"],
        [place + "other/table", place + "table.txt", "here/"],
        ["-r", place + "flights", place + "other", "here"],
    ):
        assert "both become" in shell(command, *words, code=2).err
    assert contents(filled) == before
    assert not (shell.folder / "here").exists()
    shell(command, place + "flights/monday", place + "other/table", "here/")
    assert sorted(AutoStore(shell.folder / "here").keys()) == ["monday", "table"]


def test_delete_removes_nothing_for_what_the_source_does_not_show(tmp_path, shell):
    """A source with nothing in it is a wrong word; a link that leads out, or a closed folder, may hold all of it."""
    with AutoStore(tmp_path / "source") as source, AutoStore(tmp_path / "backup") as backup:
        for store in (source, backup):
            store.update({"a/one": 1, "b/two": 2})
        before = contents(backup)
        assert "remove all" in shell("sync", "--delete", tmp_path / "sourec", tmp_path / "backup", code=3).err
        (tmp_path / "source" / "b").rename(tmp_path / "elsewhere")
        (tmp_path / "source" / "b").symlink_to(tmp_path / "elsewhere")
        assert "without --delete" in shell("sync", "--delete", tmp_path / "source", tmp_path / "backup", code=4).err
        assert contents(backup) == before
        (tmp_path / "source" / "b").unlink()
        shell("sync", "--delete", tmp_path / "source", tmp_path / "backup")
        assert list(backup.keys()) == ["a/one"]


def test_a_sync_that_does_nothing_says_why(tmp_path, shell):
    """The target has it all, or the source is a wrong word; no steps are counted that were none."""
    with AutoStore(tmp_path / "source") as source:
        source["k"] = 1
        source.copy_to(AutoStore(tmp_path / "target"), "k")
    for more in ([], ["-n"]):
        assert (
            shell("sync", *more, tmp_path / "source", tmp_path / "target").err
            == "Nothing changed since the last time.\n"
        )
        told = shell("sync", *more, tmp_path / "sourec", tmp_path / "target").err
        assert told == f"Nothing is stored in {(tmp_path / 'sourec').as_uri()}/; nothing was done.\n"


def test_sync_sends_what_is_modified_or_changes_meanwhile(tmp_path, shell, monkeypatch):
    """Of the same size, it shows in no time that a later run would see: the copy is newer than both."""
    source, target = AutoStore(shell.folder / "a"), AutoStore(shell.folder / "b")
    source.update({"x": 1, "y": 1})
    assert len(shell("sync", "a", "b").lines) == 2
    source.modify("x", lambda value: value + 1)
    assert shell("sync", "a", "b").lines == ["copy\tx\t1"]
    assert target["x"] == 2
    from autostore.cli.commands import app  # where typer is missing the command's tests are skipped

    copy_to = AutoStore.copy_to

    def beside_a_writer(store, other, key, *rest, **more):
        copied = copy_to(store, other, key, *rest, **more)
        if source["y"] == 2:
            source["y"] = 3
        return copied

    source["y"] = 2
    monkeypatch.setattr(AutoStore, "copy_to", beside_a_writer)
    monkeypatch.chdir(shell.folder)
    assert not app(["sync", "a", "b"], standalone_mode=False)
    assert target["y"] == source["y"] == 3


def test_sync_by_checksum_and_verified(tmp_path, shell):
    """What has the same size and is older, and yet another, is found byte by byte; what is the same is let be."""
    source, target = AutoStore(shell.folder / "a"), AutoStore(shell.folder / "b")
    source.update({"x": "one", "y": "two"})
    target.update({"x": "one", "y": "TWO"})
    etag = target.get_metadata("x").etag
    assert shell("sync", "a", "b").out == ""
    assert shell("sync", "--checksum", "--verify", "a", "b").lines == ["copy\ty\t3"]
    assert target["y"] == "two"
    assert target.get_metadata("x").etag == etag


def test_one_failure_does_not_stop_the_others(tmp_path, shell):
    """What cannot be written is told, the rest is done, and the exit code says so."""
    source, target = AutoStore(shell.folder / "a"), AutoStore(shell.folder / "b")
    source.update({"x": {"a": 1}, "y": 2, "z": 3})
    (shell.folder / "b").mkdir()
    (shell.folder / "b" / "x.csv").write_text("a\n1\n")  # somebody's file answers to x
    done = shell("sync", "a", "b", code=6)
    assert "x.csv" in done.err
    assert "1 of 3 failed" in done.err
    assert (target["y"], target["z"]) == (2, 3)


def test_marks_of_formats_that_replace_each_other(filled, place, shell):
    """A key whose format changed at the source has one file at the target after the next sync."""
    shell("sync", place, "laptop")
    filled["numbers"] = {"no": "array"}
    shell("sync", place, "laptop")
    assert sorted(file.name for file in (shell.folder / "laptop").glob("numbers*")) == ["numbers.json"]


def test_ctrl_c_leaves_whole_objects(tmp_path, shell):
    """A copy that is stopped leaves no part of an object and no temporary file, and goes on where it was."""
    source = AutoStore(shell.folder / "a")
    for number in range(300):
        source[f"k{number:03}"] = np.full(50_000, number)
    with shell.start("sync", "a", "b", stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as run:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(list((shell.folder / "b").glob("*.npy"))) < 5:
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert b"Traceback" not in err
    assert b"Stopped" in err
    target = AutoStore(shell.folder / "b")
    done = list(target.keys())
    assert 5 <= len(done) < 300
    for key in done:
        assert (target[key] == source[key]).all()
    scratch = shell.folder / "b" / ".autostore" / "tmp"
    assert not scratch.exists() or not any(files for _, _, files in os.walk(scratch))
    rest = shell("sync", "a", "b").lines
    assert len(rest) == 300 - len(done)
    assert contents(target) == contents(source)


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_a_person_is_asked_first(tmp_path, shell, answer):
    """In a terminal what would be removed or replaced is asked for; only yes does it."""
    store = AutoStore(shell.folder / "a")
    store.update({"x": 1, "y": 2})
    seen = shell.terminal("rm", "a/x", answer=answer)
    assert "Remove 1 object" in seen
    assert ("x" in store) == (answer == "n\n")
    store["x"] = 3
    assert "Replace 1 object" in shell.terminal("cp", "a/x", "a/y", answer=answer)
    assert store["y"] == (3 if answer == "y\n" else 2)
    assert "[y/N]" not in shell.terminal("cp", "a/x", "a/new")


def test_between_stores_in_python(store, tmp_path):
    """`copy_to` and `move_to` do the same in a program, on every place."""
    other = AutoStore(tmp_path / "other")
    store["a/t"] = pl.DataFrame({"x": [1]})
    store["b.json"] = [1]
    assert store.copy_to(other, "a/t").path == "a/t.parquet"
    assert store.copy_to(other, "b.json", "c").path == "c.json"
    assert other["c"] == [1]
    with pytest.raises(RuntimeError):
        store.copy_to(other, "a/t", if_absent=True)
    assert store.checksum("a/t") == other.checksum("a/t")
    assert other.move_to(store / "below", "c", "d").path == "d.json"
    assert store["below/d"] == [1]
    assert list(other.keys()) == ["a/t"]
    other["a/t"] = 5  # it was written under a bare key, also here
    assert list(other.list_files()) == ["a/t.json"]
    assert (store / "a").move_to(store / "z", "t").path == "t.parquet"
    assert list(store.keys("z")) == ["z/t"]
    assert "a/t" not in store


@pytest.mark.parametrize("command", [["cp", "-r"], ["sync"], ["mv", "-r"]])
def test_between_buckets_the_server_copies(moto_s3, shell, command):
    """No object goes through this machine between two addresses on one server."""
    size = 300_000
    with Proxy(moto_s3.endpoint) as proxy:
        (told, source), (_, target) = of_s3(moto_s3), of_s3(moto_s3)
        shell.environment |= told | {"AWS_ENDPOINT_URL": proxy.endpoint}
        with AutoStore(source, moto_s3.config()) as store:
            store["a/b"], store["c.bin"] = np.zeros(size, np.uint8), bytes(size)
        assert len(shell(*command, source, target).lines) == 2
        moved = sum(one.received + int(one.headers.get("content-length", 0)) for one in proxy.requests)
        assert moved < size / 2
    with AutoStore(target, moto_s3.config()) as store:
        assert same(store["a/b"], np.zeros(size, np.uint8))
        assert store["c.bin"] == bytes(size)
