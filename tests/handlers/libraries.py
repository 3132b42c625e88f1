"""A Hypothesis strategy for what data libraries hand out: tables, arrays, tensors, pictures, of any dtype."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import functools
import re
import types
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from tests.handlers.values import MOMENTS, containers, leaves, models, one_of_these, texts, values
from tests.optional import Image, dateutil, go, installed, np, pa, pd, pl, pytz, sp, tokenizers, torch, xgboost

small = st.integers(0, 4)
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
DAYS = [dt.date(1, 1, 1), dt.date(2024, 2, 29), dt.date(9999, 12, 31)]
PARIS = pytz.timezone("Europe/Paris")

# NumPy
DTYPES = [
    "?",
    "i1",
    "<i8",
    ">i4",
    "u8",
    "f2",
    "<f8",
    ">f4",
    "c8",
    "c16",
    "U3",
    "S2",
    "M8[us]",
    "m8[D]",
    "V4",
    "i4,f8",
    "g",
]
dtypes = st.sampled_from(DTYPES).map(np.dtype)


def filled(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int, order: str) -> Any:
    """An array of any bits that its dtype takes."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    if dtype.kind in "?bUSV" or dtype.names or dtype.char == "g":
        made = (
            rng.integers(0, 2, size).astype("i1").astype(dtype)
            if not dtype.names and dtype.kind != "V"
            else np.zeros(size, dtype)
        )
    else:
        made = np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).copy()
    return np.asarray(made.reshape(shape), order=order)  # type: ignore[call-overload]


arrays = st.builds(filled, dtypes, st.lists(small, max_size=3).map(tuple), st.integers(0, 99), st.sampled_from("CF"))
objects = st.lists(values, max_size=3).map(lambda cells: pd.Series(cells, dtype=object).to_numpy(copy=True))
odd_arrays = st.one_of(
    objects,
    st.lists(words, max_size=3).map(lambda cells: np.array(cells, dtype=np.dtypes.StringDType())),
    arrays.filter(lambda a: not a.dtype.names and a.dtype.kind not in "VUS").map(
        lambda a: np.ma.MaskedArray(a, mask=np.arange(a.size).reshape(a.shape) % 2 == 0)
    ),
    arrays.filter(lambda a: a.ndim == 2 and not a.dtype.names).map(np.asmatrix),
    st.lists(st.integers(0, 9), min_size=1, max_size=3).map(
        lambda c: np.rec.array([(n, str(n)) for n in c], dtype=[("a", "i4"), ("b", "U3")])
    ),
    dtypes,
)
matrices = st.builds(
    lambda kind, seed: getattr(sp, kind)(np.random.default_rng(seed).integers(0, 2, (3, 4)).astype(float)),
    st.sampled_from(["csr_array", "csc_matrix", "coo_array", "lil_array", "dok_array", "bsr_matrix", "dia_array"]),
    st.integers(0, 99),
)

# pandas
PANDAS_DTYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    ("i8", st.integers(-(2**63), 2**63 - 1)),
    ("u1", st.integers(0, 255)),
    ("f8", st.floats()),
    ("f4", st.floats(width=32)),
    ("bool", st.booleans()),
    ("c16", st.complex_numbers()),
    ("Int64", st.none() | st.integers(-9, 9)),
    ("boolean", st.none() | st.booleans()),
    ("Float64", st.none() | st.floats(allow_nan=False)),
    ("str", words),
    ("string", st.none() | words),
    ("string[python]", st.none() | words),
    ("category", st.sampled_from(["b", "a", "c"])),
    ("object", values),
    ("object", st.none() | words),
    ("object", st.lists(st.integers(0, 3), max_size=2)),
    ("object", st.sampled_from(DAYS)),
    ("datetime64[ns]", st.integers(0, 2**60)),
    ("datetime64[s, Europe/Paris]", st.integers(0, 2**31)),
    ("datetime64[us, UTC]", st.integers(0, 2**50)),
    ("timedelta64[ns]", st.integers(-(2**60), 2**60)),
    ("period[M]", st.sampled_from(["2024-01", "1999-12"])),
    ("Sparse[int]", st.integers(0, 1)),
    ("int64[pyarrow]", st.none() | small),
    ("string[pyarrow]", st.none() | words),
    ("date32[day][pyarrow]", st.sampled_from(DAYS[1:2])),
    (pd.ArrowDtype(pa.decimal128(12, 2)), st.none() | st.decimals(-9, 9, places=2)),
    (pd.ArrowDtype(pa.list_(pa.int64())), st.none() | st.lists(st.none() | small, max_size=2)),
    (
        pd.ArrowDtype(pa.struct({"a": pa.int64(), "b": pa.string()})),
        st.none() | st.fixed_dictionaries({"a": small, "b": words}),
    ),
    (pd.ArrowDtype(pa.map_(pa.string(), pa.int64())), st.none() | st.lists(st.tuples(words, small), max_size=2)),
    (pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())), st.none() | words),
    ("interval", small),
    ("categories of intervals", small),
    ("categories of numbers", small),
    ("i8 reversed", small),
]


