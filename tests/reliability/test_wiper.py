"""Whoever removes what is ours and not the user's, at any moment: it is made anew, or a typed error says what is gone.

Absence is said only when the place itself said so, and no value is lost or changed.
"""

import contextlib
import itertools
import os
import random
import shutil
import subprocess
import sys
import time
import zlib

import numpy as np
import polars as pl
import pytest

from autostore import AutoStore, LocalFileConfig, StorageConfig, StorageError, StorageFileNotFoundError
from tests.reliability.interrupts import Between
from tests.reliability.scale import measured, scaled

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
        for key in ("a/k", "a/n", "a/b", "a/t", "b/n"):
            for extension in (".json", ".txt", ".parquet", ".bundle"):
                with contextlib.suppress(StorageFileNotFoundError):
                    del self.store[key + extension]
        self.store["a/k"] = OLD
        if self.store.get("a/x") is None:
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
        return Rig(
            AutoStore(tmp_path / "store", LocalFileConfig(**temp)), tmp_path / "store/.autostore", temp["temp_dir"]
        )
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


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.timeout(scaled(120, 4 * 3600))
def test_in_the_middle_of_a_call(rig, request, call):
    """Between any two lines of a call one of our files or folders, or all of them, are removed."""
    kind = request.node.callspec.params["rig"]
    dice = random.Random(zlib.crc32(f"{kind} {call}".encode()))
    step = scaled({"folder": 17, "memory": 29}.get(kind, 61), 1)
    errors = 0
    with measured(f"wiped at each line, {kind}: {call}") as facts:
        for number in itertools.count(dice.randint(1, step), step):
            rig.lay()
            answer = []
            at = Between(number, rig.strike(dice))
            error = at.run(lambda: answer.append(CALLS[call](rig.store)))
            if not at.where:
                break
            expect_no_lie(error, at.where)
            errors += error is not None
            if answer and call in ANSWERS:
                assert answer[0] in ANSWERS[call], (at.where, answer[0])
            expect_right(rig.store, call, error, at.where)
        facts.update(wiped=number // step, typed=errors)
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


if False:
    os, time, subprocess, sys
