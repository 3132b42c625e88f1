"""`same`, on which every promise of an equal value rests."""

import array
import collections
import copy
import datetime as dt
import decimal
import functools
import pathlib
import pickle
import types
import zoneinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import TzInfo

from autostore.testing import same
from tests.handlers import shapes
from tests.optional import Image, np, pa, pd, pl, sp, torch

NAN = float("nan")
CEST = dt.timezone(dt.timedelta(hours=2), "CEST")
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


class Plain:
    def __init__(self, *parts: Any) -> None:
        self.parts = parts


class MyList(list[Any]):
    pass


def cycle() -> Any:
    value: dict[str, Any] = {"a": []}
    value["a"].append(value)
    return value


def private(count: int) -> Any:
    model = shapes.WithPrivate(a=1)
    model._count = count
    return model


def flagged(**info: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs.update(info)
    return frame


def arrow_series(values: Any) -> Any:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, pa.float64(), from_pandas=False)))


def words(indices: Any, dictionary: Any, ordered: bool = False) -> pa.Table:
    array = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(dictionary), ordered=ordered)
    return pa.table({"a": array})


def module(weight: float) -> Any:
    layer = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(layer.weight, weight)
    torch.nn.init.constant_(layer.bias, 0)
    return layer


def grey(value: int, mode: str = "L") -> Image.Image:
    return Image.new(mode, (2, 2), value)


def palette(*colours: int) -> Image.Image:
    image = Image.new("P", (2, 2))
    image.putpalette(colours)
    return image


