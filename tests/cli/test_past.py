"""versions, restore, prune, url; diff, promote, discard: the past of keys, and branches, from a shell."""

import dataclasses
import json

import pytest

from autostore import AutoStore


@pytest.fixture
def kept(shell):
    """A shell that keeps history."""
    shell.environment["AUTOSTORE_HISTORY"] = "true"
    return shell


def test_versions_and_restore(filled, place, kept):
    """What was replaced by a command is listed, comes back by its id, and what that replaces is kept as well."""
    kept("cp", "-y", place + "table.csv", place + "numbers.csv")
    kept("cp", place + "notes", place + "log")
    kept("cp", "-y", place + "flights/deep/er", place + "flights/tuesday")
    assert filled["flights/tuesday"] == {"a": 1}
    rows = kept("versions", "--json", place + "flights/tuesday").json
    assert [row["current"] for row in rows] == [True, False]
    assert kept("restore", "-n", place + "flights/tuesday", rows[1]["id"]).lines[0].split("\t")[0] == "restore"
    assert kept("head", place + "flights/tuesday", "--version", rows[1]["id"]).lines[0] == "x\ty"
    assert kept("cat", place + "flights/tuesday", "--version", rows[1]["id"], text=False).out.startswith(b"PAR1")
    assert "one key" in kept("cat", place + "a", place + "b", "--version", "1-1", code=2).err
    assert filled["flights/tuesday"] == {"a": 1}
    kept.environment.pop("AUTOSTORE_HISTORY")  # what restore replaces is kept all the same
    kept("restore", place + "flights/tuesday", rows[1]["id"])
    assert filled["flights/tuesday"]["y"].to_list() == ["b"]
    assert len(kept("versions", place + "flights/tuesday").lines) == 3
    assert "version" in kept("restore", place + "flights/tuesday", "1-none", code=3).err
    assert "None" in kept("versions", place + "never").err


def test_prune(filled, place, kept):
    """Old versions go, as many as were said before; the values stay."""
    for _ in range(3):
        kept("cp", "-y", place + "flights/deep/er", place + "notes")
    told = kept("prune", "--dry-run", "--keep", "1", place).lines
    assert len(kept("versions", place + "notes").lines) == 4
    assert len(told) == 3
    assert all("notes" in line for line in told)  # whose they are
    assert kept("prune", "--keep", "1", place).lines == told
    assert len(kept("versions", place + "notes").lines) == 1
    assert filled["notes"] == {"a": 1}
    assert kept("prune", "--keep", "1", place).err == "No version is old enough to go; nothing was done.\n"
    assert "Pass --keep, --days or both" in kept("prune", place, code=2).err


def test_url(filled, place, shell):
    """The address of the file itself, which other tools open."""
    assert shell("url", place + "notes").lines == [filled.url("notes")]
    [told] = shell("url", "--json", place + "notes").json
    assert told == {"key": "notes", "url": filled.url("notes")}
    if "://" not in place:
        assert "Leave out --expires" in shell("url", "--expires", "9", place + "notes", code=2).err


def test_a_branch_is_copied_as_it_reads(tmp_path, shell):
    """With --base, `sync`, `cp`, `ls`, `tree`, `head` and `cat` see what the branch changed and what its base has."""
    base = AutoStore(shell.folder / "base")
    base["kept"], base["changed"], base["gone"] = 1, "old", 2
    branch = AutoStore(shell.folder / "branch", base=base)
    branch["changed"] = "new"
    del branch["gone"]
    over = ("--base", "base")
    assert shell("ls", "branch", *over).lines == ["changed", "kept"]
    assert "1" in shell("head", "branch/kept", *over).out
    assert shell("cat", "branch/changed", *over).out == "new"
    assert "kept" in shell("tree", "branch", *over).out
    shell("sync", "branch", "laptop", *over)
    assert dict(AutoStore(shell.folder / "laptop").items()) == {"changed": "new", "kept": 1}
    shell("cp", "-r", "branch", "other", *over, "--verify")
    assert dict(AutoStore(shell.folder / "other").items()) == {"changed": "new", "kept": 1}
    assert list(base.keys()) == ["changed", "gone", "kept"]


