"""Tables and queries at random, of every dtype that Parquet keeps."""

import datetime as dt
import io
from decimal import Decimal

from hypothesis import strategies as st

from tests.optional import pl

ROWS = 60
DTYPES = {
    "i8": pl.Int8, "i16": pl.Int16, "i32": pl.Int32, "i64": pl.Int64, "u8": pl.UInt8, "u16": pl.UInt16,
    "u32": pl.UInt32, "u64": pl.UInt64, "i128": pl.Int128, "f32": pl.Float32, "f64": pl.Float64, "b": pl.Boolean,
    "s": pl.String, "bin": pl.Binary, "d": pl.Date, "t": pl.Time, "ms": pl.Datetime("ms"), "us": pl.Datetime("us"),
    "ns": pl.Datetime("ns"), "tz": pl.Datetime("us", "Europe/Berlin"), "dur": pl.Duration("us"),
    "dec": pl.Decimal(12, 3),
    "cat": pl.Categorical, "enum": pl.Enum(["hi", "lo", "mid"]), "list": pl.List(pl.Int64),
    "arr": pl.Array(pl.Int32, 2),
    "struct": pl.Struct({"a": pl.Int64, "b": pl.String}), "null": pl.Null,
}  # fmt: skip
DAY = dt.date(2020, 1, 1)
NOON = dt.datetime(2020, 1, 1, 12)


def cell(name):
    """Values of a column, few of them so that predicates hit."""
    n = st.integers(0, 90)
    texts = st.sampled_from(["", "a", "ab", "zz", "ü", "\U0001f600", "x" * 80])
    return {
        "f32": st.sampled_from([0.0, -0.0, 1.5, -2.25, float("nan"), float("inf")]),
        "f64": st.sampled_from([0.0, -0.0, 1.5, -2.25, float("nan"), float("-inf"), 1e300]),
        "b": st.booleans(), "s": texts, "bin": texts.map(str.encode), "cat": texts,
        "u64": st.sampled_from([0, 5, 2**63, 2**64 - 1]), "i64": st.sampled_from([0, 5, -7, 2**63 - 1, -(2**63)]),
        "d": n.map(lambda k: DAY + dt.timedelta(k)), "t": n.map(lambda k: dt.time(k % 24, k % 60)),
        **{unit: n.map(lambda k: NOON + dt.timedelta(seconds=k)) for unit in ("ms", "us", "ns", "tz")},
        "dur": n.map(lambda k: dt.timedelta(seconds=k)), "dec": n.map(lambda k: Decimal(k) / 8),
        "enum": st.sampled_from(["hi", "lo", "mid"]), "list": st.lists(n, max_size=3),
        "arr": st.lists(n, min_size=2, max_size=2),
        "struct": st.fixed_dictionaries({"a": n, "b": texts}), "null": st.none(),
    }.get(name, n)  # fmt: skip


@st.composite
def tables(draw):
    """A frame of some of all dtypes, runs of values so that row groups have bounds, and its Parquet file."""
    names = draw(st.lists(st.sampled_from(sorted(DTYPES)), min_size=1, max_size=5, unique=True))
    rows = draw(st.integers(0, ROWS))
    columns = []
    for name in names:
        few = draw(st.lists(st.one_of(st.none(), cell(name)), min_size=1, max_size=4))
        run = draw(st.sampled_from([1, 7, ROWS]))
        values = [few[(row // run) % len(few)] for row in range(rows)]
        series = pl.Series(name, values, dtype=DTYPES[name], strict=False)
        in_order = draw(st.booleans()) and name not in ("list", "arr", "struct", "null")
        columns.append(series.sort() if in_order else series)
    frame = pl.DataFrame(columns)
    file = io.BytesIO()
    size = draw(st.sampled_from([3, 16, 100]))
    if draw(st.booleans()) and not {"i128", "arr", "null"} & set(names):
        import pyarrow.parquet as pq

        pq.write_table(frame.to_arrow(), file, row_group_size=size, write_statistics=draw(st.booleans()))
    else:
        frame.write_parquet(file, row_group_size=size, statistics=draw(st.sampled_from([True, "full", False])))
    return file.getvalue()


@st.composite
def predicates(draw, schema):
    """A filter over some columns of a schema; now and then one that combines two."""
    name = draw(st.sampled_from(list(schema)))
    column, dtype = pl.col(name), schema[name]
    if dtype.is_nested() or dtype == pl.Null or dtype == pl.Binary:
        found = draw(st.sampled_from([column.is_null(), column.is_not_null()]))
    else:
        value = draw(cell(name))
        literal = pl.lit(value, dtype=dtype) if name != "cat" else pl.lit(value)
        choices = [column.is_null(), column.is_not_null(), column == literal, column != literal, ~(column == literal)]
        choices.append(column.eq_missing(literal))
        if name != "cat":
            choices += [column < literal, column <= literal, column > literal, column >= literal, ~(column > literal)]
        if name == "s":
            choices += [column.str.starts_with("a"), column.is_in(["a", "zz"]), column.str.len_chars() > 1]
        if name in ("f32", "f64"):
            choices += [column.is_nan(), column.is_not_nan(), column.is_finite()]
        if dtype.is_integer():
            choices += [column.is_in([0, 5]), column.is_between(0, 5), column % 2 == 0]
        found = draw(st.sampled_from(choices))
    if draw(st.integers(0, 3)) == 0:
        other = draw(predicates(schema))
        return draw(st.sampled_from([found & other, found | other, ~found]))
    return found


@st.composite
def queries(draw, schema):
    """A function from a frame to a frame: filters, projections, slices, in some order."""
    steps = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["filter", "select", "head", "tail", "slice", "filter"]))
        if kind == "filter":
            predicate = draw(predicates(schema))
            steps.append(lambda frame, predicate=predicate: frame.filter(predicate))
        elif kind == "select":
            names = draw(st.lists(st.sampled_from(list(schema)), min_size=1, unique=True))
            schema = {name: schema[name] for name in names}
            steps.append(lambda frame, names=names: frame.select(names))
        else:
            count, at = draw(st.integers(0, ROWS)), draw(st.integers(0, ROWS))
            first = {"head": 0, "tail": -count, "slice": at}[kind]
            steps.append(lambda frame, first=first, count=count: frame.slice(first, count))

    def query(frame):
        for step in steps:
            frame = step(frame)
        return frame

    return query
