"""How another library reaches the container, in its own words."""

from __future__ import annotations

import os
from typing import Any

from autostore.config import AzureStorageConfig
from autostore.errors import InvalidConfigError

__all__ = ["account", "address", "options_for"]

_ENGINES = ("delta", "polars")
_NAMES = {"endpoint_url": "endpoint"}


def account(config: AzureStorageConfig) -> str | None:
    """The storage account, wherever it was set."""
    return config.account_name or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")


def address(config: AzureStorageConfig) -> str | None:
    """The address of the account's blobs, wherever it was set; None: Azure's own."""
    return config.endpoint_url or os.environ.get("AZURE_STORAGE_ENDPOINT")


def options_for(engine: str, config: AzureStorageConfig) -> dict[str, Any]:
    """https://docs.rs/object_store/latest/object_store/azure/enum.AzureConfigKey.html; every value is text."""
    if engine not in _ENGINES:
        raise InvalidConfigError(f"{engine!r:.80} is no engine that is known here. Pass one of {', '.join(_ENGINES)}.")
    names = ("account_name", "account_key", "sas_token", "tenant_id", "client_id", "client_secret", "endpoint_url")
    found = {f"azure_storage_{name}" if name in names[:3] else f"azure_{name}": getattr(config, name) for name in names}
    found["azure_endpoint_url"] = address(config)
    found = {_NAMES.get(name.removeprefix("azure_"), name): text for name, text in found.items() if text}
    if str(address(config)).startswith("http://"):
        found["allow_http"] = "true"
    return found
