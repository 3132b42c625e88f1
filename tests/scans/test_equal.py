"""A scan says what Polars' own reader says of the downloaded file: every dtype, predicate, slice and order."""

import datetime as dt
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.optional import optional, pa, pl, pq
from tests.scans.tables import queries, tables
from tests.store.test_state_machine import EXAMPLES

assert_frame_equal = optional("polars.testing").assert_frame_equal

engines = st.sampled_from(["in-memory", "streaming"])
several = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def lay(store, path, data):
    """Put bytes where another tool would have put them."""
    with store._backend.scratch_file() as file:
        file.write_bytes(data)
        store._backend.upload(file, path)


@several
@given(data=st.data(), file=tables(), engine=engines)
def test_any_query_of_one_table(ranged, in_windows, data, file, engine):
    """In windows of a few row groups, pruned by statistics, a query gives what it gives on the file itself."""
    # Mutations that this was seen to catch: a slice after the filter; two groups' bytes change places.
    lay(ranged, "t.parquet", file)
    native = pl.read_parquet(io.BytesIO(file)).lazy()
    query = data.draw(queries(dict(native.collect_schema())))
    assert_frame_equal(query(ranged.scan("t")).collect(engine=engine), query(native).collect())


@several
@given(data=st.data(), file=tables(), engine=engines)
def test_any_query_of_a_folder(ranged, data, file, engine):
    """Small tables that are read several at once give what they give one after the other."""
    for day in range(3):
        lay(ranged, f"f/day={day}/t.parquet", file)
    own = pl.read_parquet(io.BytesIO(file))
    native = pl.concat([own.with_columns(pl.lit(str(day)).alias("day")) for day in range(3)]).lazy()
    query = data.draw(queries(dict(own.schema)))
    assert_frame_equal(query(ranged.scan("f/")).collect(engine=engine), query(native).collect())


def by_arrow(columns, **options):
    """A file that pyarrow wrote, two rows a group."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=2, **options)
    return file.getvalue()


NOON, LONG = dt.datetime(2020, 1, 1, 12), "x" * 5000
TRAPS = {
    "NaN is greater than all": (by_arrow({"a": [1.0, float("nan"), 2.0, 3.0]}), pl.col("a") > 100),
    "NaN beside one value": (by_arrow({"a": [1.0, float("nan"), 1.0, 1.0]}), pl.col("a") != 1.0),
    "unsigned": (by_arrow({"a": pa.array([2**63 + 1, 2**64 - 1, 1, 2], pa.uint64())}), pl.col("a") > 2**63),
    "small unsigned": (by_arrow({"a": pa.array([2**31 + 1, 2**32 - 1, 1, 2], pa.uint32())}), pl.col("a") > 2**31),
    "texts that were cut": (by_arrow({"a": [f"{LONG}b", f"{LONG}c", "a", "b"]}), pl.col("a") > f"{LONG}b"),
    "characters that were cut": (by_arrow({"a": ["\U0001f600" * 40, "\U0001f601" * 40, "a", ""]}),
                                 pl.col("a") > "\U0001f600" * 30),
    "nanoseconds kept as microseconds": (
        by_arrow({"a": pa.array([NOON] * 3, pa.timestamp("ns"))}, coerce_timestamps="us"), pl.col("a") >= NOON),
    "seconds": (by_arrow({"a": pa.array([NOON] * 3, pa.timestamp("s"))}), pl.col("a") >= NOON),
    "days as milliseconds": (by_arrow({"a": pa.array([NOON.date()] * 3, pa.date64())}), pl.col("a") >= NOON.date()),
    "a zone": (by_arrow({"a": pa.array([NOON] * 3, pa.timestamp("us", "Asia/Tokyo"))}),
               pl.col("a") > pl.lit(NOON).dt.replace_time_zone("Asia/Tokyo")),
    "INT96": (by_arrow({"a": pa.array([NOON] * 3, pa.timestamp("ns"))}, use_deprecated_int96_timestamps=True),
              pl.col("a") >= NOON),
    "only nulls": (by_arrow({"a": pa.array([None, None, 1, None], pa.int64())}), pl.col("a").is_null()),
    "no statistics": (by_arrow({"a": [1, 2, 3]}, write_statistics=False), pl.col("a") > 2),
    "a name with a dot": (by_arrow({"a.b": [1, 2, 3], "a": [{"b": 1}, {"b": 2}, {"b": 3}]}), pl.col("a.b") > 2),
    "a dictionary": (by_arrow({"a": pa.array(["u", "v", "u"]).dictionary_encode()}), pl.col("a") == "v"),
    "named as a statistic": (by_arrow({"a": [1, 2, 3], "a_min": [9, 9, 9], "len": [7, 8, 9]}),
                             (pl.col("a") > 2) & (pl.col("len") > 8) & (pl.col("a_min") == 9)),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_statistics_that_mislead(ranged, in_windows, trap):
    """What other programs write into a footer never hides a row."""
    # Mutation that this was seen to catch: the least and the greatest value change places.
    file, predicate = TRAPS[trap]
    lay(ranged, "t.parquet", file)
    for wanted in (predicate, ~predicate):
        expected = pl.read_parquet(io.BytesIO(file)).filter(wanted)
        assert_frame_equal(ranged.scan("t").filter(wanted).collect(), expected)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_joins_and_sinks(ranged, in_windows, tmp_path, engine):
    """A scan may stand at several places of a query, and its rows may stream to a file in their order."""
    frame = pl.DataFrame({"id": range(1000), "x": [row % 7 for row in range(1000)]})
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=50)
    lay(ranged, "t.parquet", file.getvalue())
    scan = ranged.scan("t")
    joined = scan.join(scan.group_by("x").len(), on="x", maintain_order="left").collect(engine=engine)
    assert joined["id"].to_list() == list(range(1000))
    scan.filter(pl.col("x") > 2).sink_parquet(tmp_path / "out.parquet", engine=engine)
    assert_frame_equal(pl.read_parquet(tmp_path / "out.parquet"), frame.filter(pl.col("x") > 2))