def column(dtype: Any, cells: list[Any]) -> Any:
    """A Series of a dtype; of intervals where there is no such dtype by name."""
    if isinstance(dtype, pd.ArrowDtype):
        return pd.Series(pd.array(cells, dtype=dtype))
    if dtype == "interval":
        return pd.Series(pd.IntervalIndex.from_arrays(cells, [c + 1 for c in cells], closed="left"))
    if dtype == "categories of intervals":
        return pd.Series(pd.cut(np.array(cells, "f8"), [-1, 1, 2, 9]))
    if dtype == "categories of numbers":
        return pd.Series(pd.Categorical(cells, categories=range(5, -1, -1)))
    if dtype == "i8 reversed":
        return pd.Series(np.array(cells, ">i8"))
    return pd.Series(pd.Series(cells, dtype=object) if dtype == "object" else cells, dtype=dtype)


def possible(make: Any) -> Any:
    """The same, but what pandas itself does not make is not asked for."""

    def made(*args: Any) -> Any:
        try:
            return make(*args)
        except (AttributeError, TypeError, ValueError, NotImplementedError, OverflowError):
            reject()

    return made


# Kept, as Hypothesis examines each new strategy again, which took a third of all time.
@functools.cache
def columns_of(length: int) -> st.SearchStrategy[Any]:
    """A Series of so many rows."""
    return st.one_of(
        [
            st.lists(cells, min_size=length, max_size=length).map(possible(lambda made, d=dtype: column(d, made)))
            for dtype, cells in PANDAS_DTYPES
        ]  # type: ignore[misc]
    )


@functools.cache
def index_of(length: int) -> st.SearchStrategy[Any]:
    """Any index of so many labels."""
    plain = columns_of(length).map(possible(lambda series: pd.Index(series.array, dtype=series.dtype)))
    names = st.none() | words | small | st.tuples(words, small)
    whole = st.one_of(
        st.just(pd.RangeIndex(1, 1 + 2 * length, 2)),
        plain,
        st.just(pd.date_range("2024-01-01", periods=length, freq="W", tz="Europe/Paris")),
        st.just(pd.Index([f"c{n}" for n in range(length)])),
        st.just(pd.timedelta_range(0, periods=length, freq="h")),
    )
    many = st.lists(plain, min_size=2, max_size=3).map(possible(pd.MultiIndex.from_arrays))
    named = st.tuples(whole, names).map(lambda made: made[0].rename(made[1]))
    return named | st.builds(lambda index, name: index.rename([name] + [None] * (index.nlevels - 1)), many, names)


def frame(columns: list[Any], index: Any, labels: Any, attrs: Any) -> Any:
    """A frame of all that."""
    made = pd.DataFrame({n: series.set_axis(index) for n, series in enumerate(columns)}, index=index)
    made.columns = labels
    made.attrs = attrs
    return made


widths = st.integers(0, 3)
kinds_of_pandas = st.sampled_from(["frame", "frame", "series", "index", "array"])
series_names = st.none() | words | small | st.tuples(words, small) | st.floats()
attributes = st.just({}) | st.just({}) | st.dictionaries(words, leaves, max_size=2)


@st.composite
def frames(draw: Any) -> Any:
    """Frames, and Series and indexes of their kinds."""
    rows, width = draw(small), draw(widths)
    columns = [draw(columns_of(rows)) for _ in range(width)]
    index = draw(index_of(rows))
    kind = draw(kinds_of_pandas)
    if kind == "index":
        return index
    if kind == "frame" or not columns:
        return possible(frame)(columns, index, draw(index_of(width)), draw(attributes))
    if kind == "array":
        return columns[0].array if not isinstance(columns[0].array, pd.arrays.NumpyExtensionArray) else columns[0]
    return possible(columns[0].set_axis)(index).rename(draw(series_names))


