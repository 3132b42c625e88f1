"""obstore's connection to one bucket on S3, with the settings and credentials that boto3 would have."""

from __future__ import annotations

import os
from typing import Any

from autostore.backends.cloud.boto3.chain import NoCredentialsError
from autostore.backends.cloud.boto3.client import credential_source
from autostore.backends.cloud.boto3.endpoints import named_here
from autostore.backends.cloud.obstore.process import Connections
from autostore.backends.cloud.obstore.settings import client_options, needs_profile, retries
from autostore.backends.cloud.obstore.standing_in import is_stood_in
from autostore.config import S3StorageConfig
from autostore.engine.contract import Declined, Engine
from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["ObstoreClient"]


class ObstoreClient(Connections):
    """One bucket, as this process reaches it by obstore; every call may be `Declined`."""

    def __init__(self, bucket: str, config: S3StorageConfig, complete: Engine) -> None:
        super().__init__()
        self._bucket = bucket
        self._config = config
        self._complete = complete
        self._source: Any = None

    def store(self) -> Any:
        """Declined where only boto3 is heard by what stands in for S3."""
        if is_stood_in():
            raise Declined
        return super().store()

    def is_stale(self, key: Any) -> bool:
        """Whether boto3's chain finds others."""
        # Compared, never kept in a local variable: a crash report may show those.
        return self._source is not None and key != self._source.get_frozen_credentials()

    def make(self) -> tuple[Any, Any]:
        """With the credentials of this moment; what goes wrong boto3 says."""
        try:
            self._find_source()
            return self._make(), None if self._source is None else self._source.get_frozen_credentials()
        except NoCredentialsError:
            raise  # boto3 would wait as long again
        except Exception as error:
            let_pass(error, by_client=True)
        self.is_off = True
        raise Declined

    def _find_source(self) -> None:
        if self._source is None and not self._has_own():
            self._source = credential_source(self._config)
            if self._source is None:
                raise Declined

    def _has_own(self) -> bool:
        """Whether no chain need be asked."""
        config = self._config
        in_environment = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
        return bool(config.anonymous or config.aws_access_key_id or (in_environment and not config.profile_name))

    def _make(self) -> Any:
        config = self._config
        if config.aws_access_key_id and not config.aws_session_token and os.environ.get("AWS_SESSION_TOKEN"):
            raise Declined  # obstore would add the token to another key
        endpoint, region = named_here(config), config.region_name or os.environ.get("AWS_DEFAULT_REGION")
        if needs_profile(config):
            told = self._complete.storage_options("polars")
            endpoint, region = told.get("aws_endpoint_url"), told["aws_region"]
        place = {"endpoint": endpoint} if endpoint else {}
        return require("obstore.store").S3Store(
            self._bucket,
            config={
                **place,
                "region": region or "us-east-1",
                "virtual_hosted_style_request": not endpoint and config.addressing_style != "path",
                "skip_signature": config.anonymous,
                # SeaweedFS stores an empty object for a client that dies after the headers, unless this differs.
                "checksum_algorithm": "SHA256",
                **self._secrets(),
            },
            client_options=client_options(config, endpoint or f"https://s3.{region or 'us-east-1'}.amazonaws.com"),
            retry_config=retries(config),
        )

    def _secrets(self) -> dict[str, str]:
        """What no header can hold boto3 names; in a function of its own, so that no traceback shows a secret."""
        found = self._found()
        if not all(value.isascii() and value.isprintable() for value in found.values()):
            raise Declined
        return found

    def _found(self) -> dict[str, str]:
        names = ("access_key_id", "secret_access_key", "session_token")
        if self._source is not None:
            found = self._source.get_frozen_credentials()
            return {name: value for name, value in zip(names, found[:3], strict=True) if value}
        if self._config.anonymous:
            return {}
        if self._config.aws_access_key_id:
            return {n: getattr(self._config, f"aws_{n}") for n in names if getattr(self._config, f"aws_{n}")}
        return {name: os.environ[f"AWS_{name.upper()}"] for name in names if os.environ.get(f"AWS_{name.upper()}")}
