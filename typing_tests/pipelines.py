"""What a Dagster project writes: the IO manager, the resource, and stamped definitions."""

from typing import assert_type

import dagster as dg

import autostore
from autostore import AutoStore
from autostore_dagster import (
    AutoStoreIOManager,
    AutoStoreResource,
    LocalStorageConfig,
    S3StorageConfig,
    StorageBase,
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
