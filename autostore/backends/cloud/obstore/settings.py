"""A store's settings in the words of obstore, and which of them it cannot keep, so that boto3 does everything.

obstore reads the environment too: what it would find there and boto3 would not, or the other way round, hinders it.
"""

from __future__ import annotations

import os
import re
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autostore.backends.cloud.boto3.endpoints import named_here
from autostore.config import S3StorageConfig, StorageConfig

__all__ = ["NOWHERE", "client_options", "hindered", "needs_profile", "retries"]

# Either would change what is sent, or where to, and only one of both clients knows it:
# https://developmentseed.org/obstore/latest/api/store/aws/ and
# https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
_ODD = re.compile(
    "AWS_(ALLOW_INVALID|CHECKSUM|CONDITIONAL|CONNECT_|COPY_IF|DEFAULT_CONTENT|DISABLE_|ENDPOINT$|HTTP|IGNORE_"
    "|POOL_|PROXY|RANDOMIZE|READ_|REQUEST|ROOT_|S3_|SERVER_SIDE|SKIP_|SSE_|TIMEOUT|TOKEN$|UNSIGNED|USER_AGENT|USE_"
    "|VIRTUAL)"
)
_AUTHORITIES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Whom botocore trusts instead of all; obstore would trust them beside all others."""

_ODD_REGIONS = ("cn-", "us-iso", "eu-isoe")
"""Their addresses end otherwise."""

NOWHERE = "http://127.0.0.1:0"
"""Where nobody can listen."""

WHOLE = 1.25
"""How many times `timeout` an answer may take as a whole: more than once, so that silence is told from what drips."""

BACKOFF = timedelta(milliseconds=50)


def hindered(bucket: str, prefix: str, config: S3StorageConfig) -> bool:
    """Whether any setting is one that only boto3 keeps; nothing is imported or asked for it."""
    endpoint = named_here(config)
    custom, plain_http = endpoint is not None, (endpoint or "").startswith("http://")
    styles = (None, "path") if custom else (None, "path", "virtual", "auto")
    return (
        bool(config.upload_args)
        or config.verify is not None
        or not config.use_ssl
        or config.checksums is True
        or config.addressing_style not in styles
        or (not custom and "." in bucket)
        or str(config.region_name or "").startswith(_ODD_REGIONS)
        or not is_plain(prefix.rstrip("/"))
        or any(_ODD.match(name) for name in os.environ)
        or (not plain_http and any(os.environ.get(name) for name in _AUTHORITIES))
        or bool(urllib.request.getproxies().keys() & {"http", "https", "all"})
    )


def is_plain(key: str) -> bool:
    """Whether obstore takes a key as it is; it refuses empty segments, and `.` and `..`."""
    return not {"", ".", ".."} & set(key.split("/")) if key else True


def needs_profile(config: S3StorageConfig) -> bool:
    """Whether the AWS configuration files may say where to, so that botocore is asked."""
    if config.profile_name or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE"):
        return True
    told = named_here(config) is not None and bool(config.region_name or os.environ.get("AWS_DEFAULT_REGION"))
    file = os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    return not told and Path(file).expanduser().exists()


def client_options(config: S3StorageConfig, address: str) -> dict[str, Any]:
    """How connections to the server at `address` are made.

    Who waits for the next byte waits `timeout`; an object that takes longer as a whole is read by boto3, which goes on
    as long as it gets any further.

    obstore follows redirects, and nothing forbids it to: whatever is not this server is sent to where nobody listens.
    """
    limit = timedelta(seconds=config.timeout)
    return {
        "allow_http": address.startswith("http://"),
        "proxy_url": NOWHERE,
        "proxy_excludes": urlsplit(address).hostname or "",
        "timeout": limit * WHOLE,
        "read_timeout": limit,
        "connect_timeout": limit,
        "pool_idle_timeout": timedelta(seconds=20),
        "user_agent": "autostore obstore",
    }


def retries(config: StorageConfig) -> dict[str, Any]:
    """As often as boto3, and none begins after `timeout`."""
    return {
        "max_retries": config.max_retries,
        "retry_timeout": timedelta(seconds=config.timeout),
        "backoff": {"init_backoff": BACKOFF, "max_backoff": timedelta(seconds=20), "base": 2},
    }
