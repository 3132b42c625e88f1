"""Whoever removes what is ours and not the user's, at any moment: it is made anew, or a typed error says what is gone.

Absence is said only when the place itself said so, and no value is lost or changed.
"""

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
import zlib

import pytest

from autostore import AmbiguousKeyError, AutoStore, LocalFileConfig, StorageConfig, StorageError
from tests.optional import np, pl
from tests.reliability.interrupts import Between
from tests.reliability.scale import SOAK, measured, scaled

OLD, NEW, TEXT = {"v": 1}, {"v": 2}, "text"
BUNDLE = {"t": (1, 2), "a": np.arange(9)}
CALLS = {
    "write": lambda store: store.write("a/k", NEW),
    "write named": lambda store: store.write("a/k.json", NEW),
    "write another format": lambda store: store.write("a/k", TEXT),
    "write a bundle": lambda store: store.write("a/b", BUNDLE),
    "write where absent": lambda store: store.write("a/n", NEW, if_absent=True),
    "write a text": lambda store: store.write("a/t", pl.DataFrame({"n": [1]})),
    "read": lambda store: store.read("a/k"),
    "read bytes": lambda store: store.read("a/k.json", as_type=bytes),
    "read a bundle": lambda store: store.read("a/x"),
    "get": lambda store: store.get("a/k", "default"),
    "in": lambda store: "a/k" in store,
    "setdefault": lambda store: store.setdefault("a/k", NEW),
    "setdefault where absent": lambda store: store.setdefault("a/n", NEW),
    "modify": lambda store: store.modify("a/k", lambda _: NEW),
    "pop": lambda store: store.pop("a/k", "default"),
    "delete": lambda store: store.__delitem__("a/k"),
    "copy": lambda store: store.copy("a/k", "a/n"),
    "move": lambda store: store.move("a/k", "b/n"),
    "listing": lambda store: sorted(store.keys()),
    "items": lambda store: sorted(key for key, _ in store.items()),
    "update": lambda store: store.update({"a/k": NEW, "a/n": NEW}),
    "close": lambda store: store.close(),
}
ANSWERS = {
    "read": [OLD], "get": [OLD], "in": [True], "setdefault": [OLD], "setdefault where absent": [NEW], "pop": [OLD],
    "read bytes": [b'{"v":1}', b'{"v": 1}'], "listing": [["a/k", "a/x"]], "items": [["a/k", "a/x"]],
}  # fmt: skip
"""What a call gives where it is not an error: nothing of it depends on what was wiped."""


def gone(place):
    """Remove a file or a whole folder, as `rm -rf` does."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def everything_in(*roots):
    """All that lies below our own folders, the folders themselves too."""
    return [place for root in roots if root.exists() for place in (root, *sorted(root.rglob("*")))]


class Rig:
    """A store with two values, and the folders beside it that are ours."""

    def __init__(self, store, *folders):
        self.store = store
        self.folders = folders

    def lay(self):
        """The values as they are before each call, under keys that are marked again."""
        for path in list(self.store.list_files()):
            if path.startswith(("a/", "b/")) and path != "a/x.bundle.zip":
                del self.store[path]
        self.store["a/k"] = OLD
        if "a/x" not in self.store:
            self.store["a/x"] = BUNDLE

    def strike(self, dice):
        """Remove one thing, or all; which, is chosen when it happens."""

        def act():
            found = everything_in(*self.folders)
            if found:
                gone(dice.choice([*found, *self.folders]))

        return act


@pytest.fixture(params=["folder", "memory", "s3", "s3-cached"])
def rig(request, tmp_path):
    """A store on each kind of place, with all that is ours in known folders."""
    kind = request.param
    temp = {"temp_dir": tmp_path / "tmp", "timeout": 5}
    if kind == "folder":
        folder = tmp_path / "store"
        return Rig(AutoStore(folder, LocalFileConfig(**temp)), folder / ".autostore", temp["temp_dir"])
    if kind == "memory":
        return Rig(AutoStore("memory://", StorageConfig(**temp)), temp["temp_dir"])
    server = request.getfixturevalue("moto_s3")
    config = server.config(cache_enabled=kind == "s3-cached", cache_dir=tmp_path / "cache", **temp)
    return Rig(AutoStore(f"s3://{server.make_bucket()}/", config), tmp_path / "cache", temp["temp_dir"])


def expect_no_lie(error, where):
    """An error is typed, and does not say that nothing is stored; nor that somebody else wrote."""
    if error is not None:
        assert isinstance(error, StorageError), (where, repr(error))
        assert not isinstance(error, KeyError | FileNotFoundError), (where, str(error))
        assert "store.keys()" not in str(error), (where, str(error))


SHORT = {"folder": 4, "memory": 2, "s3": 1, "s3-cached": 2}
"""How many moments of a call `make test` tries; in full each is tried."""


def moments(rig, call, count, dice):
    """Line events of a call at which something is removed."""
    rig.lay()
    at = Between(0, lambda: None)
    at.run(lambda: call(rig.store))
    lines = range(1, 1 - at.left)
    return lines if SOAK else sorted(dice.sample(lines, min(count, len(lines))))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.timeout(scaled(120, 4 * 3600))
def test_in_the_middle_of_a_call(rig, request, call):
    """Between any two lines of a call one of our files or folders, or all of them, are removed."""
    # Mutations that this was seen to catch: from_os_error takes a missing file for absence; Loader lets FileGone of a
    # copy pass; Times makes the clock's folder once.
    kind = request.node.callspec.params["rig"]
    dice = random.Random(zlib.crc32(f"{kind} {call}".encode()))
    with measured(f"wiped at each line, {kind}: {call}") as facts:
        facts.update(wiped=0, errors=0)
        for number in moments(rig, CALLS[call], SHORT[kind], dice):
            rig.lay()
            answer = []
            at = Between(number, rig.strike(dice))
            error = at.run(lambda answer=answer: answer.append(CALLS[call](rig.store)))
            facts["wiped"] += bool(at.where)
            facts["errors"] += error is not None
            expect_no_lie(error, at.where)
            if answer and call in ANSWERS:
                assert answer[0] in ANSWERS[call], (at.where, answer[0])
            expect_right(rig.store, call, error, at.where)
    rig.store.close()


def expect_right(store, call, error, where):
    """The old value or the new is there, under the key that has it, and the next calls work."""
    values = {key: store.get(key) for key in ("a/k", "a/n", "b/n")}
    if error is None and call in ("pop", "delete", "move"):
        assert values["a/k"] is None, where
    else:
        assert values["a/k"] in (OLD, NEW, TEXT) or (call in ("delete", "pop", "move") and error), (where, values)
    if call in ("copy", "move") and error is None:
        assert values["a/n" if call == "copy" else "b/n"] == OLD, where
    store["a/after"] = {"v": 3}
    assert store.pop("a/after") == {"v": 3}, where


WIPE = """
import os, random, shutil, sys, time
dice = random.Random(1)
while os.getppid() == int(sys.argv[1]):
    places = []
    for root in sys.argv[2:]:
        for folder, folders, files in os.walk(root):
            places += [folder, *(os.path.join(folder, file) for file in files)]
    for place in dice.sample(places, min(2, len(places))):
        if os.path.isdir(place):
            shutil.rmtree(place, ignore_errors=True)
        else:
            try: os.unlink(place)
            except OSError: pass
    time.sleep(dice.uniform(0, 0.002))
