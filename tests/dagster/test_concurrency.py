"""Many partitions load at a time: few requests, bounded, and each value with its own partition."""

import threading
from typing import Any

import dagster as dg

from autostore_dagster import S3StorageConfig
from tests.dagster.conftest import Rig
from tests.proxy import Proxy

hundred = dg.StaticPartitionsDefinition([f"p{number:03}" for number in range(100)])
KEYS = hundred.get_partition_keys()


@dg.asset(partitions_def=hundred, backfill_policy=dg.BackfillPolicy.single_run())
def many(context) -> dict[str, int]:
    """A number for each partition."""
    return {key: index for index, key in enumerate(context.partition_keys)}


def test_requests_of_a_hundred_partitions(bucket, instance):
    """One listing finds them all, each is one GET, and at least 16 are in flight at any time."""
    server, name = bucket
    with Proxy(server.endpoint) as line:
        rig = Rig(f"s3://{name}/ours/", instance, storage=S3StorageConfig(endpoint_url=line.endpoint))
        rig.run(many, between=(KEYS[0], KEYS[-1]))
        line.latency = 0.2
        together = threading.Barrier(16)
        line.before = lambda request: together.wait(10) if "p0" in request.path and request.kind == "GET" else None
        with line.counting() as requests:
            rig.load(many, dict[str, int], between=(KEYS[0], KEYS[95]))
    assert requests == {"LIST": 1, "GET": 96}


def test_a_listing_that_is_behind(local_rig):
    """A partition of two files, one of which a crash left, is read as the store itself reads it."""
    local_rig.run(many, between=(KEYS[0], KEYS[-1]))
    store = local_rig.store()
    store["many/partition=p050/data.yaml"] = ["laid here by hand"]
    del store["many/partition=p051/data"]
    store["many/partition=p051/data"] = "text now"
    loaded = local_rig.load(many, dict[str, Any], between=(KEYS[0], KEYS[-1]))
    assert (loaded["p050"], loaded["p051"], len(loaded)) == (50, "text now", 100)


def test_loading_is_bounded(local_rig):
    """No more partitions are in flight than `concurrency` allows."""
    local_rig.run(many, between=(KEYS[0], KEYS[-1]))
    local_rig.manager = local_rig.manage(concurrency=1)
    assert list(local_rig.load(many, dict[str, int], between=(KEYS[0], KEYS[-1]))) == KEYS
