"""Values of Python, NumPy and Polars of which no two are the same; a process that makes them imports little else."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
import types
import typing
import uuid

import pydantic

from tests.optional import np, pl


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int


class Model(pydantic.BaseModel):
    x: int = 0
    y: list[float] = []


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


class Named(typing.NamedTuple):
    x: int


class Plain:
    def __init__(self, x):
        self.x = x


def one(x):
    return x


def two(x):
    return x + 1


def plain_values():
    """Made anew at each call."""
    grid = np.arange(6.0).reshape(2, 3)
    itself = [1]
    itself.append(itself)
    return [
        None, False, True, 0, 1, -1, 10**40, 0.0, -0.0, 1.0, float("nan"), float("inf"), 1j, "", "1", "b1", b"1", b"",
        bytearray(b"1"), (), [], {}, set(), frozenset(), (1,), [1], [1.0], [True], ["1"], [[1]], [1, 1], [(1,)],
        {1}, {"1"}, set(map(str, range(50))),
        frozenset([1]), {1: 2}, {"1": 2}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": 1}}, {"a": 1, "b": {}},
        itself,
        list(range(100)), [float(n) for n in range(100)], tuple(range(100)), ["a"] * 100, ["\ud800"] * 100,
        collections.OrderedDict(a=1), collections.Counter("a"), collections.defaultdict(list, a=1),
        collections.deque([1]), collections.deque([1], 5), types.SimpleNamespace(a=1), range(3), range(4), slice(1),
        dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.timedelta(1),
        decimal.Decimal("1.0"), decimal.Decimal("1.00"), uuid.UUID(int=1), pathlib.PurePosixPath("a"), ...,
        Point(1), Point(2), Point(1, 2.0), Slotted(1), Model(x=1), Model(x=1, y=[]), Model(x=2), Color.RED,
        Color.BLUE, Access(0), Access(3), Named(1),
        Plain(1), Plain(2), Plain([Plain(1)]), one, two, functools.partial(one, 1), functools.partial(one, 2),
        Point, Model,
        int, np, len, np.add, np.float32, "abc".upper, list[int], list[str], lambda: 1, lambda: 2,
        grid, np.asfortranarray(grid), grid.T, grid.astype("f4"), grid.astype(">f8"), grid[:1], grid.ravel(),
        grid + 1,
        np.array(1.0), np.array([]), np.array([], dtype="i4"), np.array(["a"]), np.array([b"a"]), np.array([True]),
        np.array(["2020-01-01"], dtype="M8[D]"), np.array(["2020-01-01"], dtype="M8[s]"), np.float64(1),
        np.float32(1),
        np.array([1, "a"], dtype=object), np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.ma.array([1], mask=[True]),
        pl.DataFrame(), pl.DataFrame({"x": [1]}), pl.DataFrame({"x": [1.0]}), pl.DataFrame({"y": [1]}),
        pl.DataFrame({"x": ["1"]}),
        pl.DataFrame({"x": [1, None]}), pl.DataFrame({"x": [None, 1]}), pl.DataFrame({"x": [[1], []]}),
        pl.DataFrame({"x": [[1], None]}),
        pl.DataFrame({"x": [{"a": 1}]}), pl.DataFrame({"x": [1]}, schema={"x": pl.Int8}), pl.DataFrame({"x": [None]}),
        pl.DataFrame({"x": [float("nan")]}), pl.DataFrame({"x": ["a"]}, schema={"x": pl.Categorical}),
        pl.DataFrame({"x": ["a"]}, schema={"x": pl.Enum(["a"])}),
        pl.DataFrame({"x": ["a"]}, schema={"x": pl.Enum(["a", "b"])}),
        pl.DataFrame({"x": [dt.date(2020, 1, 1)]}), pl.DataFrame({"x": [True]}), pl.Series("x", [1]),
        pl.Series("y", [1]),
    ]  # fmt: skip
