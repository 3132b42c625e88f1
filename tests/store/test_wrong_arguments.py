"""Every argument of every public method, of every wrong kind: a typed error, or what the standard library would say."""

import asyncio
import contextlib
import inspect
from itertools import islice

import pytest

from autostore import AutoStore, LocalFileConfig, StorageError

WRONG = [
    None, 1, -1, 1.5, float("nan"), 10**30, True, b"x", "", "\0", "a\ud800", "nope", [], {}, ("a", 1), frozenset([1]),
    object(), type, int, lambda value: value,
]  # fmt: skip
GIVEN = {"value": 1, "data": 1, "default": None, "fn": lambda value: value, "target": "l", "base": "memory://b"}
AS_PYTHON = {
    # What is called is called, and pairs are made as `dict` makes them: its own words are the known ones.
    "modify": TypeError, "amodify": TypeError, "update": (TypeError, ValueError), "aupdate": (TypeError, ValueError),
}  # fmt: skip


def parameters(method):
    return [p for p in inspect.signature(method).parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def doors():
    special = ["__truediv__", "__getitem__", "__setitem__", "__delitem__", "__contains__"]
    for name in [*special, *(n for n in dir(AutoStore) if not n.startswith("_"))]:
        method = inspect.getattr_static(AutoStore, name)
        if inspect.isfunction(method):
            yield from ((name, p.name) for p in parameters(method)[1:])


def call(store, name, argument, wrong):
    """The method with one argument wrong, the others right, and a look at the first of what it gives."""
    placed, named = [], {}
    for one in parameters(getattr(store, name)):
        if one.name == argument:
            value = wrong
        elif one.default is one.empty:
            value = GIVEN.get(one.name, "k")
        else:
            continue
        if one.kind is one.POSITIONAL_ONLY:
            placed.append(value)
        else:
            named[one.name] = value
    given = getattr(store, name)(*placed, **named)
    if inspect.isawaitable(given):
        given = asyncio.run(asyncio.wait_for(given, 10))
    if hasattr(given, "__next__"):
        list(islice(given, 3))


@pytest.mark.parametrize("history", [False, True], ids=["plain", "history"])
@pytest.mark.parametrize(("name", "argument"), list(doors()))
def test_a_wrong_argument_is_refused_in_words(tmp_path, name, argument, history):
    """Never an error of the inner works; and the value that is stored, where nothing may change it, is as it was."""
    for number, wrong in enumerate(WRONG):
        store = AutoStore(tmp_path / str(number), LocalFileConfig(history=history))
        store["k"] = {"a": 1}
        with contextlib.suppress(StorageError, AS_PYTHON.get(name, ())):
            call(store, name, argument, wrong)
            continue
        assert store["k"] == {"a": 1}
