"""Which engine does what: boto3 all, or another first what it does better."""

from __future__ import annotations

from autostore.backends.cloud.boto3.engine import Boto3Engine
from autostore.backends.cloud.engine import Engine
from autostore.config import S3StorageConfig

__all__ = ["chosen"]


def chosen(bucket: str, prefix: str, uri: str, config: S3StorageConfig) -> Engine:
    """The engine of a store."""
    return Boto3Engine(bucket, prefix, uri, config)
