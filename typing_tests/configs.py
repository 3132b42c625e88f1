"""Settings, of the core and for Dagster: a wrong name or type is an error before anything runs."""

from pathlib import Path
from typing import assert_type

import dagster as dg

import autostore
import autostore_dagster
from autostore import LocalFileConfig, StorageConfig
from autostore_dagster import LocalStorageConfig, StorageBase

MIB = 1024 * 1024

# The core.
StorageConfig(timeout=5, max_retries=0, cache_enabled=True, cache_dir=Path("cache"), pickle_key=b"key")
LocalFileConfig(durable=True, read_only=True, temp_dir="tmp", cache_max_bytes=None)
autostore.S3StorageConfig(endpoint_url="http://localhost:9000", verify=False, upload_args={"ACL": "private"})
any_config: list[StorageConfig] = [LocalFileConfig(), autostore.S3StorageConfig(checksums=True, verify="ca.pem")]
assert_type(LocalFileConfig.adapt(autostore.S3StorageConfig()), LocalFileConfig)

StorageConfig(5)  # type: ignore[call-arg]
StorageConfig(time_out=5)  # type: ignore[call-arg]
StorageConfig(timeout="5")  # type: ignore[arg-type]
LocalFileConfig(endpoint_url="http://localhost")  # type: ignore[call-arg]
autostore.S3StorageConfig(durable=True)  # type: ignore[call-arg]
autostore.S3StorageConfig(verify=1.5)  # type: ignore[arg-type]
StorageConfig().timeout = 3  # type: ignore[misc]

# The same for Dagster.
local = LocalStorageConfig(timeout=2.5, cache_dir="cache", cache_max_bytes=None, durable=True)
s3 = autostore_dagster.S3StorageConfig(
    aws_access_key_id=dg.EnvVar("KEY_ID"),
    aws_secret_access_key=dg.EnvVar("KEY"),
    pickle_key=dg.EnvVar("PICKLE_KEY"),
    endpoint_url=dg.EnvVar("ENDPOINT"),
    max_retries=dg.EnvVar.int("RETRIES"),
    multipart_chunksize=8 * MIB,
    upload_args={"ServerSideEncryption": "aws:kms"},
    checksums=False,
    verify=False,
)
autostore_dagster.S3StorageConfig(verify=dg.EnvVar("BUNDLE"), addressing_style="path")
either: list[StorageBase] = [local, s3, StorageBase(read_only=True)]

assert_type(local.durable, bool)
assert_type(local.cache_max_bytes, int | None)
assert_type(s3.aws_secret_access_key, str | None)
assert_type(s3.verify, bool | str | None)
assert_type(local.to_core(), LocalFileConfig)
assert_type(s3.to_core(), autostore.S3StorageConfig)
assert_type(StorageBase().to_core(), StorageConfig)

LocalStorageConfig(3)  # type: ignore[call-arg]
LocalStorageConfig(verify=False)  # type: ignore[call-arg]
LocalStorageConfig(durable="yes")  # type: ignore[arg-type]
LocalStorageConfig(cache_dir=Path("cache"))  # type: ignore[arg-type]
LocalStorageConfig(durable=dg.EnvVar("DURABLE"))  # type: ignore[arg-type]
autostore_dagster.S3StorageConfig(aws_secret_acces_key="x")  # type: ignore[call-arg]
autostore_dagster.S3StorageConfig(pickle_key=b"key")  # type: ignore[arg-type]
autostore_dagster.S3StorageConfig(max_concurrency="10")  # type: ignore[arg-type]
autostore_dagster.S3StorageConfig(max_concurrency=dg.EnvVar("CONCURRENCY"))  # type: ignore[arg-type]
autostore_dagster.S3StorageConfig(upload_args=["ACL"])  # type: ignore[arg-type]
s3.to_core().durable  # type: ignore[attr-defined]