def test_a_branch_is_compared_promoted_and_discarded(filled, place, shell):
    """A branch's changes are listed, go into the base as a whole, or away; a base that changed refuses by name."""
    branch = AutoStore(shell.folder / "branch").over(place)
    branch["notes"] = "mine"
    branch["new"] = 1
    del branch["numbers"]
    wanted = ["added\tnew", "changed\tnotes", "deleted\tnumbers"]
    assert shell("diff", "branch", "--base", place).lines == wanted
    assert shell("promote", "-n", "branch", "--base", place).lines == wanted
    assert filled["notes"] != "mine"
    assert shell("discard", "branch/new", "--base", place).lines == ["added\tnew"]
    assert shell("promote", "branch", "--base", place).lines == wanted[1:]
    assert (filled["notes"], "numbers" in filled, "new" in filled) == ("mine", False, False)
    branch["notes"] = "mine again"
    filled["notes"] = "theirs"
    assert "'notes'" in shell("promote", "branch", "--base", place, code=6).err
    assert filled["notes"] == "theirs"
    assert shell("diff", "branch", code=2).err  # without a base there is nothing to compare


@pytest.mark.parametrize("command", ["promote", "discard"])
def test_a_wrong_word_for_the_base(filled, place, shell, command):
    """Over a base where nothing lies every key is a change, to be moved there or removed: -y says that it is meant."""
    keys = sorted(filled.keys())
    empty = place.rstrip("/") + "-emtpy/"
    assert "-y" in shell(command, place, "--base", empty, code=3).err
    assert (sorted(filled.keys()), list(AutoStore(empty).keys())) == (keys, [])
    assert len(shell(command, "-y", place, "--base", empty).lines) == len(keys)
    assert not list(filled.keys())


def test_a_branch_and_its_base_the_wrong_way_round(filled, place, shell):
    """What is no branch, over what is one, is not emptied of what it has and that lacks."""
    branch = AutoStore(shell.folder / "branch").over(place)
    branch["notes"] = "mine"
    keys = sorted(filled.keys())
    assert "other way round" in shell("discard", place, "--base", "branch", code=2).err
    assert sorted(filled.keys()) == keys
    assert shell("discard", "branch", "--base", place).lines == ["changed\tnotes"]


def test_what_a_promotion_replaces_is_kept(filled, place, shell):
    """Production keeps versions, which the shell is not told: what a promotion replaces there is one all the same."""
    with AutoStore(place, dataclasses.replace(filled.config, history=True)) as production:
        production["notes"] = "computed last night"
        AutoStore(shell.folder / "branch").over(place)["notes"] = "mine"
        assert shell("promote", "branch", "--base", place).lines == ["changed\tnotes"]
        now, before, *_ = production.versions("notes")
        assert (production["notes"], production.read("notes", version=before.id)) == ("mine", "computed last night")
        assert now.current


def test_a_person_is_asked(filled, place, shell):
    """At a terminal a promotion waits for a word, and no is an answer."""
    AutoStore(shell.folder / "branch").over(place)["notes"] = "mine"
    assert "Change 1 key of the base?" in shell.terminal("promote", "branch", "--base", place, answer="n\n")
    assert filled["notes"] != "mine"
    shell.terminal("promote", "branch", "--base", place, answer="y\n")
    assert json.dumps(filled["notes"]) == '"mine"'


def test_a_branch_beside_its_base(filled, place, shell):
    """Both in one bucket, named without a slash at the end: a branch is a store that begins there."""
    beside = place.removesuffix("/") + "-branch"
    AutoStore(beside).over(place)["notes"] = "mine"
    assert shell("diff", beside, "--base", place).lines == ["changed\tnotes"]
    assert shell("promote", beside, "--base", place.removesuffix("/")).lines == ["changed\tnotes"]
    assert filled["notes"] == "mine"


def test_what_a_shell_replaces_and_removes_is_kept_where_versions_are(filled, place, shell):
    """Without a word in the settings, too, as others of the store rely on it; `history = false` is heard."""
    keeping = AutoStore(place, dataclasses.replace(filled.config, history=True))
    keeping["notes"] = "yesterday"
    shell("cp", "-y", place + "flights/deep/er", place + "notes")
    shell("mv", "-y", place + "notes", place + "log")
    shell("rm", "-y", place + "log")
    assert [len(keeping.versions(key)) for key in ("notes", "log")] == [3, 1]
    assert keeping.read("notes", version=keeping.versions("notes")[1].id) == "yesterday"
    shell.environment["AUTOSTORE_HISTORY"] = "false"
    shell("rm", "-y", place + "flights/tuesday")
    assert keeping.versions("flights/tuesday") == []


def test_nothing_is_kept_where_no_versions_are(filled, place, shell):
    """A store that nobody asked to keep the past has none after a command."""
    shell("rm", "-y", place + "notes")
    assert not filled.keeps_versions()