DIFFERENT = [
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (NAN, 0.0),
    (1j, -1j),
    (complex(0.0, -0.0), 0j),
    ("1", b"1"),
    (b"1", bytearray(b"1")),
    ((1,), [1]),
    ([1], MyList([1])),
    ([1, 2], [2, 1]),
    ([1], [1, 2]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({1: 0}, {True: 0}),
    ({"a": 0.0}, {"a": -0.0}),
    ({1}, {True}),
    ({1, 2}, {1}),
    ({1}, frozenset({1})),
    (collections.OrderedDict(a=1), {"a": 1}),
    (collections.defaultdict(list), collections.defaultdict(set)),
    (collections.deque([1], 2), collections.deque([1], 3)),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
    (dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)),
    (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, fold=1)),
    (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1)),
    (dt.datetime(2020, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
    (
        dt.datetime(2020, 1, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2020, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    ),
    (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))),
    (dt.datetime(2020, 1, 1, tzinfo=CEST), dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    (CEST, dt.timezone(dt.timedelta(hours=2))),
    (PARIS, zoneinfo.ZoneInfo("Europe/Berlin")),
    (pd.Timestamp("2020-01-01").as_unit("s"), pd.Timestamp("2020-01-01").as_unit("ns")),
    (pathlib.PureWindowsPath("A"), pathlib.PureWindowsPath("a")),
    (range(0), range(2, 1)),
    (slice(1), slice(True)),
    (shapes.Reading(sensor="a", value=0.0), shapes.Reading(sensor="a", value=0.0, at=None)),
    (shapes.Colour.RED, "red"),
    (Plain(1), Plain(2)),
    (Plain(1), Plain(True)),
    (functools.partial(int, 1), functools.partial(int, 2)),
    (shapes.Point(1.0), shapes.Point(1)),
    (shapes.Point(1.0), shapes.Labelled(1.0)),
    (shapes.Reading(sensor="a", value=0.0), shapes.Reading(sensor="a", value=-0.0)),
    (shapes.Reading(sensor="a", value=0.0), shapes.Extended(sensor="a", value=0.0)),
    (private(1), private(2)),
    (np.arange(2), np.arange(2.0)),
    (np.arange(2), np.arange(3)),
    (np.arange(2), np.arange(2).reshape(1, 2)),
    (np.array([0.0]), np.array([-0.0])),
    (np.array([NAN]), np.array([0.0])),
    (np.array([1], "<i4"), np.array([1], ">i4")),
    (np.array([1], "M8[s]"), np.array([1], "M8[ms]")),
    (np.array(["NaT"], "M8[s]"), np.array([0], "M8[s]")),
    (np.array([1], object), np.array([True], object)),
    (np.array([(1, 0.0)], "i4,f8"), np.array([(1, -0.0)], "i4,f8")),
    (np.arange(2), np.ma.array([0, 1])),
    (np.ma.array([0, 1], mask=[0, 1]), np.ma.array([0, 1], mask=[1, 0])),
    (np.float64(1), 1.0),
    (np.float64(0.0), np.float64(-0.0)),
    (pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [1.0]})),
    (pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]})),
    (pl.DataFrame({"a": [1], "b": [1]}), pl.DataFrame({"b": [1], "a": [1]})),
    (pl.DataFrame({"a": [0.0]}), pl.DataFrame({"a": [-0.0]})),
    (pl.DataFrame({"a": [[0.0]]}), pl.DataFrame({"a": [[-0.0]]})),
    (pl.DataFrame({"a": [None]}, schema={"a": pl.Float64}), pl.DataFrame({"a": [NAN]})),
    (pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]}).lazy()),
    (pl.DataFrame(height=1), pl.DataFrame(height=2)),
    (pl.LazyFrame({"a": [1]}), pl.LazyFrame({"a": [2]})),
    (pl.Series("a", [1]), pl.Series("b", [1])),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[1])),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, index=[0])),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, dtype="Int64")),
    (pd.DataFrame({"a": [0.0]}), pd.DataFrame({"a": [-0.0]})),
    (pd.DataFrame({"a": [[1]]}), pd.DataFrame({"a": [(1,)]})),
    (pd.DataFrame({"a": [1]}), flagged(x=1)),
    (
        pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2, freq="D")),
        pd.DataFrame({"a": [1, 2]}, index=pd.DatetimeIndex(["2020-01-01", "2020-01-02"])),
    ),
    (pd.Series([1], name="a"), pd.Series([1], name="b")),
    (pd.Series([1], name="1"), pd.Series([1], name=1)),
    (pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"])), pd.Series(["a"], dtype=pd.CategoricalDtype(["b", "a"]))),
    (pd.Series(["a"], dtype=pd.CategoricalDtype(["a"])), pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"]))),
    (arrow_series([0.0]), arrow_series([-0.0])),
    (arrow_series([NAN]), arrow_series([None])),
    (words([0, 0], ["x"]), words([0, 0], ["x", "y"])),
    (words([0, 0], ["x", "y"], ordered=True), words([1, 1], ["y", "x"], ordered=True)),
    (pa.table({"a": [1]}), pa.table({"a": [1]}).replace_schema_metadata({"k": "v"})),
    (pa.table({"a": [0.0]}), pa.table({"a": [-0.0]})),
    (pa.table({"a": [1]}), pa.table({"a": pa.array([1], pa.int32())})),
    (pa.table({"a": [1]}), pa.table({"a": [None]}, pa.schema({"a": pa.int64()}))),
    (sp.csr_array(np.eye(2)), sp.csc_array(np.eye(2))),
    (sp.csr_array(np.eye(2)), sp.csr_matrix(np.eye(2))),
    (sp.csr_array(np.eye(2)), sp.csr_array(np.eye(2) * 2)),
    (sp.csr_array((2, 2)), sp.csr_array((2, 3))),
    (sp.dok_array(np.eye(2)), sp.dok_array(np.eye(2) * 2)),
    (torch.ones(2), torch.ones(3)),
    (torch.ones(2), torch.ones(2, dtype=torch.float64)),
    (torch.ones(2), torch.ones(2, requires_grad=True)),
    (torch.ones(2), torch.nn.Parameter(torch.ones(2), requires_grad=False)),
    (torch.tensor([0.0]), torch.tensor([-0.0])),
    (torch.tensor([NAN]), torch.tensor([0.0])),
    (torch.ones(2), torch.ones(2).to_sparse()),
    (module(1), module(2)),
    (module(1), module(1).eval()),
    (grey(1), grey(2)),
    (grey(1), grey(1, "I")),
    (palette(1, 2, 3), palette(1, 2, 4)),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT, ids=lambda value: type(value).__name__)
def test_what_differs_is_not_the_same(first: Any, second: Any) -> None:
    """Alone and inside of containers, either way round; and each is the same as a copy of itself."""
    assert not same(first, second)
    assert not same(second, first)
    assert not same([{"a": first}], [{"a": second}])
    for value in (first, second):
        twin = value.clone() if isinstance(value, pl.LazyFrame) else copy.deepcopy(value)
        assert same(twin, value)
        assert same((twin, twin), (value, value))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NAN, -NAN),
        ({"a": [NAN]}, {"a": [float("nan")]}),
        (cycle(), cycle()),
        (np.asfortranarray(np.eye(2)), np.eye(2)),
        (np.array([NAN]), -np.array([NAN])),
        (pl.DataFrame({"a": [[NAN, None]]}), pl.DataFrame({"a": [[NAN, None]]})),
        (pa.chunked_array([[1.5], [NAN]]).to_pylist(), [1.5, NAN]),
        (pa.table({"a": pa.chunked_array([[1], [2]])}), pa.table({"a": [1, 2]})),
        (arrow_series([NAN, None]), arrow_series([-NAN, None])),
        (words([0, 1], ["x", "y"]), words([1, 0], ["y", "x"])),
        (grey(1), grey(1).crop((0, 0, 2, 2))),
        (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=TzInfo(0))),
        (dt.datetime(2020, 1, 1, tzinfo=PARIS), dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo.no_cache(PARIS.key))),
        (slice(1, float("nan")), slice(1, float("nan"))),
        (shapes.Wrapped(1), shapes.Wrapped[int](1)),
    ],
)
def test_what_is_equal_is_the_same(first: Any, second: Any) -> None:
    """NaN equals NaN, cycles end, and layout in memory does not matter."""
    assert same(first, second)


