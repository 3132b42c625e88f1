"""Which conditions a server checks: asked with an object of our own, once for each bucket and process."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.errors import code_of, status_of
from autostore.engine.traits import ServerTraits

__all__ = ["probed"]

NOBODYS = '"00000000000000000000000000000000"'
"""An ETag that no object has."""

_known: dict[tuple[int, str, str], ServerTraits] = {}


def probed(connection: S3Connection, prefix: str) -> ServerTraits:
    """What the server checks; seven requests the first time."""
    name = os.getpid(), connection.endpoint, connection.bucket
    if name not in _known:
        _known[name] = _probe(connection, f"{prefix}.autostore/probe/{os.urandom(16).hex()}")
    return _known[name]


def _probe(connection: S3Connection, key: str) -> ServerTraits:
    copy = f"{key}.copy"
    place = {"Bucket": connection.bucket, "Key": key}
    try:
        connection.call("put_object", Key=key, Body=b"")
        source = _refuses(connection, "copy_object", Key=copy, CopySource=place, CopySourceIfMatch=NOBODYS)
        target = connection.knows("copy_object", "IfMatch") and _refuses(
            connection, "copy_object", Key=copy, CopySource=place, IfMatch=NOBODYS
        )
        delete = connection.knows("delete_object", "IfMatch") and _refuses(
            connection, "delete_object", Key=key, IfMatch=NOBODYS
        )
    finally:
        for left in (key, copy):
            with contextlib.suppress(Exception):
                connection.call("delete_object", Key=left)
    return ServerTraits(delete=delete, source=source, target=target)


def _refuses(connection: S3Connection, operation: str, **arguments: Any) -> bool:
    """Whether a request whose condition does not hold is refused for it."""
    try:
        connection.call(operation, **arguments)
    except Exception as error:
        if status_of(error) in (404, 409, 412) and code_of(error) != "NoSuchBucket":
            return True
        if status_of(error) == 501:  # not implemented: as if it were not checked
            return False
        raise
    return False
