"""Listings of a bucket: page by page, refused where they would never end, and without what is not below the prefix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autostore.backends.cloud.boto3.answers import pages
from autostore.backends.cloud.boto3.connection import S3Connection

__all__ = ["below", "object_pages"]


def object_pages(connection: S3Connection, prefix: str) -> Iterator[Mapping[str, Any]]:
    """Every page of the objects whose keys begin so; one request each."""

    def ask(more: dict[str, str]) -> Mapping[str, Any]:
        return connection.call("list_objects_v2", Prefix=prefix, **more)  # type: ignore[no-any-return]

    return pages(ask, {"NextContinuationToken": "ContinuationToken"})


def below(page: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """`(path, entry)` of the objects of a page: not every server filters by prefix, and some say things twice."""
    before = None
    for entry in page.get("Contents", ()):
        if entry["Key"].startswith(prefix) and entry["Key"] != before:
            yield entry["Key"][len(prefix) :], entry
        before = entry["Key"]
