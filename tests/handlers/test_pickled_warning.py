"""A pickle is never silent: the class that is the reason is named once, with the way to it and the remedy."""

import subprocess
import sys
import warnings

import pytest

from autostore import AutoStore, PickledWarning, StorageConfig, UntrustedDataError
from tests.optional import pl


def undescribed(name):
    """A new class of this module that says not what it is made of."""
    cls = type(name, (), {"__module__": __name__, "__qualname__": name})
    globals()[name] = cls
    return cls


@pytest.mark.parametrize(
    ("name", "put", "way"),
    [
        ("InADict", lambda value: {"metrics": [1, {"f1": value}]}, r"\.metrics\[1\]\.f1 is"),
        ("InATuple", lambda value: (1, value), r"\[1\] is"),
        ("BesideAFrame", lambda value: {"x": pl.DataFrame({"a": [1]}), "y": [value]}, r"\.y\[0\] is"),
        ("AsAKey", lambda value: {value: 1}, r"\.key\("),
        ("AsItIs", lambda value: value, "The value is"),
    ],
)
def test_the_culprit_is_named(tmp_path, name, put, way):
    """The warning names the key, the way to the value, its class and what to do, at the line that stored it."""
    value = undescribed(name)()
    with AutoStore(tmp_path) as store, pytest.warns(PickledWarning, match=way) as caught:
        store["results"] = put(value)
    message = str(caught[0].message)
    assert all(part in message for part in ("'results'", f"{__name__}.{name}", "make it a dataclass"))
    assert caught[0].filename == __file__


def test_once_for_each_class(tmp_path):
    """A loop over thousands of keys warns once; another class warns anew."""
    first, second = undescribed("First"), undescribed("Second")
    with AutoStore(tmp_path) as store, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(5):
            store[f"a{number}"] = [first()]
        store["b"] = {"x": second()}
        store.update({"c": first(), "d": second()})
    assert [part in str(warning.message) for warning, part in zip(caught, ("First", "Second"), strict=True)] == [
        True
    ] * 2


def test_who_asks_for_a_pickle_is_not_warned(tmp_path):
    """A key or format that names pickle says so itself, and what has a plain file needs no warning."""
    value = undescribed("Asked")()
    with AutoStore(tmp_path) as store, warnings.catch_warnings():
        warnings.simplefilter("error")
        store["k.pkl"] = value
        store.write("l", value, format="pkl")
        store.update({"a": (1, 2), "b": {1: {2}}, "c": [pl.DataFrame({"a": [1]})]})


def test_where_pickles_are_refused_the_culprit_is_named_too(tmp_path):
    """The error says which part kept the value from a plain file."""
    value = {"metrics": [undescribed("Refused")()]}
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        with pytest.raises(UntrustedDataError, match=r"\.metrics\[0\] is of the class .*Refused"):
            store["k"] = value
        assert list(store) == []


def test_a_class_of_main_is_called_so(tmp_path):
    """Another process will not find it, which is said when it is written, at the user's own line."""
    code = f"""
from autostore import AutoStore
class Foo: pass
AutoStore({str(tmp_path)!r})["k"] = Foo()
"""
    (tmp_path / "program.py").write_text(code)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")], capture_output=True, text=True, check=True, timeout=60
    )
    assert "program.py:4: PickledWarning" in done.stderr
    assert "__main__, which no other process finds" in done.stderr
