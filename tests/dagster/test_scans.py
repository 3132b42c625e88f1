"""What inputs of tables cost on S3: a lazy frame and `columns` move ranges, a fan-in one request a partition."""

import dagster as dg
import numpy as np
import polars as pl
import pytest

from autostore_dagster import S3StorageConfig
from tests.dagster.conftest import Rig
from tests.proxy import Proxy

ROWS, COLUMNS = 100_000, 10
twelve = dg.StaticPartitionsDefinition([f"p{number:02}" for number in range(12)])
KEYS = twelve.get_partition_keys()


@dg.asset
def wide() -> pl.DataFrame:
    """Ten columns of noise, 8 MB."""
    random = np.random.default_rng(0)
    return pl.DataFrame({f"c{n}": random.integers(0, 1 << 62, ROWS) for n in range(COLUMNS)})


@dg.asset(partitions_def=twelve, backfill_policy=dg.BackfillPolicy.single_run())
def small(context) -> dict[str, pl.DataFrame]:
    """A row for each partition."""
    return {key: pl.DataFrame({"x": [number]}) for number, key in enumerate(context.partition_keys)}


@pytest.fixture
def line(bucket, instance):
    """A rig behind a counting proxy."""
    server, name = bucket
    with Proxy(server.endpoint) as proxy:
        proxy.rig = Rig(f"s3://{name}/scans/", instance, storage=S3StorageConfig(endpoint_url=proxy.endpoint))
        yield proxy


def cost(line, act):
    """The result, the requests by kind, and the bytes that came."""
    begun = len(line.requests)
    result = act()
    seen = line.requests[begun:]
    return result, [request.kind for request in seen], sum(request.received for request in seen)


def test_one_table(line):
    """A lazy input of one column, and `columns`, move that column and the footer; the whole table is one download."""
    line.rig.run(wide)
    whole = ROWS * COLUMNS * 8
    frame, kinds, size = cost(line, lambda: line.rig.load(wide, pl.LazyFrame))
    assert (kinds.count("GET"), size <= 70_000) == (1, True)
    column, _, size = cost(line, lambda: frame.select("c3").collect())
    assert column.height == ROWS
    assert size < 0.13 * whole
    column, kinds, size = cost(line, lambda: line.rig.load(wide, pl.DataFrame, metadata={"columns": ["c3"]}))
    assert column.columns == ["c3"]
    assert size < 0.13 * whole
    assert len(kinds) <= 6


def test_a_fan_in(line):
    """All partitions as one lazy frame: one listing, at most a GET each; a filter spares the others."""
    line.rig.run(small, between=(KEYS[0], KEYS[-1]))
    frame, kinds, _ = cost(line, lambda: line.rig.load(small, pl.LazyFrame, between=(KEYS[0], KEYS[-1])))
    assert kinds.count("LIST") == 1
    assert kinds.count("GET") <= len(KEYS)
    rows, more, _ = cost(line, lambda: frame.filter(pl.col("partition") == "p07").collect())
    assert rows["x"].to_list() == [7]
    assert len(more) <= 1
    assert frame.collect()["x"].sum() == sum(range(12))
