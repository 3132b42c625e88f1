"""Copies that S3 makes itself: one request, or parts where the object is too large for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.errors import code_of
from autostore.backends.cloud.boto3.uploads import LARGEST_PUT, Send, upload_parts
from autostore.backends.cloud.objects import WRITE_ID, in_quotes, new_write_id, plain_etag

__all__ = ["copy_large", "copy_object", "copy_parts", "is_too_large"]


def copy_object(
    connection: S3Connection, source: str, target: str, etag: str | None, headers: Mapping[str, Any]
) -> Mapping[str, Any]:
    """One request; `headers` replace the source's user metadata, as a mark must not travel along."""
    condition = {} if etag is None else {"CopySourceIfMatch": in_quotes(etag)}
    place = {"Bucket": connection.bucket, "Key": source}
    answer: Mapping[str, Any] = connection.call(
        "copy_object", Key=target, CopySource=place, MetadataDirective="REPLACE", **headers, **condition
    )
    return {**answer["CopyObjectResult"], "ResponseMetadata": answer.get("ResponseMetadata", {})}


def copy_large(
    connection: S3Connection, source: str, target: str, headers: Mapping[str, Any], refusal: Exception
) -> tuple[int, Mapping[str, Any]]:
    """The size and the answer of a copy by parts, where the object is what one request refused because of its size."""
    found = connection.call("head_object", Key=source)
    size = found["ContentLength"]
    if size <= LARGEST_PUT:
        raise refusal
    marked = {**headers, "Metadata": {**headers["Metadata"], WRITE_ID: new_write_id()}}
    return size, copy_parts(connection, source, target, found, marked)


def copy_parts(
    connection: S3Connection, source: str, target: str, found: Mapping[str, Any], headers: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A copy by parts of the version that `found`, a HEAD, describes."""
    place = {"Bucket": connection.bucket, "Key": source}
    condition = in_quotes(plain_etag(found["ETag"]))

    def send(upload_id: str) -> Send:
        def one(number: int, start: int, length: int) -> str:
            span = f"bytes={start}-{start + length - 1}"
            arguments = {"Key": target, "UploadId": upload_id, "PartNumber": number, "CopySource": place}
            answer = connection.call("upload_part_copy", CopySourceRange=span, CopySourceIfMatch=condition, **arguments)
            return str(answer["CopyPartResult"]["ETag"])

        return one

    return upload_parts(connection, target, found["ContentLength"], headers, send)


def is_too_large(error: BaseException) -> bool:
    """Whether a copy may have been refused because one request copies at most 5 GiB."""
    return code_of(error) in ("EntityTooLarge", "InvalidRequest")
