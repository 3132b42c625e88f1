"""Dagster on autostore: `AutoStoreIOManager` keeps what assets return, `AutoStoreResource` is the store itself."""

# ruff: noqa: E402  # the check comes before what it checks is imported
from autostore_dagster.installation import check_installation

check_installation()

from autostore_dagster.addresses import Address, asset_key, asset_uri, parse_key
from autostore_dagster.checks import build_stored_checks
from autostore_dagster.config import (
    AzureStorageConfig,
    FsspecStorageConfig,
    LocalStorageConfig,
    S3StorageConfig,
    StorageBase,
)
from autostore_dagster.definitions import stamp
from autostore_dagster.io_manager import AutoStoreIOManager
from autostore_dagster.moving import Moved, build_move_in_job, move_in
from autostore_dagster.promoting import Promoted, build_promote_job, promote
from autostore_dagster.pruning import Pruned, build_prune_job, prune
from autostore_dagster.resource import AutoStoreResource
from autostore_dagster.streams import Partitions

__all__ = [
    "Address",
    "AutoStoreIOManager",
    "AutoStoreResource",
    "AzureStorageConfig",
    "FsspecStorageConfig",
    "LocalStorageConfig",
    "Moved",
    "Partitions",
    "Promoted",
    "Pruned",
    "S3StorageConfig",
    "StorageBase",
    "asset_key",
    "asset_uri",
    "build_move_in_job",
    "build_promote_job",
    "build_prune_job",
    "build_stored_checks",
    "move_in",
    "parse_key",
    "promote",
    "prune",
    "stamp",
]