def test_rows_without_columns_count() -> None:
    """Although pyarrow's own copies forget them."""
    first, second = pa.table({"a": [1, 2]}), pa.table({"a": [1]})
    assert same(first.select([]), first.select([]))
    assert not same(first.select([]), second.select([]))


def test_depth_is_no_limit() -> None:
    """Comparing uses no stack."""

    def deep(end: Any) -> Any:
        for _ in range(20_000):
            end = [end]
        return end

    first, second, other = deep(1), deep(1), deep(2)
    assert same(first, second)
    assert not same(first, other)


@settings(max_examples=50, deadline=None)
@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.datetimes()
        | st.decimals(allow_nan=False),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.integers(), inner) | st.tuples(inner) | st.sets(st.integers())
        ),
    )
)
def test_a_pickled_copy_is_the_same(value: Any) -> None:
    """Whatever plain Python can hold."""
    assert same(pickle.loads(pickle.dumps(value)), value)


class Compared:
    """A class whose own equality compares an array, and so gives no answer for more than one number."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = numbers

    def __eq__(self, other: object) -> bool:
        return bool(self.numbers == other.numbers) if isinstance(other, Compared) else NotImplemented


UNDECIDED = {
    "categories": lambda n: pd.Categorical([n]),
    "expression": lambda n: pl.col("a") + n,
    "index": lambda n: pd.Index([n, 2]),
    "array in a class": lambda n: Compared(np.array([n, 2])),
    "tensor in a class": lambda n: Compared(torch.tensor([n, 2])),
    "tensor without numbers": lambda n: torch.empty(n, device="meta"),
    "float8": lambda n: torch.tensor([n, -0.0, NAN]).to(torch.float8_e5m2),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_where_equality_gives_no_answer(name: str) -> None:
    """A value whose own `==` gives no bool is compared by what it is made of."""
    make = UNDECIDED[name]
    assert same(make(1), make(1))
    assert not same(make(1), make(3))


def test_float8_is_told_apart() -> None:
    """NaN is not 0.0, nor is -0.0, in the smallest floats either."""
    small = [torch.tensor([number]).to(torch.float8_e4m3fn) for number in (0.0, -0.0, NAN)]
    assert [[same(one, two) for two in small] for one in small] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]


def test_a_time_limit_passes_through_a_comparison() -> None:
    """What interrupts a comparison is not an answer."""

    class TooSlow(RuntimeError):
        pass

    class Slow:
        def __eq__(self, other: object) -> bool:
            raise TooSlow

    with pytest.raises(TooSlow):
        same(Slow(), Slow())


HOLDERS = [
    lambda value: types.SimpleNamespace(a=value),
    lambda value: collections.ChainMap({}, {"a": value}),
    lambda value: collections.UserDict(a=value),
    lambda value: collections.UserList([value]),
    lambda value: types.MappingProxyType({"a": value}),
    lambda value: slice(value, None),
    lambda value: collections.Counter(a=value),
    lambda value: collections.OrderedDict(a=value),
]


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_holds_values_compares_them_as_they_are(holder):
    """The containers of the standard library: their own `==` takes 1 for 1.0 and no NaN for another."""
    assert same(holder(float("nan")), holder(float("nan")))
    for one, two in [(1, 1.0), (0.0, -0.0), (True, 1), ([1], [1.0])]:
        assert same(holder(one), holder(one))
        assert not same(holder(one), holder(two))


def test_arrays_of_numbers_are_of_one_type_and_of_the_same_bytes():
    """`array.array("f")` is not `array.array("d")`, and -0.0 not 0.0."""
    numbers = array.array("d", [float("nan"), 1])
    assert same(numbers, array.array("d", numbers))
    assert not same(array.array("d", [1]), array.array("f", [1]))
    assert not same(array.array("d", [0.0]), array.array("d", [-0.0]))
