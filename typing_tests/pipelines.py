"""What a Dagster project writes: the IO manager, the resource, and stamped definitions."""

from datetime import timedelta
from typing import assert_type

import dagster as dg

import autostore
from autostore import AutoStore
from autostore_dagster import (
    AutoStoreIOManager,
    AutoStoreResource,
    LocalStorageConfig,
    Partitions,
    S3StorageConfig,
    StorageBase,
    asset_key,
    asset_uri,
    build_prune_job,
    build_stored_checks,
    parse_key,
    prune,
    stamp,
)

manager = AutoStoreIOManager(uri="./data")
AutoStoreIOManager(uri=dg.EnvVar("URI"), storage=None, retries=0, retry_wait=1, previews=False, data_version=True)
AutoStoreIOManager(uri="s3://bucket/", storage=S3StorageConfig(anonymous=True), concurrency=dg.EnvVar.int("WIDTH"))
resource = AutoStoreResource(uri="./data", storage=LocalStorageConfig(durable=True))
AutoStoreResource(uri=dg.EnvVar("URI"))

assert_type(manager.uri, str)
assert_type(manager.storage, StorageBase | None)
with resource.open() as opened:
    assert_type(opened, AutoStore)


@dg.asset
def report(store: AutoStoreResource) -> int:
    with store.open() as keys:
        return len(keys)


definitions = dg.Definitions(stamp([report], uri="./data"), resources={"io_manager": manager, "store": resource})
assert_type(stamp([report], uri="./data"), list[dg.AssetsDefinition])
assert_type(stamp(definitions), dg.Definitions)

AutoStoreIOManager(uri="./data", previous=AutoStoreResource(uri="./old"))
with manager.open() as below:
    assert_type(below, AutoStore)
assert_type(build_stored_checks([report], min_rows=1, fresh_within=timedelta(1)), list[dg.AssetChecksDefinition])
assert_type(asset_key(report, "2013-01-01"), str)
assert_type(asset_uri(["raw", "flights"], {"date": "2013-01-01"}, uri="./data"), str)
assert_type(parse_key("flights").asset_key, dg.AssetKey | None)
assert_type(parse_key("flights").partition_key, str | None)
assert_type(build_prune_job(runs_older_than=timedelta(days=30)), dg.ScheduleDefinition)


@dg.asset
def days(context: dg.AssetExecutionContext) -> Partitions:
    return Partitions((day, len(day)) for day in context.partition_keys)


def tidy() -> None:
    assert_type(prune(definitions, orphans=False, dry_run=True).bytes, int)


AutoStoreIOManager()  # type: ignore[call-arg]
AutoStoreIOManager("./data")  # type: ignore[call-arg]
AutoStoreIOManager(url="./data")  # type: ignore[call-arg]
AutoStoreIOManager(uri=1)  # type: ignore[arg-type]
AutoStoreIOManager(uri="./data", storage="s3")  # type: ignore[arg-type]
AutoStoreIOManager(uri="./data", storage=autostore.S3StorageConfig())  # type: ignore[arg-type]
AutoStoreIOManager(uri="./data", endpoint_url="http://localhost")  # type: ignore[call-arg]
AutoStoreIOManager(uri="./data", retries="3")  # type: ignore[arg-type]
AutoStoreResource()  # type: ignore[call-arg]
AutoStoreResource(uri="./data", storage=autostore.StorageConfig())  # type: ignore[arg-type]
AutoStoreResource(uri="./data", retries=3)  # type: ignore[call-arg]
stamp([report])  # type: ignore[call-overload]
AutoStoreIOManager(uri="./data", previous=5)  # type: ignore[arg-type]
AutoStoreIOManager(uri="./data", previous="./old")
prune(definitions, runs_older_than=30)  # type: ignore[arg-type]
build_stored_checks([report], rows=1)  # type: ignore[call-arg]
asset_key(5)  # type: ignore[arg-type]
Partitions([1, 2])  # type: ignore[list-item]
