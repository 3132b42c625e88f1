"""Times as Spark, Hive and Impala wrote them for long (INT96): 9999-12-31 is that day, in whatever they are read."""

import datetime as dt

import pytest

from autostore import SchemaMismatchError, UnsupportedFormatError
from tests.optional import pa, pd, pl, pq

FAR = [dt.datetime(1, 1, 1), None, dt.datetime(2024, 1, 2, 3, 4, 5, 678901), dt.datetime(9999, 12, 31)]
DAYS = {"t": FAR, "n": [1, 2, 3, 4]}


def spark(file, columns=None, *, unit="us", **options):
    """A file with INT96, such as Spark writes unless it is told otherwise."""
    columns = DAYS if columns is None else columns
    types = {"t": pa.timestamp(unit), "l": pa.list_(pa.timestamp(unit)), "s": pa.struct([("x", pa.timestamp(unit))]),
             "m": pa.map_(pa.string(), pa.timestamp(unit))}  # fmt: skip
    table = pa.table({name: pa.array(cells, types.get(name)) for name, cells in columns.items()})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, use_deprecated_int96_timestamps=True, **options)


@pytest.mark.parametrize("store_schema", [True, False])
def test_years_that_nanoseconds_do_not_reach(local_store, folder, store_schema):
    """They are read as they are by every library, whole or in part, and are the same when they were written again."""
    spark(folder / "a.parquet", store_schema=store_schema)
    store = local_store
    assert store["a"].to_dict(as_series=False) == DAYS
    assert store.read("a", as_type=pa.Table).to_pydict() == DAYS
    assert store.read("a", as_type=pd.DataFrame)["t"].dt.to_pydatetime().tolist()[-1] == FAR[-1]
    assert [row["t"] for row in store.read("a", as_type=list[dict])] == FAR
    assert store.read("a", as_type=pa.Table, columns=["t"])["t"].to_pylist() == FAR
    assert store.read("a", columns=["t"])["t"].to_list() == FAR
    assert store.scan("a").filter(pl.col("t") < dt.datetime(1900, 1, 1)).collect()["n"].to_list() == [1]
    store["b"] = store["a"]
    assert pq.read_table(folder / "b.parquet").to_pydict() == DAYS


def test_nanoseconds_stay(local_store, folder):
    """A time of nanoseconds keeps them; beside one that they do not reach no type holds it, which is told."""
    fine = [1_700_000_000_123_456_789, -1]
    spark(folder / "a.parquet", {"t": fine}, unit="ns")
    assert local_store["a"]["t"].to_physical().to_list() == fine
    assert local_store.read("a", as_type=pa.Table)["t"].cast(pa.int64()).to_pylist() == fine


def test_nested(local_store, folder):
    """Within lists and structs too; maps, which Polars has in its own type alone, are read by pyarrow."""
    far = FAR[-1]
    columns = {"l": [[far, None], None], "s": [{"x": far}, {"x": None}]}
    spark(folder / "a.parquet", columns, store_schema=False)
    assert local_store["a"].to_dict(as_series=False) == columns
    assert local_store.read("a", as_type=pa.Table).to_pydict() == columns
    spark(folder / "m.parquet", {"m": [[("k", far)]]}, store_schema=False)
    for read in (lambda: local_store["m"], lambda: local_store.scan("m")):
        with pytest.raises(UnsupportedFormatError, match=r"as_type=pyarrow\.Table"):
            read()
    assert local_store.read("m", as_type=pa.Table).to_pydict() == {"m": [[("k", far)]]}


@pytest.mark.parametrize("rows", [1, 200_000])
def test_many_tables(local_store, folder, rows):
    """A scan of many, planned in nanoseconds, names the table that they do not reach, whatever is filtered."""
    near = dt.datetime(2024, 1, 1)
    columns = {"t": [near] * rows, "n": list(range(rows))}
    for name in ("a", "b"):
        spark(folder / f"f/{name}.parquet", columns, store_schema=False)
    assert local_store.scan("f/").select(pl.col("t").max()).collect().item() == near
    spark(
        folder / "f/b.parquet", {name: [*cells, DAYS[name][-1]] for name, cells in columns.items()}, store_schema=False
    )
    for query in (local_store.scan("f/"), local_store.scan("f/").filter(pl.col("t") < near)):
        with pytest.raises(SchemaMismatchError, match=r"f/b\.parquet.*'t'"):
            query.collect()
    assert local_store.scan("f/").select("n").collect().height == 2 * rows + 1
    for key in ("f/a", "f/b"):
        local_store[key] = local_store[key].cast({"t": pl.Datetime("us")})
    assert local_store.scan("f/").select(pl.col("t").max()).collect().item() == DAYS["t"][-1]
