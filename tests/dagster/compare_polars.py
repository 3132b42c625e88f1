"""Compares with dagster-polars, in an environment of its own, because it does not work with Polars 2.

    python -m venv compare
    compare/bin/pip install dagster-polars 'polars<2' s3fs 'moto[server]' pytest -e '.[s3,dagster]'
    compare/bin/python -m tests.dagster.compare_polars

100 partitions of a frame on an S3 server whose answers take 50 ms, and what goes wrong with values
that are not frames.
"""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit

import dagster as dg
import polars as pl
from dagster_polars import PolarsParquetIOManager

from autostore_dagster import AutoStoreIOManager, S3StorageConfig
from tests.servers import ACCESS_KEY, SECRET_KEY, free_port, listens, process, running_moto, wait_for

LATENCY = 0.05
hundred = dg.StaticPartitionsDefinition([f"p{number:03}" for number in range(100)])
KEYS = hundred.get_partition_keys()
RANGE = {"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]}
FRAMES = {key: pl.DataFrame({"n": [index] * 10}) for index, key in enumerate(KEYS)}


@dg.asset(partitions_def=hundred, backfill_policy=dg.BackfillPolicy.single_run())
def by_range() -> dict[str, pl.DataFrame]:
    """All partitions in one run."""
    return FRAMES


@dg.asset(partitions_def=hundred, name="by_range")
def one_by_one(context) -> pl.DataFrame:
    """A partition for each run."""
    return FRAMES[context.partition_key]


@dg.asset(name="value")
def lazy_without_annotation():
    """A lazy frame that nobody announced."""
    return pl.LazyFrame({"n": [1]})


@dg.asset(name="value")
def frame() -> Optional[pl.DataFrame]:  # noqa: UP045  # as Dagster spells it
    """A frame, where None is possible."""
    return pl.DataFrame({"n": [1]})


@dg.asset(name="value")
def nothing() -> Optional[pl.DataFrame]:  # noqa: UP045
    """None, in the frame's place."""
    return None


def polars_manager(bucket, endpoint):
    """Dagster-polars on S3."""
    options = {"key": ACCESS_KEY, "secret": SECRET_KEY, "client_kwargs": {"endpoint_url": endpoint}}
    return PolarsParquetIOManager(base_dir=f"s3://{bucket}/theirs", storage_options=options)


def ours_manager(bucket, endpoint):
    """Ours on S3."""
    return AutoStoreIOManager(uri=f"s3://{bucket}/ours/", storage=S3StorageConfig(endpoint_url=endpoint))


def seconds(manager, asset, instance, wanted, check):
    """The best of four loads of all partitions."""
    found = []
    defs = dg.Definitions(assets=[asset], resources={"io_manager": manager})
    with defs.get_asset_value_loader(instance) as loader:
        for _ in range(4):
            began = time.perf_counter()
            value = loader.load_asset_value(
                "by_range", python_type=wanted, partition_key_range=dg.PartitionKeyRange(KEYS[0], KEYS[-1])
            )
            check(value)
            found.append(time.perf_counter() - began)
    return f"{min(found):.2f} s"


def is_by_partition(value):
    """Each partition has its own frame."""
    assert {key: frame["n"][0] for key, frame in value.items()} == {key: index for index, key in enumerate(KEYS)}


def is_whole(value):
    """One frame has every row."""
    frame = value.collect() if isinstance(value, pl.LazyFrame) else value
    assert (frame.height, frame["n"].sum()) == (1000, 10 * sum(range(100)))


def attempt(label, action):
    """Print what came of it."""
    try:
        print(f"  {label}: {action()}")
    except Exception as error:
        print(f"  {label}: {type(error).__name__}: {str(error).splitlines()[0][:150]}")


def speed(folder, instance):
    """Both managers over the same line."""
    with running_moto(folder) as server:
        bucket, port = server.make_bucket(), free_port()
        client = server.raw()
        dg.materialize(
            [by_range], instance=instance, tags=RANGE, resources={"io_manager": ours_manager(bucket, server.endpoint)}
        )
        theirs = polars_manager(bucket, server.endpoint)
        dg.materialize([one_by_one], instance=instance, partition_key=KEYS[0], resources={"io_manager": theirs})
        (first,) = [item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix="theirs")["Contents"]]
        for key in KEYS:  # as it names them itself, without a hundred runs
            file = folder / "part.parquet"
            FRAMES[key].write_parquet(file)
            client.put_object(Bucket=bucket, Key=first.replace(KEYS[0], key), Body=file.read_bytes())
        command = [sys.executable, "-m", "tests.dagster.replay", str(port), str(urlsplit(server.endpoint).port)]
        with process([*command, str(LATENCY)], folder / "replay.log"):
            wait_for(lambda: listens(port), "the line")
            line = f"http://127.0.0.1:{port}"
            for label, wanted, check in (
                ("dict[str, pl.DataFrame]", dict[str, pl.DataFrame], is_by_partition),
                ("pl.LazyFrame over all", pl.LazyFrame, is_whole),
                ("pl.DataFrame over all", pl.DataFrame, is_whole),
            ):
                print(f"{label}, 100 partitions, {1000 * LATENCY:.0f} ms:")
                for name, manager, asset in (
                    ("dagster-polars", polars_manager(bucket, line), one_by_one),
                    ("autostore", ours_manager(bucket, line), by_range),
                ):
                    attempt(name, partial(seconds, manager, asset, instance, wanted, check))


def values(folder, instance):
    """What becomes of values that are not what the annotation says."""
    managers = {
        "dagster-polars": PolarsParquetIOManager(base_dir=str(folder / "theirs")),
        "autostore": AutoStoreIOManager(uri=str(folder / "ours")),
    }

    def stored(manager, *assets):
        for asset in assets:
            dg.materialize([asset], instance=instance, resources={"io_manager": manager})
        defs = dg.Definitions(assets=[assets[-1]], resources={"io_manager": manager})
        return type(defs.load_asset_value("value", python_type=Any, instance=instance)).__name__

    cases = {"a LazyFrame without annotation": [lazy_without_annotation], "None after a frame": [frame, nothing]}
    for label, assets in cases.items():
        print(f"{label}, read back:")
        for name, manager in managers.items():
            attempt(name, partial(stored, manager, *assets))


def main():
    """Print the comparison."""
    os.environ |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
    print(f"polars {pl.__version__}")
    with tempfile.TemporaryDirectory() as name, dg.DagsterInstance.ephemeral() as instance:
        speed(Path(name), instance)
        values(Path(name), instance)


if __name__ == "__main__":
    main()