# Arrow and Polars
ARROW: list[Any] = [
    pa.int8(),
    pa.uint64(),
    pa.float16(),
    pa.float64(),
    pa.bool_(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.date32(),
    pa.date64(),
    pa.timestamp("s"),
    pa.timestamp("ns", "Europe/Paris"),
    pa.time32("ms"),
    pa.time64("us"),
    pa.duration("us"),
    pa.list_(pa.int16()),
    pa.list_(pa.float32(), 2),
    pa.struct([("a", pa.int8()), ("b", pa.string())]),
    pa.map_(pa.string(), pa.int8()),
    pa.decimal128(9, 2),
    pa.dictionary(pa.int8(), pa.string()),
    pa.string_view(),
    pa.null(),
    pa.binary(3),
]


def cells_of(kind: Any, seeds: list[int]) -> Any:
    """An Arrow array whose cells depend on numbers; 0 is a null."""
    t = pa.types
    day = dt.datetime(2024, 1, 1)

    def cell(n: int) -> Any:
        if n == 0 or t.is_null(kind):
            return None
        for is_kind, made in (
            (t.is_boolean, n % 2 == 0),
            (t.is_floating, n / 4),
            (t.is_integer, n),
            (t.is_decimal, decimal.Decimal(n)),
            (t.is_fixed_size_binary, bytes([n]) * 3),
            (t.is_binary, bytes([n])),
            (t.is_date, (day + dt.timedelta(n)).date()),
            (t.is_timestamp, day + dt.timedelta(hours=n)),
            (t.is_time, dt.time(n)),
            (t.is_duration, dt.timedelta(n)),
            (t.is_fixed_size_list, [n, None]),
            (t.is_list, [n, None]),
            (t.is_struct, {"a": n, "b": None}),
            (t.is_map, [("k", n)]),
        ):
            if is_kind(kind):
                return made
        return "é" * n

    cells = [cell(n) for n in seeds]
    if t.is_dictionary(kind):
        return pa.array(cells, pa.string()).dictionary_encode().cast(kind)
    return pa.array(cells, kind)


@st.composite
def arrow(draw: Any) -> Any:
    """Tables, batches, arrays, chunked arrays and schemas."""
    rows = draw(small)
    kinds = draw(st.lists(st.sampled_from(ARROW), min_size=1, max_size=4))
    columns = [cells_of(kind, draw(st.lists(small, min_size=rows, max_size=rows))) for kind in kinds]
    schema = pa.schema(
        [
            pa.field(f"{draw(words)}{n}", kind, metadata=draw(st.none() | st.just({"unit": "m"})))
            for n, kind in enumerate(kinds)
        ],
        metadata=draw(st.none() | st.just({"source": "é"})),
    )
    made = draw(st.sampled_from(["table", "batch", "array", "chunked", "schema"]))
    if made == "array":
        return columns[0]
    if made == "chunked":
        return pa.chunked_array([columns[0], columns[0]])
    if made == "schema":
        return schema
    whole = pa.Table if made == "table" else pa.RecordBatch
    table = whole.from_arrays(columns, schema=schema)
    return table if draw(small) else table.select([])


POLARS: list[tuple[Any, Any]] = [
    (pl.Int64, [1, None]),
    (pl.UInt8, [1, 255]),
    (pl.Float32, [0.5, float("nan")]),
    (pl.String, ["é", None]),
    (pl.Boolean, [True, None]),
    (pl.Date, [DAYS[1], None]),
    (pl.Datetime("ns", "Europe/Paris"), [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None]),
    (pl.Duration("ms"), [dt.timedelta(1), None]),
    (pl.Time, [dt.time(1), None]),
    (pl.List(pl.Int8), [[1, None], []]),
    (pl.Array(pl.Int8, 2), [[1, 2], None]),
    (pl.Struct({"a": pl.Int8}), [{"a": 1}, None]),
    (pl.Categorical, ["a", "b"]),
    (pl.Enum(["b", "a"]), ["a", None]),
    (pl.Decimal(9, 2), [decimal.Decimal("1.10"), None]),
    (pl.Binary, [b"a", None]),
    (pl.Int128, [2**100, None]),
    (pl.Null, [None, None]),
]


@st.composite
def polars(draw: Any) -> Any:
    """Frames, lazy frames, Series and schemas."""
    rows = draw(st.integers(0, 2))
    chosen = draw(st.lists(st.integers(0, len(POLARS) - 1), max_size=4))
    frame = pl.DataFrame(
        [pl.Series(f"{draw(words)}{n}", POLARS[at][1][:rows], POLARS[at][0]) for n, at in enumerate(chosen)]
    )
    kind = draw(st.sampled_from(["frame", "lazy", "series", "schema"]))
    if kind == "series" and frame.width:
        return frame.to_series(0)
    return {"lazy": frame.lazy, "schema": lambda: frame.schema}.get(kind, lambda: frame)()


# Tensors and pictures
WITH_TORCH = installed("torch")
TENSORS = [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.uint8]
tensors = st.builds(
    lambda dtype, shape: torch.arange(int(np.prod(shape))).reshape(shape).to(dtype),
    st.sampled_from(TENSORS),
    st.lists(small, max_size=3).map(tuple),
)
checkpoints = st.recursive(
    tensors | tensors.map(lambda t: t[:1] if t.ndim else t),
    lambda inner: (
        st.dictionaries(words | small, inner | st.integers() | words, max_size=3)
        | st.lists(inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


def picture(mode: str, size: tuple[int, int], seed: int, said: dict[str, Any]) -> Image.Image:
    """Noise of a mode, which may say more."""
    image = Image.frombytes("RGB", size, np.random.default_rng(seed).bytes(3 * size[0] * size[1])).convert(mode)
    if mode in ("CMYK", "YCbCr", "I", "F"):  # a TIFF, which Pillow turns by its orientation, and which has no texts
        return image
    if said.pop("exif", None):
        exif = Image.Exif()
        exif[0x0112] = 6
        image.info["exif"] = exif.tobytes()
    image.info.update(said)
    return image


pictures = st.builds(
    picture,
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"]),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.integers(0, 9),
    st.sampled_from([{}, {"exif": True}, {"dpi": (300, 300)}, {"Title": "é"}]).map(dict),
)

# The rest
others = st.one_of(
    texts.map(lambda text: types.SimpleNamespace(a=text, b=[1])),
    st.just(re.compile("a+|é", re.IGNORECASE)),
    st.just(re.compile(b"x")),
    st.lists(st.floats(), max_size=3).map(lambda cells: array.array("d", cells)),
    st.just(...),
    st.dictionaries(words, leaves, max_size=2).map(lambda made: collections.ChainMap({"x": 1}, made)),
    st.sampled_from(
        [
            pd.Period("2024-01", "M"),
            pd.Period("2024-01-01", "D"),
            pd.offsets.MonthEnd(2),
            pd.offsets.Hour(3),
            pd.StringDtype(),
            pd.Int64Dtype(),
        ]
    ),
    one_of_these([pd.Interval(0, 1.5, "both"), pd.Interval(pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02"))]),
    *(
        [st.sampled_from([torch.float32, torch.device("cpu"), torch.device("cuda", 1), torch.Size([2, 3])])]
        * WITH_TORCH
    ),
    st.just(MOMENTS[2]).map(PARIS.localize),
    st.sampled_from(MOMENTS[2:]).map(lambda m: m.replace(tzinfo=dateutil.tz.UTC)),
    st.sampled_from(MOMENTS[2:]).map(lambda m: m.replace(tzinfo=dateutil.tz.gettz("Europe/Paris"))),
)


def boosted(rounds: int) -> Any:
    """A small model."""
    x = np.arange(40.0).reshape(20, 2) % 7
    return xgboost.train({"nthread": 1, "max_depth": 2}, xgboost.DMatrix(x, x[:, 0], nthread=1), rounds)


learned = st.one_of(
    st.integers(0, 2).map(boosted),
    st.lists(st.integers(0, 9), max_size=3).map(lambda y: go.Figure(go.Bar(y=y), {"title": {"text": "é"}})),
    st.lists(words, min_size=1, max_size=3, unique=True).map(
        lambda known: tokenizers.Tokenizer(tokenizers.models.WordLevel({w: n for n, w in enumerate(known)}, known[0]))
    ),
)


def any_of(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Each as often as the others, however many kinds it has itself."""
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


tables = any_of(frames(), arrow(), polars())
handed_out = any_of(
    tables, tables, arrays, odd_arrays, matrices, *[checkpoints] * WITH_TORCH, pictures, others, learned
)
everything = any_of(handed_out, st.recursive(any_of(handed_out, leaves | models), containers, max_leaves=4))
