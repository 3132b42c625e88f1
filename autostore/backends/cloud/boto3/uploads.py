"""Uploads: one PUT, a PUT with a condition, or parallel parts that are aborted where one fails."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error, pages
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.errors import NO_PLACE, code_of, status_of
from autostore.engine.objects import WRITE_ID, in_quotes, plain_etag
from autostore.guard.foreign import let_pass
from autostore.holding.patience import chance
from autostore.holding.positions import read_at
from autostore.telling.transfers import moved_by

__all__ = ["abort", "complete", "put", "put_bytes", "put_if", "put_parts", "sweep", "upload_parts"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MOST_PARTS = 10_000

READ_BYTES = 1 << 20
READ_WHOLE = 8 << 20
"""Files up to this size are sent from memory, larger ones are read as they are sent."""

CONDITION_ATTEMPTS = 6
SWEEP_AFTER = timedelta(days=1)

Send = Callable[[int, int, int], str]
"""Sends one part, by its number (from 1), first byte and length; returns its ETag."""


def put(connection: S3Connection, key: str, file: Path, headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """One PUT of the whole file."""
    with open(file, "rb") as source:
        size = os.fstat(source.fileno()).st_size
        if size <= READ_WHOLE:
            return put_bytes(connection, key, source.read(), headers)
        body = _Window(source, 0, size)
        answer: Mapping[str, Any] = connection.call("put_object", Key=key, Body=body, **headers)
    return answer


def put_bytes(connection: S3Connection, key: str, body: bytes, headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """One PUT from memory."""
    if not connection.is_aws:
        # SeaweedFS stores an empty object for a client that dies after the headers, unless this does not fit it.
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {"ContentMD5": base64.b64encode(digest).decode(), **headers}
    answer: Mapping[str, Any] = connection.call("put_object", Key=key, Body=body, **headers)
    return answer


def put_if(
    connection: S3Connection, key: str, file: Path, etag: str | None, headers: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """One PUT if the object still has `etag`, or with None if there is no object.

    Returns None where the condition did not hold, and nothing was written. A refusal is looked into: it may come from
    our own first attempt whose answer was lost, or from a server that wants the ETag in the other form. Where rivals
    write at once radosgw answers 500, UnknownError, and others 409, OperationAborted.
    """
    for attempt in range(CONDITION_ATTEMPTS):
        try:
            return put(connection, key, file, {**headers, **_condition(connection, etag)})
        except Exception as error:
            code = code_of(error)
            met_a_rival = code in ("UnknownError", "OperationAborted")
            if not met_a_rival and (status_of(error) not in (404, 409, 412) or code in NO_PLACE):
                raise
            if met_a_rival and attempt == CONDITION_ATTEMPTS - 1:
                raise
        found = _look(connection, key)
        if found is not None and found.get("Metadata", {}).get(WRITE_ID) == headers["Metadata"][WRITE_ID]:
            return found
        if (None if found is None else plain_etag(found["ETag"])) != etag:
            return None
        if not met_a_rival:
            connection.quoted_if_match = not connection.quoted_if_match
        time.sleep(chance(0, 0.01 * 2**attempt))
    # radosgw does so in a bucket that keeps versions; whoever took it for a rival's write would try for ever.
    raise NotQuiteS3Error("This server refuses a write under a condition that holds")


def put_parts(connection: S3Connection, key: str, file: Path, headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """A multipart upload of a file; nothing is left of it where it fails."""
    with open(file, "rb") as source:

        def send(upload_id: str) -> Send:
            def one(number: int, start: int, length: int) -> str:
                body = _Window(source, start, length)
                arguments = {"Key": key, "UploadId": upload_id, "PartNumber": number}
                return str(connection.call("upload_part", Body=body, **arguments)["ETag"])

            return one

        return upload_parts(connection, key, os.fstat(source.fileno()).st_size, headers, send)


def upload_parts(
    connection: S3Connection,
    key: str,
    size: int,
    headers: Mapping[str, Any],
    send: Callable[[str], Send],
    *,
    condition: Mapping[str, str] | None = None,
    confirm: Callable[[], None] = lambda: None,
) -> Mapping[str, Any]:
    """Create an upload, send its parts in parallel, complete it if `confirm()` does not raise, under the condition."""
    upload_id = connection.call("create_multipart_upload", Key=key, **headers)["UploadId"]
    try:
        parts = _send_all(connection, size, send(upload_id))
        confirm()
        return complete(connection, key, upload_id, parts, headers, condition=condition or {})
    except BaseException:
        # What an abort cannot reach either is swept a day later.
        with contextlib.suppress(Exception):
            abort(connection, key, upload_id)
        raise


def sweep(connection: S3Connection, prefix: str) -> None:
    """Abort the uploads in parts below `prefix` that nobody completed within a day."""
    oldest = datetime.now(UTC) - SWEEP_AFTER

    def ask(more: dict[str, str]) -> Mapping[str, Any]:
        return connection.call("list_multipart_uploads", Prefix=prefix, **more)  # type: ignore[no-any-return]

    for page in pages(ask, {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"}):
        for upload in page.get("Uploads", ()):
            # Not every server filters by prefix.
            if upload["Key"].startswith(prefix) and upload["Initiated"] < oldest:
                abort(connection, upload["Key"], upload["UploadId"])


def abort(connection: S3Connection, key: str, upload_id: str) -> None:
    """Leave nothing of an upload in parts."""
    try:
        connection.call("abort_multipart_upload", Key=key, UploadId=upload_id)
    except Exception as error:
        if code_of(error) != "NoSuchUpload":  # completed, or aborted by another
            raise


def _send_all(connection: S3Connection, size: int, send: Send) -> list[dict[str, Any]]:
    step = max(connection.part_size(size), -(-size // MOST_PARTS))
    spans: Iterator[tuple[int, int]] = iter(list(enumerate(range(0, size, step), start=1)))
    guard, stopped, done = threading.Lock(), threading.Event(), {}
    moved = moved_by()

    def work() -> None:
        try:
            while not stopped.is_set():
                with guard:
                    number, start = next(spans, (0, 0))
                if not number:
                    return
                done[number] = send(number, start, min(step, size - start))
                moved(min(step, size - start))
        except BaseException:
            stopped.set()
            raise

    connection.together(work, work, -(-size // step), stopped.set)
    return [{"PartNumber": number, "ETag": done[number]} for number in sorted(done)]


def complete(
    connection: S3Connection,
    key: str,
    upload_id: str,
    parts: list[dict[str, Any]],
    headers: Mapping[str, Any],
    *,
    condition: Mapping[str, str],
) -> Mapping[str, Any]:
    """Publish the parts; the answer has an ETag even where the server's own has none."""
    try:
        answer: Mapping[str, Any] = connection.call(
            "complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}, **condition
        )
    except Exception as error:
        let_pass(error, by_client=True)
        # A first attempt may have arrived whose answer was lost.
        found = _look(connection, key)
        if found is None or found.get("Metadata", {}).get(WRITE_ID) != headers["Metadata"][WRITE_ID]:
            raise
        return found
    if plain_etag(answer.get("ETag")):
        return answer
    return _look(connection, key) or answer


def _condition(connection: S3Connection, etag: str | None) -> dict[str, str]:
    if etag is None:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": in_quotes(etag) if connection.quoted_if_match else etag}


def _look(connection: S3Connection, key: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = connection.call("head_object", Key=key)
    except Exception as error:
        if status_of(error) == 404:
            return None
        raise
    return found


class _Window:
    """A part of a file as a readable body; several may share one open file, and none reads once that is closed."""

    def __init__(self, source: BinaryIO, start: int, length: int) -> None:
        self._source = source
        self._start = start
        self._length = length
        self._position = 0

    def __len__(self) -> int:
        return self._length

    def read(self, amount: int | None = -1) -> bytes:
        """The next bytes: more than asked for where the client asks for little.

        http.client asks for 16 KiB at a time, which costs more CPU than the transfer.
        """
        left = self._length - self._position
        wanted = left if amount is None or amount < 0 else min(left, max(amount, READ_BYTES))
        data = read_at(self._source.fileno(), wanted, self._start + self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; the client does so to sign the body, and to send it again."""
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence] + offset
        return self._position

    def tell(self) -> int:
        """The position within the part."""
        return self._position
