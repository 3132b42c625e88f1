"""What a query engine hands over as a stream of Arrow is a table: relations of DuckDB, tables of Ibis."""

import pytest

from autostore import AutoStore, StorageConfig
from tests.optional import pa, pl

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_a_relation_of_duckdb(tmp_path):
    """It is written as it is computed, under a bare key as Parquet, by name also as CSV, and comes back as a query."""
    duckdb = pytest.importorskip("duckdb")
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store, duckdb.connect() as database:
        query = "SELECT * FROM (VALUES (1, 'x'), (2, NULL)) t(a, b)"
        assert store.write("rel", database.sql(query)).path == "rel.parquet"
        assert store["rel"].collect().to_dicts() == ROWS
        assert store.read("rel", as_type=pa.Table).to_pylist() == ROWS
        store["rel.csv"] = database.sql(query)
        assert store["rel.csv"].to_dicts() == ROWS


def test_a_table_of_ibis(tmp_path):
    """The same of a table of Ibis, whichever engine is behind it."""
    pytest.importorskip("duckdb")
    ibis = pytest.importorskip("ibis")
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        table = ibis.memtable(pl.DataFrame(ROWS))
        assert store.write("k", table.filter(table.a > 0)).path == "k.parquet"
        found = store.read("k", as_type=pl.DataFrame)
        assert found.sort("a").to_dicts() == ROWS
