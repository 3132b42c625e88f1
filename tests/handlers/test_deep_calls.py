"""Calls from deep in the stack: the format stays, and a file that is whole is never called damaged."""

import dataclasses
import sys

import pytest

from autostore import AutoStore, CorruptDataError, UnsupportedFormatError
from tests.optional import np, pl


@dataclasses.dataclass
class Point:
    """A value with an envelope."""

    x: int


VALUES = {
    "tuple": (1, 2), "dict": {"a": 1}, "dataclass": Point(1), "array": np.arange(3), "frame": pl.DataFrame({"a": [1]}),
    "bundle": {"a": np.arange(3), "b": (1,)},
}  # fmt: skip


def called_from(depth, act):
    return act() if depth == 0 else called_from(depth - 1, act)


def levels():
    frame, count = sys._getframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_format_is_that_of_the_value_however_deep_the_call(tmp_path, value):
    """Near the end of the stack a write fails or gives the usual file; it once took a pickle for a frame."""
    store = AutoStore(tmp_path)
    store["k"] = value
    path, limit = store.get_metadata("k").path, sys.getrecursionlimit()
    failed = 0
    for depth in range(limit - levels() - 150, limit - levels() - 3, 2):
        try:
            called_from(depth, lambda: store.__setitem__("k", value))
        except Exception as error:
            failed += 1
            assert not isinstance(error, UnsupportedFormatError)
        assert AutoStore(tmp_path).get_metadata("k").path == path
        try:
            called_from(depth, lambda: store["k"])
        except Exception as error:
            failed += 1
            assert not isinstance(error, CorruptDataError)
    assert failed
