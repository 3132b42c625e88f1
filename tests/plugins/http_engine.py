"""Public buckets, read by Python's own http client: an engine that reads, and leaves the rest to boto3."""

import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from autostore.plugins import (
    Declined,
    Engine,
    FileMetadata,
    StorageConnectionError,
    compose,
    disk_errors_are_typed,
    known,
)
from autostore.s3 import S3Backend


class HttpEngine(Engine):
    """Objects that anybody may read; paths are relative to the store's URI."""

    name = "http"

    def __init__(self, address: str, uri: str, timeout: float) -> None:
        self._address, self._uri, self._timeout = address, uri, timeout

    def get(
        self, path: str, file: Path, *, unless_etag: str | None = None, expected: int | None = None
    ) -> FileMetadata | None:
        """One GET; whatever is no plain success boto3 finds out about."""
        condition = {} if unless_etag is None else {"If-None-Match": f'"{unless_etag}"'}
        request = urllib.request.Request(self._address + quote(path), headers=condition)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                status, headers, body = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304 and unless_etag is not None:
                return None
            raise Declined from None
        except OSError as error:
            problem, remedy = "The bucket could not be reached", "Check endpoint_url and the network."
            raise StorageConnectionError(compose(problem, key=path, uri=self._uri, remedy=remedy)) from error
        if status != 200 or len(body) != int(headers.get("Content-Length") or -1) or not headers["ETag"]:
            raise Declined
        with disk_errors_are_typed(f"key {path!r} in {self._uri}"):
            file.write_bytes(body)
        told = {name[11:].lower(): text for name, text in headers.items() if name.lower().startswith("x-amz-meta-")}
        changed, kind = parsedate_to_datetime(headers["Last-Modified"]), headers["Content-Type"]
        return known(path, len(body), headers["ETag"], changed, metadata=told, content_type=kind)


class PublicBackend(S3Backend):
    """S3 whose reads go by `HttpEngine` first."""

    def first_engine(self, bucket: str, prefix: str, complete: Engine) -> Engine:
        """Where the server is boto3 knows."""
        address = f"{complete.place()}/{bucket}/{quote(prefix)}"
        return HttpEngine(address, self.uri, self.config.timeout)
