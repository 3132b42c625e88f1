"""Settings of a store: frozen, keyword-only dataclasses, checked when they are made; one for each kind of place."""

from autostore.config.azure import AzureStorageConfig
from autostore.config.base import NATIVE, LocalFileConfig, StorageConfig, misplaced_credentials
from autostore.config.bridge import FsspecConfig
from autostore.config.s3 import CONDITIONS, SMALLEST_PART, S3StorageConfig

__all__ = [
    "CONDITIONS",
    "NATIVE",
    "SMALLEST_PART",
    "AzureStorageConfig",
    "FsspecConfig",
    "LocalFileConfig",
    "S3StorageConfig",
    "StorageConfig",
    "misplaced_credentials",
]
