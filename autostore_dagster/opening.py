"""Opens the stores that managers and resources name: one place, or a branch over its bases."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from autostore import AutoStore, StorageConfig

if TYPE_CHECKING:
    from autostore_dagster.config import StorageBase
    from autostore_dagster.resource import Base

__all__ = ["close_all", "open_store"]


def open_store(uri: str, storage: StorageBase | None, base: Base) -> AutoStore:
    """The store, over its base if it has one; each with the settings of its own."""
    assert not isinstance(base, str)  # a text was made a resource
    below = open_store(base.uri, base.storage, base.base) if base is not None else None
    config = storage.to_core() if storage else StorageConfig()
    if config.progress is None:  # a run is looked at by its log, not in a terminal
        config = dataclasses.replace(config, progress=False)
    return AutoStore(uri, config, base=below)


def close_all(store: AutoStore) -> None:
    """Close a store of `open_store` and its bases."""
    layer: AutoStore | None = store
    while layer is not None:
        layer.close()
        layer = layer.base
