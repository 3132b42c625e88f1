"""Copies that S3 makes itself: one request, or parts where the object is too large for one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from autostore.backend import changed
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.errors import code_of
from autostore.backends.cloud.boto3.uploads import Send, upload_parts
from autostore.engine.objects import in_quotes, plain_etag

__all__ = ["Origin", "copy_as_it_is", "copy_object", "copy_parts", "is_too_large"]


class Origin(NamedTuple):
    """What is copied: an object of this bucket, or of another one of the server."""

    bucket: str
    key: str


def copy_object(
    connection: S3Connection, source: Origin, target: str, etag: str | None, headers: Mapping[str, Any]
) -> Mapping[str, Any]:
    """One request; `headers` replace the source's user metadata, as a mark must not travel along."""
    condition = {} if etag is None else {"CopySourceIfMatch": in_quotes(etag)}
    place = connection.source(source.bucket, source.key)
    answer: Mapping[str, Any] = connection.call(
        "copy_object", Key=target, CopySource=place, MetadataDirective="REPLACE", **headers, **condition
    )
    return {**answer["CopyObjectResult"], "ResponseMetadata": answer.get("ResponseMetadata", {})}


def copy_as_it_is(connection: S3Connection, source: Origin, target: str, etag: str) -> None:
    """One request; user metadata and content type travel along."""
    place = connection.source(source.bucket, source.key)
    connection.call("copy_object", Key=target, CopySource=place, CopySourceIfMatch=in_quotes(etag))


def copy_parts(
    connection: S3Connection,
    source: Origin,
    target: str,
    found: Mapping[str, Any],
    headers: Mapping[str, Any],
    *,
    condition: Mapping[str, str] | None = None,
) -> Mapping[str, Any]:
    """A copy by parts of the version that `found`, a HEAD, describes; `condition` is the target's.

    Not every server checks the condition of each part, so the source is looked at again before the parts become an
    object: they are of one version only where it is the same still, by its time too.
    """
    place = connection.source(source.bucket, source.key)
    seen = in_quotes(plain_etag(found["ETag"]))

    def send(upload_id: str) -> Send:
        def one(number: int, start: int, length: int) -> str:
            span = f"bytes={start}-{start + length - 1}"
            arguments = {"Key": target, "UploadId": upload_id, "PartNumber": number, "CopySource": place}
            answer = connection.call("upload_part_copy", CopySourceRange=span, CopySourceIfMatch=seen, **arguments)
            return str(answer["CopyPartResult"]["ETag"])

        return one

    confirm = functools.partial(_confirm, connection, source, found)
    return upload_parts(connection, target, found["ContentLength"], headers, send, condition=condition, confirm=confirm)


def _confirm(connection: S3Connection, source: Origin, found: Mapping[str, Any]) -> None:
    seen = in_quotes(plain_etag(found["ETag"]))
    now = connection.call("head_object", Bucket=source.bucket, Key=source.key, IfMatch=seen)
    if any(now[name] != found[name] for name in ("ETag", "LastModified", "ContentLength")):
        raise changed(source.key, f"s3://{source.bucket}/")


def is_too_large(error: BaseException) -> bool:
    """Whether a copy may have been refused because one request copies at most 5 GiB."""
    return code_of(error) in ("EntityTooLarge", "InvalidRequest")
