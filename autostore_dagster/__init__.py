"""Dagster on autostore: `AutoStoreIOManager` keeps what assets return, `AutoStoreResource` is the store itself."""

from autostore_dagster.checks import build_stored_checks
from autostore_dagster.config import LocalStorageConfig, S3StorageConfig, StorageBase
from autostore_dagster.definitions import stamp
from autostore_dagster.io_manager import AutoStoreIOManager
from autostore_dagster.resource import AutoStoreResource

__all__ = [
    "AutoStoreIOManager",
    "AutoStoreResource",
    "LocalStorageConfig",
    "S3StorageConfig",
    "StorageBase",
    "build_stored_checks",
    "stamp",
]