"""


@pytest.mark.timeout(scaled(120, 3600))
def test_by_another_process_all_the_while(rig, request):
    """While another process removes what is ours in a loop, every answer is right, or a typed error that is true."""
    # Mutation that this was seen to catch: from_os_error takes a missing file for absence.
    kind, dice, numbers = request.node.callspec.params["rig"], random.Random(3), itertools.count()
    held = {}
    command = [sys.executable, "-c", WIPE, str(os.getpid()), *map(str, rig.folders)]
    with subprocess.Popen(command) as wiper, measured(f"wiped by another process, {kind}") as facts:
        facts.update(calls=0, errors=0)
        try:
            until = time.monotonic() + scaled(1, 300)
            while time.monotonic() < until:
                facts["calls"] += 1
                facts["errors"] += one_call(rig.store, held, f"k{dice.randrange(6)}", next(numbers), dice)
        finally:
            wiper.kill()
    assert facts["calls"] > facts["errors"] > 0 or kind == "memory"
    assert {key: rig.store.get(key) for key in held} == held
    rig.store.update(dict.fromkeys(held))
    rig.store.close()


def one_call(store, held, key, number, dice):
    """One random call beside a dict that says what is right; whether it ended in an error."""
    call = dice.choice(["write", "read", "in", "pop", "modify", "items", "setdefault"])
    before = held.get(key)
    try:
        if call == "write":
            store[key] = held[key] = [number]
        elif call == "read":
            assert store.get(key) == before
        elif call == "in":
            assert (key in store) == (key in held)
        elif call == "pop":
            assert store.pop(key, None) == held.pop(key, None)
        elif call == "modify" and before is not None:
            store.modify(key, lambda _: [number])
            held[key] = [number]
        elif call == "items":
            assert dict(store.items()) == held
        elif call == "setdefault":
            assert store.setdefault(key, [number]) == held.setdefault(key, [number])
    except StorageError as error:
        expect_no_lie(error, call)
        settle(store, held, key, before, [number] if call in ("write", "modify", "setdefault") else before)
        return True
    return False


def settle(store, held, key, before, after):
    """After an error the key has its old value or the new one; which, the place says as soon as it can be asked."""
    until = time.monotonic() + 20
    while True:
        try:
            found = store.get(key)
            break
        except StorageError as error:
            expect_no_lie(error, "read after an error")
            assert time.monotonic() < until
    assert found in (before, after), (found, before, after)
    held.pop(key, None) if found is None else held.update({key: found})


def test_what_was_read_stays(moto_s3, tmp_path):
    """Mapped arrays and a lazy frame that were read through the cache outlive the cache and all temporary files."""
    # Mutation that this was seen to catch: read_lazy scans the path instead of the open file.
    folders = [tmp_path / "cache", tmp_path / "tmp"]
    config = moto_s3.config(cache_enabled=True, cache_dir=folders[0], temp_dir=folders[1])
    array = np.arange(3 << 20, dtype=np.int64)
    with AutoStore(f"s3://{moto_s3.make_bucket()}/", config) as store:
        store.update({"array": array, "frame": pl.LazyFrame({"n": [1, 2]}), "bundle": {"t": (1,), "a": array}})
        for _ in range(2):
            kept = [store["array"], store["frame"], store["bundle"]]
            for folder in folders:
                gone(folder)
            assert np.array_equal(kept[0], array)
            assert kept[1].collect()["n"].to_list() == [1, 2]
            assert np.array_equal(kept[2]["a"], array)


def test_without_their_marks(tmp_path):
    """A key whose marks are gone reads and is written in its format; another format is refused, and nothing is lost."""
    with AutoStore(tmp_path) as store:
        store["k"] = OLD
        gone(tmp_path / ".autostore")
        assert store["k"] == OLD
        with pytest.raises(AmbiguousKeyError):
            store["k"] = TEXT
        assert store["k"] == OLD
        store["k"] = NEW
        assert store.modify("k", lambda _: OLD).path == "k.json"
        assert store.pop("k") == OLD
        store["k"] = TEXT
        assert store["k"] == TEXT
