"""Dagster: a run of small assets, and an asset that loads 100 partitions from S3 at 50 ms a request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.competitors import REGION, fresh
from benchmarks.measure import Aim
from benchmarks.race import Scale, Table, race
from benchmarks.steps import Contestant, Step

NAME = "dagster_io"
LATENCY = 0.05
Steps = Iterator[dict[str, Step]]


def tables(scale: Scale, folder: Path, servers: Any) -> list[Table]:
    """Against FilesystemIOManager on a disk, dagster-aws on S3; dagster-polars does not work with Polars 2."""
    assets, partitions = scale.of(30, 3), scale.of(100, 3)
    local = [Contestant("autostore", "ours_local"), Contestant("FilesystemIOManager", "filesystem")]
    aims = [Aim("materialize", "FilesystemIOManager", 1 / 1.2)]
    common = {"folder": str(folder), "assets": assets}
    found = [race(f"Dagster: a run of {assets} small assets, local", __name__, local, scale, aims, **common)]
    if servers.available:
        remote = [Contestant("autostore", "ours_s3"), Contestant("dagster-aws", "aws")]
        aims = [Aim("load", "dagster-aws", 8.0)]
        servers.radosgw()
        with servers.behind_link(LATENCY) as slow:
            title = f"Dagster: {partitions} partitions from S3 at {LATENCY * 1000:.0f} ms"
            fast = servers.radosgw()
            common = {"fast": fast, "slow": slow, "partitions": partitions}
            found.append(race(title, __name__, remote, scale, aims, **common))
    return found


def _run(assets: int, manager: Any) -> Steps:
    """A chain of assets in one process: each reads the one before and writes itself."""
    import dagster as dg

    def make(index: int) -> Any:
        before = {"before": dg.AssetIn(f"small_{index - 1}")} if index else {}

        @dg.asset(name=f"small_{index}", ins=before)
        def small(**inputs: Any) -> dict[str, int]:
            return {"index": index, "sum": index + inputs.get("before", {}).get("sum", 0)}

        return small

    chain = [make(index) for index in range(assets)]

    def run() -> Any:
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(chain, resources={"io_manager": manager}, instance=instance)

    def check(result: Any) -> None:
        assert result.output_for_node(f"small_{assets - 1}")["sum"] == sum(range(assets))

    run()
    yield {"materialize": Step(run, None, check)}


def ours_local(folder: str, number: int, assets: int) -> Steps:
    """The manager with its defaults, previews in the UI included."""
    from autostore_dagster import AutoStoreIOManager

    yield from _run(assets, AutoStoreIOManager(uri=str(fresh(folder, number))))


def filesystem(folder: str, number: int, assets: int) -> Steps:
    """Dagster's default: pickles."""
    import dagster as dg

    yield from _run(assets, dg.FilesystemIOManager(base_dir=str(fresh(folder, number))))


def _load(slow: Any, fast: Any, partitions: int) -> Steps:
    """Written through the server itself, read over the link, by `load_asset_value` of all partitions at once."""
    import dagster as dg
    import polars as pl

    names = [f"{part:03}" for part in range(partitions)]
    definition = dg.StaticPartitionsDefinition(names)

    @dg.asset(partitions_def=definition)
    def parts(context) -> pl.DataFrame:
        return pl.DataFrame({"part": [context.partition_key] * 100, "x": range(100)})

    @dg.asset(ins={"parts": dg.AssetIn(partition_mapping=dg.AllPartitionMapping())})
    def whole(parts: dict[str, pl.DataFrame]) -> int:
        return sum(frame.height for frame in parts.values())

    with dg.DagsterInstance.ephemeral() as instance:
        for name in names:
            dg.materialize([parts], resources={"io_manager": fast}, partition_key=name, instance=instance)

    def run() -> Any:
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize([whole, parts.to_source_asset()], resources={"io_manager": slow}, instance=instance)
            return done.output_for_node("whole")

    def check(height: int) -> None:
        assert height == 100 * partitions

    yield {"load": Step(run, None, check)}


def ours_s3(number: int, fast: dict[str, Any], slow: dict[str, Any], partitions: int) -> Steps:
    """The manager with its default of 32 partitions in flight."""
    from autostore_dagster import AutoStoreIOManager, S3StorageConfig

    def manager(server: dict[str, Any]) -> Any:
        storage = S3StorageConfig(
            endpoint_url=server["endpoint"],
            aws_access_key_id=server["key"],
            aws_secret_access_key=server["secret"],
            region_name=REGION,
        )
        return AutoStoreIOManager(uri=f"s3://{server['bucket']}/dagster-{number}/", storage=storage)

    yield from _load(manager(slow), manager(fast), partitions)


def aws(number: int, fast: dict[str, Any], slow: dict[str, Any], partitions: int) -> Steps:
    """dagster-aws: pickles, one after the other."""
    from dagster_aws.s3 import S3PickleIOManager, S3Resource

    def manager(server: dict[str, Any]) -> Any:
        resource = S3Resource(
            endpoint_url=server["endpoint"],
            aws_access_key_id=server["key"],
            aws_secret_access_key=server["secret"],
            region_name=REGION,
        )
        return S3PickleIOManager(s3_resource=resource, s3_bucket=server["bucket"], s3_prefix=f"dagster-{number}")

    yield from _load(manager(slow), manager(fast), partitions)
