"""obstore's connection to one container, with the settings or what the environment says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from autostore.backends.cloud.azure.options import address
from autostore.backends.cloud.obstore.process import Connections
from autostore.backends.cloud.obstore.settings import NOWHERE, retries
from autostore.config import AzureStorageConfig
from autostore.errors import InvalidConfigError
from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["AzureClient"]

_SECRETS = ("account_key", "sas_token", "client_secret")


class AzureClient(Connections):
    """One container, as this process reaches it."""

    def __init__(self, container: str, config: AzureStorageConfig) -> None:
        super().__init__()
        self._container = container
        self._config = config

    def make(self) -> tuple[Any, Any]:
        """Settings that obstore refuses are an `InvalidConfigError`, which quotes none of them."""
        try:
            return self._make(), None
        except Exception as error:
            let_pass(error, by_client=True)
            kind = type(error).__name__
        raise InvalidConfigError(
            f"obstore refuses the settings of Azure ({kind}). Check account_name (or AZURE_STORAGE_ACCOUNT_NAME), "
            "account_key or sas_token, and endpoint_url."
        )

    def _make(self) -> Any:
        config = self._config
        names = ("account_name", "tenant_id", "client_id")
        own = {name: getattr(config, name) for name in names if getattr(config, name)}
        switches = {"skip_signature": config.anonymous, "use_azure_cli": config.use_azure_cli}
        own |= {"endpoint": place} if (place := address(config)) else {}
        return require("obstore.store").AzureStore(
            self._container,
            config={**own, **{name: True for name, on in switches.items() if on}, **self._secrets()},
            client_options=self._options(),
            retry_config=retries(config),
        )

    def _options(self) -> dict[str, Any]:
        config, limit = self._config, timedelta(seconds=self._config.timeout)
        options: dict[str, Any] = {
            "timeout": timedelta(days=7), "read_timeout": limit, "connect_timeout": limit,
            "pool_idle_timeout": timedelta(seconds=20), "user_agent": "autostore obstore",
        }  # fmt: skip
        place = address(config)
        if place is not None:  # no redirect leads away from there
            host = urlsplit(place).hostname or ""
            options |= {"allow_http": place.startswith("http://"), "proxy_url": NOWHERE}
            options["proxy_excludes"] = host
        return options

    def _secrets(self) -> dict[str, str]:
        """In a function of its own, so that no traceback shows them as a local variable."""
        return {name: getattr(self._config, name) for name in _SECRETS if getattr(self._config, name)}
