"""A store on Azure Blob Storage: `az://container/prefix/`."""

from __future__ import annotations

import re

from autostore.backends.cloud.azure.engine import AzureEngine
from autostore.backends.cloud.backend import CloudBackend
from autostore.config import AzureStorageConfig, StorageConfig
from autostore.engine.contract import Engine
from autostore.optional import require_installed

__all__ = ["AzureBackend"]


class AzureBackend(CloudBackend):
    r"""Blobs below `az://container/prefix/`; a missing container is a `StorageConnectionError`, never an absent key.

    Azure takes `\` in a name for `/`, and obstore no control characters: such keys are refused.
    """

    config_class = AzureStorageConfig
    scheme = "az"
    receives = False
    place = "container"
    names = re.compile(r"\$?[a-z0-9](?:-?[a-z0-9]){1,61}")

    def settings_of(self, config: StorageConfig) -> AzureStorageConfig:
        """Those of any other place are left out."""
        return AzureStorageConfig.adapt(config)

    def make_engine(self, bucket: str, prefix: str) -> Engine:
        """Obstore does all of it."""
        require_installed("obstore")  # said now, not at the first read
        return AzureEngine(bucket, prefix, self.uri, self.settings_of(self.config), self.scratch_file)
