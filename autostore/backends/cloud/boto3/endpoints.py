"""Which server a store is on: AWS, unless somebody named another; the name of none is ever looked at."""

from __future__ import annotations

import os
from typing import Any

from autostore.config import S3StorageConfig

__all__ = ["is_named", "named_here"]


def named_here(config: S3StorageConfig) -> str | None:
    """The server's address that the settings or the environment name; the AWS configuration may name one too."""
    found = (config.endpoint_url, os.environ.get("AWS_ENDPOINT_URL_S3"), os.environ.get("AWS_ENDPOINT_URL"))
    return next((address for address in found if address), None)


def is_named(config: S3StorageConfig, session: Any) -> bool:
    """Whether anything names a server, so that it may be any; else it is where botocore goes by itself, AWS.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    service = services.get("s3", {}) if isinstance(services, dict) else {}
    found = service.get("endpoint_url") if isinstance(service, dict) else None
    return bool(named_here(config) or found or profile.get("endpoint_url"))
