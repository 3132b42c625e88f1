"""How the competitors are opened, for the rows of every group; imported in their own processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REGION = "us-east-1"


def fresh(folder: str, number: int) -> Path:
    """An empty folder of this contestant's own."""
    own = Path(folder) / f"contestant-{number}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    return own


def write_renamed(file: str, data: bytes) -> None:
    """The least that a writer can do so that no reader sees a part: a temporary file and a rename."""
    temporary = f"{file}.tmp"
    with open(temporary, "wb") as target:
        target.write(data)
    os.replace(temporary, file)


def write_json(file: str, value: Any) -> None:
    """A value as JSON, all or nothing."""
    write_renamed(file, json.dumps(value, ensure_ascii=False).encode())


def read_json(file: str) -> Any:
    """A value from JSON."""
    with open(file, "rb") as source:
        return json.loads(source.read())


def s3_store(server: dict[str, Any], prefix: str = "", **settings: Any) -> Any:
    """Ours on S3."""
    from autostore import AutoStore
    from autostore.s3 import S3StorageConfig

    config = S3StorageConfig(
        endpoint_url=server["endpoint"],
        aws_access_key_id=server["key"],
        aws_secret_access_key=server["secret"],
        region_name=REGION,
        verify=server["ca"],
        **settings,
    )
    return AutoStore(f"s3://{server['bucket']}/{prefix}", config)


def original_s3(server: dict[str, Any], prefix: str = "", **settings: Any) -> Any:
    """The original library on S3."""
    from autostore.backends.s3 import S3Options  # type: ignore[import-not-found]  # the original's

    from autostore.autostore import AutoStore

    # Its `verify` is a bool only, so a certificate of one's own goes through the environment.
    if server["ca"]:
        os.environ["AWS_CA_BUNDLE"] = server["ca"]
    options = S3Options(
        endpoint_url=server["endpoint"],
        aws_access_key_id=server["key"],
        aws_secret_access_key=server["secret"],
        region_name=REGION,
        **settings,
    )
    return AutoStore(f"s3://{server['bucket']}/{prefix}".rstrip("/"), options)


def boto3_client(server: dict[str, Any], connections: int = 16) -> Any:
    """boto3, with the checksums off that radosgw refuses, and connections enough."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=server["endpoint"],
        aws_access_key_id=server["key"],
        aws_secret_access_key=server["secret"],
        region_name=REGION,
        verify=server["ca"],
        config=Config(
            max_pool_connections=connections,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def obstore_bucket(server: dict[str, Any]) -> Any:
    """obstore."""
    from obstore.store import S3Store

    options: dict[str, Any] = {"timeout": "120s"}
    if server["endpoint"].startswith("http:"):
        options["allow_http"] = True
    elif server["ca"]:
        os.environ["SSL_CERT_FILE"] = server["ca"]
        options["allow_invalid_certificates"] = True  # of one's own: it takes no CA bundle
    return S3Store(
        server["bucket"],
        endpoint=server["endpoint"],
        access_key_id=server["key"],
        secret_access_key=server["secret"],
        region=REGION,
        client_options=options,
    )


def s3fs_system(server: dict[str, Any]) -> Any:
    """s3fs, without its cache of listings."""
    import s3fs

    return s3fs.S3FileSystem(
        key=server["key"],
        secret=server["secret"],
        use_listings_cache=False,
        client_kwargs={"endpoint_url": server["endpoint"], "region_name": REGION, "verify": server["ca"]},
        config_kwargs={
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
    )


def pyarrow_system(server: dict[str, Any]) -> Any:
    """pyarrow's S3 file system."""
    from pyarrow import fs

    scheme, _, host = server["endpoint"].partition("://")
    if server["ca"]:
        fs.initialize_s3(fs.S3LogLevel.Fatal)
    return fs.S3FileSystem(
        access_key=server["key"],
        secret_key=server["secret"],
        region=REGION,
        scheme=scheme,
        endpoint_override=host,
        **({"tls_ca_file_path": server["ca"]} if server["ca"] else {}),
    )


@contextlib.contextmanager
def threads(count: int) -> Iterator[Any]:
    """A pool, as a user would write around boto3."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        yield pool
