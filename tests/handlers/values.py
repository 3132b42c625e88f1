"""A Hypothesis strategy for every value that typed JSON and bundles promise to hold: recursive over the whole table."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import functools
import ipaddress
import pathlib
import zoneinfo
from typing import Any

from hypothesis import strategies as st

from tests.handlers import shapes
from tests.optional import np, pd, pl

ZONES = [
    None,
    dt.UTC,
    dt.timezone(dt.timedelta(hours=2), "CEST"),
    dt.timezone(dt.timedelta(hours=-5, minutes=-30)),
    dt.timezone(dt.timedelta(seconds=-1, microseconds=5)),
    dt.timezone(dt.timedelta(hours=1), "a]b\ud800[x"),
    dt.timezone(dt.timedelta(0), ""),
    *map(zoneinfo.ZoneInfo, ("UTC", "Europe/Paris", "America/St_Johns", "Etc/GMT+5", "Africa/Monrovia")),
]
MOMENTS = [dt.datetime.min, dt.datetime.max, dt.datetime(2024, 10, 27, 2, 30), dt.datetime(2024, 3, 31, 2, 30)]
zones = st.sampled_from(ZONES)


def one_of_these(things: list[Any]) -> st.SearchStrategy[Any]:
    """By number, as Hypothesis would ask for hashes that NumPy does not have."""
    return st.integers(0, len(things) - 1).map(things.__getitem__)


def zoned(value: Any, zone: Any, fold: int) -> Any:
    """The moment in a zone."""
    return value.replace(tzinfo=zone, fold=fold)


datetimes = st.builds(zoned, st.datetimes() | st.sampled_from(MOMENTS), zones, st.integers(0, 1))
times = st.builds(zoned, st.times(), zones, st.integers(0, 1))
texts = st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(
    ["$a", "$", "a\ud83d\ude00b", "\ud800", "\udc00\ud800", "$date", "$autostore", "\u2028\0"]
)
integers = st.integers() | st.sampled_from([2**53 + 1, -(2**63), 2**2000 - 1, 2**2000, -(10**4200)])
floats = st.floats() | st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308])
DECIMALS = ["-0", "NaN123", "-sNaN7", "1E+3", "0E-10", "-Infinity", "1.10", "1E+999999"]
decimals = st.decimals(allow_nan=False) | st.sampled_from(DECIMALS).map(decimal.Decimal)
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "i4"], "offsets": [0, 8], "itemsize": 16})
NUMPY = [
    np.float16(0.1), np.float32("nan"), np.float64(-0.0), np.int8(-3), np.uint64(2**64 - 1), np.longlong(5),
    np.ulonglong(5), np.intc(4), np.bool_(True), np.complex64(1 - 0j), np.complex128(complex("nan+1j")),
    np.longdouble("0.1"), np.longdouble("-inf"), np.clongdouble(1 + 2j), np.datetime64("2024-01-01T00", "h"),
    np.datetime64("NaT"), np.datetime64("NaT", "ns"), np.datetime64("2024", "25s"), np.datetime64(-(2**62), "as"),
    np.timedelta64(5), np.timedelta64(5, "D"), np.timedelta64("NaT", "ms"), np.str_("a\0\ud800"), np.bytes_(b"a\0"),
    np.str_("a\0\0"), np.void(b"abc"), np.array([(1, 2.5)], dtype=[("é", ">i4"), ("b", "f8")])[0],
    np.array([(1, 2)], PADDED)[0],
]  # fmt: skip
PANDAS = [
    pd.NaT, pd.NA, pd.Timestamp("2024-01-01 12:00:00.123456789"), pd.Timestamp("2024-07-01", tz="Europe/Paris"),
    pd.Timestamp("1900-01-01", tz="UTC").as_unit("s"), pd.Timestamp(0, tz=ZONES[2]), pd.Timedelta(1, "ns"),
    pd.Timestamp(1729989000, unit="s", tz="UTC").tz_convert("Europe/Paris"), pd.Timedelta("-3 days").as_unit("s"),
]  # fmt: skip
PATHS = [
    pathlib.PurePosixPath("//a/b"), pathlib.PureWindowsPath("C:/A\\b"), pathlib.Path("."), pathlib.Path("a/../b"),
    pathlib.PurePosixPath("a\udcff"),
]  # fmt: skip
ADDRESSES = [
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_interface("fe80::1%eth0/64"),
    ipaddress.IPv6Address("::%1"),
]
ENUMS = [shapes.Colour.RED, shapes.Access.BOTH, shapes.Access(0), shapes.Level.HIGH]
hashable_leaves = st.one_of(
    st.none(), st.booleans(), integers, floats, texts, st.binary(max_size=5), datetimes, times, st.dates(),
    st.timedeltas(), st.sampled_from([dt.timedelta.min, dt.timedelta.max]), st.fractions(), st.uuids(),
    decimals.filter(lambda number: not number.is_snan()), st.complex_numbers(), st.ip_addresses(),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([1, -1, 3, 2**70])),
    st.sampled_from([*ENUMS, *PATHS, *ADDRESSES, *filter(None, ZONES)]),
)  # fmt: skip
leaves = st.one_of(
    hashable_leaves, decimals, one_of_these(NUMPY), one_of_these(PANDAS), st.binary(max_size=4).map(bytearray),
    st.builds(slice, st.none() | integers, st.none() | texts, st.none()),
)  # fmt: skip
hashables = st.recursive(
    hashable_leaves,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | inner.map(shapes.Pair) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)


def counted(pairs: dict[Any, Any]) -> collections.Counter[Any]:
    """A counter, whatever its counts are."""
    made: collections.Counter[Any] = collections.Counter()
    for key, value in pairs.items():
        made[key] = value
    return made


def patched(names: list[str], inner: Any, more: Any) -> shapes.Patch:
    """A model of which only some fields were set."""
    whole = {"name": "n", "email": None, "inner": inner, "more": more}
    return shapes.Patch(**{name: whole[name] for name in names})


patches = st.recursive(
    st.just(shapes.Patch()),
    lambda inner: st.builds(
        patched,
        st.lists(st.sampled_from(["name", "email", "inner", "more"]), unique=True),
        inner,
        st.dictionaries(st.integers(), inner, max_size=2),
    ),
    max_leaves=4,
)
int_box = shapes.Box[int]
date_box = shapes.Box[dt.date | None]
boxes_box = shapes.Box[list[date_box]]
models = st.one_of(
    patches,
    st.builds(lambda n: int_box(content=n), st.integers()),
    st.lists(st.dates()).map(lambda days: boxes_box(content=[date_box(content=day) for day in days])),
    st.builds(shapes.Numbers, st.lists(st.integers(), max_size=2)),
    st.builds(lambda at: shapes.Event(at=at), datetimes),
    st.builds(shapes.Point, floats, st.integers()),
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Everything that has parts, of parts of any kind."""
    pairs = st.dictionaries(hashables, inner, max_size=3)
    return st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(texts, inner, max_size=4),
        pairs, pairs.map(collections.OrderedDict), pairs.map(functools.partial(collections.defaultdict, list)),
        pairs.map(functools.partial(collections.defaultdict, None)), pairs.map(counted),
        st.builds(collections.deque, st.lists(inner, max_size=3), st.none() | st.integers(3, 9)),
        st.sets(hashables, max_size=4), st.tuples(inner, inner).map(shapes.Pair._make), st.builds(shapes.Loose, inner),
        st.builds(lambda part: shapes.Unstored(anything=part, **{"$x": part}), inner), st.builds(shapes.Wrapped, inner),
    )  # fmt: skip


values = st.recursive(leaves | models, containers, max_leaves=10)
members = st.one_of(
    st.lists(st.integers(0, 9), max_size=3).map(np.array),
    st.lists(st.integers(0, 9), max_size=3).map(lambda column: pl.DataFrame({"a": column}, schema={"a": pl.Int64})),
    st.integers(0, 255).map(lambda byte: bytes([byte]) * 70_000),
)
bundles = st.recursive(leaves | models | members | members, containers, max_leaves=8)
