"""How other engines reach the same bucket: the store's settings and credentials in the words of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from autostore.backends.cloud.boto3.client import credentials
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.config import S3StorageConfig
from autostore.errors import InvalidConfigError

__all__ = ["options_for"]


@dataclass(frozen=True, repr=False)
class _Reach:
    """What there is to say."""

    endpoint: str
    custom: bool
    region: str | None
    secrets: tuple[str | None, str | None, str | None]
    anonymous: bool
    path_style: bool
    verify: bool | str | None

    @property
    def is_http(self) -> bool:
        return self.endpoint.startswith("http://")

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc


def options_for(engine: str, config: S3StorageConfig, connection: S3Connection) -> dict[str, Any]:
    """The options of one engine, none of them None."""
    write = _ENGINES.get(engine)
    if write is None:
        raise InvalidConfigError(f"{engine!r:.80} is no engine that is known here. Pass one of {', '.join(_ENGINES)}.")
    custom = not connection.is_aws
    style = config.addressing_style or ("path" if custom else "auto")
    reach = _Reach(
        endpoint=connection.endpoint,
        custom=custom,
        region=connection.region,
        secrets=credentials(config) or (None, None, None),
        anonymous=config.anonymous,
        path_style=style == "path",
        verify=config.verify,
    )
    return {name: value for name, value in write(reach).items() if value is not None}


def _object_store(reach: _Reach) -> Mapping[str, Any]:
    """https://docs.rs/object_store/latest/object_store/aws/enum.AmazonS3ConfigKey.html; every value is text."""
    return {
        "aws_access_key_id": reach.secrets[0],
        "aws_secret_access_key": reach.secrets[1],
        "aws_session_token": reach.secrets[2],
        "aws_region": reach.region or "us-east-1",
        "aws_endpoint_url": reach.endpoint if reach.custom else None,
        "aws_allow_http": "true" if reach.is_http else None,
        "aws_virtual_hosted_style_request": None if reach.path_style or reach.custom else "true",
        "aws_skip_signature": "true" if reach.anonymous else None,
    }


def _fsspec(reach: _Reach) -> Mapping[str, Any]:
    """https://s3fs.readthedocs.io/en/latest/api.html#s3fs.core.S3FileSystem."""
    client = {
        "region_name": reach.region,
        "endpoint_url": reach.endpoint if reach.custom else None,
        "verify": reach.verify,
    }
    return {
        "key": reach.secrets[0],
        "secret": reach.secrets[1],
        "token": reach.secrets[2],
        "anon": reach.anonymous,
        "client_kwargs": {name: value for name, value in client.items() if value is not None},
        "config_kwargs": {"s3": {"addressing_style": "path"}} if reach.path_style else None,
    }


def _duckdb(reach: _Reach) -> Mapping[str, Any]:
    """Of `CREATE SECRET (TYPE s3, ...)`: https://duckdb.org/docs/stable/core_extensions/httpfs/s3api."""
    return {
        "type": "s3",
        "key_id": reach.secrets[0],
        "secret": reach.secrets[1],
        "session_token": reach.secrets[2],
        "region": reach.region,
        "endpoint": reach.host if reach.custom else None,
        "use_ssl": False if reach.is_http else None,
        "url_style": "path" if reach.path_style else None,
    }


def _pyarrow(reach: _Reach) -> Mapping[str, Any]:
    """https://arrow.apache.org/docs/python/generated/pyarrow.fs.S3FileSystem.html."""
    return {
        "access_key": reach.secrets[0],
        "secret_key": reach.secrets[1],
        "session_token": reach.secrets[2],
        "anonymous": reach.anonymous or None,
        "region": reach.region,
        "endpoint_override": reach.host if reach.custom else None,
        "scheme": "http" if reach.is_http else None,
        "tls_ca_file_path": reach.verify if isinstance(reach.verify, str) else None,
        "force_virtual_addressing": None if reach.path_style or reach.custom else True,
    }


_ENGINES: dict[str, Callable[[_Reach], Mapping[str, Any]]] = {
    "polars": _object_store,
    "delta": _object_store,
    "fsspec": _fsspec,
    "duckdb": _duckdb,
    "pyarrow": _pyarrow,
}
