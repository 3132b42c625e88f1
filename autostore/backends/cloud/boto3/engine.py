"""The complete engine: boto3 does whatever S3 can, with every setting there is, and declines nothing.

Each call is a request or a few; what errors and answers mean is decided here, so that nothing of boto3 is seen above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, changed, exists_already
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.copies import Origin, copy_as_it_is, copy_object, copy_parts, is_too_large
from autostore.backends.cloud.boto3.downloads import Replaced, download, last_bytes, read_range
from autostore.backends.cloud.boto3.errors import translated, was_repeated
from autostore.backends.cloud.boto3.listing import below, object_pages
from autostore.backends.cloud.boto3.options import options_for
from autostore.backends.cloud.boto3.probe import probed
from autostore.backends.cloud.boto3.receiving import Parts
from autostore.backends.cloud.boto3.said import headers_of
from autostore.backends.cloud.boto3.uploads import put, put_bytes, put_if, put_parts, sweep
from autostore.backends.cloud.boto3.versions import S3Versions
from autostore.config import S3StorageConfig
from autostore.engine.contract import Engine, Page
from autostore.engine.objects import LARGEST_PUT, Said, described, in_quotes, listed, plain_etag, written
from autostore.engine.traits import ServerTraits
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.mark import Mark
from autostore.optional import require_installed
from autostore.pieces.ranges import Tail

__all__ = ["Boto3Engine"]


class Boto3Engine(Engine):
    """Objects below `s3://bucket/prefix`."""

    name = "boto3"

    def __init__(self, bucket: str, prefix: str, uri: str, config: S3StorageConfig) -> None:
        require_installed("boto3")  # said now, not at the first read
        self._connection = S3Connection(bucket, config)
        self._prefix = prefix
        self._uri = uri

    def head(self, path: str) -> FileMetadata:
        """The first look of a process is a GET of one byte, which unlike a HEAD tells a missing bucket from a key."""
        with translated(self._uri, path):
            return described(path, self._connection.look(self._prefix + path))

    def get(
        self, path: str, file: Path, *, unless_etag: str | None = None, expected: int | None = None
    ) -> FileMetadata | None:
        """A large object in parallel ranges of one version."""
        with translated(self._uri, path):
            answer = download(self._connection, self._prefix + path, file, unless_etag)
        return None if answer is None else described(path, answer)

    def last_bytes(
        self, path: str, reach: int, *, if_etag: str | None = None, unless_etag: str | None = None
    ) -> Tail | None:
        """One GET; of an empty object, which has no last bytes, two."""
        with translated(self._uri, path):
            return last_bytes(self._connection, self._prefix + path, reach, if_etag, unless_etag)

    def read(self, path: str, etag: str, start: int, stop: int) -> bytes:
        """One GET, and for each broken connection another."""
        try:
            with translated(self._uri, path):
                return read_range(self._connection, self._prefix + path, in_quotes(etag), start, stop)
        except (Replaced, StorageFileNotFoundError) as error:
            raise changed(path, self._uri) from error

    def put(
        self, path: str, file: Path, said: Said, *, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """After a refusal a HEAD more tells whether it was our own."""
        with translated(self._uri, path):
            key, size = self._prefix + path, file.stat().st_size
            if not if_absent and if_etag is None:
                return written(path, size, put(self._connection, key, file, headers_of(said)), said)
            answer = put_if(self._connection, key, file, None if if_absent else if_etag, headers_of(said))
        if answer is None:
            raise exists_already(path, self._uri) if if_absent else changed(path, self._uri)
        return written(path, size, answer, said)

    def put_parts(self, path: str, file: Path, said: Said) -> FileMetadata:
        """`max_concurrency` at once."""
        with translated(self._uri, path):
            answer = put_parts(self._connection, self._prefix + path, file, headers_of(said))
            return written(path, file.stat().st_size, answer, said)

    def put_bytes(self, path: str, data: bytes, said: Said) -> FileMetadata:
        """One PUT."""
        with translated(self._uri, path):
            answer = put_bytes(self._connection, self._prefix + path, data, headers_of(said))
        return written(path, len(data), answer, said)

    def begin_parts(self, path: str, said: Said) -> Parts:
        """One request, and one for each part."""
        return Parts(self._connection, self._prefix + path, path, self._uri, said)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """One DELETE."""
        condition = {} if if_etag is None else {"IfMatch": in_quotes(if_etag)}
        try:
            with translated(self._uri, path):
                self._connection.call("delete_object", Key=self._prefix + path, **condition)
        except (StorageFileNotFoundError, PreconditionFailedError) as error:
            # Nothing is there, as wanted; under a condition it was another's, unless an answer to us was lost.
            done = isinstance(error, StorageFileNotFoundError)
            if if_etag is not None:
                done = was_repeated(error.__cause__) and self._is_gone(path)
            if not done:
                raise changed(path, self._uri) from error

    def _is_gone(self, path: str) -> bool:
        try:
            self.head(path)
        except StorageFileNotFoundError:
            return True
        return False

    def pages(self, prefix: str) -> Iterator[list[FileMetadata]]:
        """Refused where they would never end."""
        pages = object_pages(self._connection, self._prefix + prefix)
        while True:
            with translated(self._uri):
                page = next(pages, None)
            if page is None:
                return
            yield self._listed(page)

    def page(self, prefix: str, *, most: int | None = None) -> Page:
        """One LIST."""
        limit = {"Delimiter": "/"} if most is None else {"MaxKeys": most}
        with translated(self._uri):
            page = self._connection.call("list_objects_v2", Prefix=self._prefix + prefix, **limit)
        return Page(self._listed(page), not page.get("IsTruncated"))

    def _listed(self, page: Mapping[str, Any]) -> list[FileMetadata]:
        return [listed(path, entry) for path, entry in below(page, self._prefix)]

    def copy(
        self, source: str, target: str, said: Said, *, if_etag: str | None = None, over: str | None = "",
        seen: FileMetadata | None = None, place: tuple[str, str] | None = None,
    ) -> FileMetadata:  # fmt: skip
        """One request; above 5 GiB by parts. A HEAD more where it was not of what was `seen`."""
        bucket, prefix = place or (self._connection.bucket, self._prefix)
        origin, to_key = Origin(bucket, prefix + source), self._prefix + target
        condition = {} if over == "" else {"IfNoneMatch": "*"} if over is None else {"IfMatch": in_quotes(over)}
        with translated(self._uri if place is None else f"s3://{bucket}/{prefix}", source):
            try:
                answer = copy_object(self._connection, origin, to_key, if_etag, {**headers_of(said), **condition})
            except Exception as error:
                if not is_too_large(error):
                    raise
                found, said = self._too_large(origin, if_etag, error), said.identified()
                answer = copy_parts(self._connection, origin, to_key, found, headers_of(said), condition=condition)
                return written(target, found["ContentLength"], answer, said)
        if seen is None or seen.etag != plain_etag(answer.get("ETag")):
            return self.head(target)  # the answer does not tell the size
        return written(target, seen.size, answer, said)

    def duplicate(self, source: str, target: str, *, if_etag: str) -> None:
        """One request; above 5 GiB by parts."""
        with translated(self._uri, source):
            origin, to_key = Origin(self._connection.bucket, self._prefix + source), self._prefix + target
            try:
                copy_as_it_is(self._connection, origin, to_key, if_etag)
            except Exception as error:
                if not is_too_large(error):
                    raise
                found = self._too_large(origin, if_etag, error)
                said = Said(found.get("Metadata") or {}, found.get("ContentType", "")).identified()
                copy_parts(self._connection, origin, to_key, found, headers_of(said))

    def _too_large(self, origin: Origin, etag: str | None, refusal: Exception) -> Mapping[str, Any]:
        """What a HEAD says of an object that is too large for one copy, if that is why it was refused."""
        found: Mapping[str, Any] = self._connection.call("head_object", Bucket=origin.bucket, Key=origin.key)
        if found["ContentLength"] <= LARGEST_PUT:
            raise refusal
        if etag is not None and plain_etag(found["ETag"]) != etag:
            raise changed(origin.key, f"s3://{origin.bucket}/")
        return found

    def sweep(self) -> None:
        """One request per 1,000 unfinished uploads, and one for each that is aborted."""
        with translated(self._uri):
            sweep(self._connection, self._prefix)

    def versioning(self, says: Callable[[str, Mark | None], Said]) -> S3Versions:
        """No request."""
        return S3Versions(self._connection, self._prefix, self._uri, says)

    def traits(self) -> ServerTraits:
        """Seven requests the first time."""
        with translated(self._uri):
            return probed(self._connection, self._prefix)

    def place(self) -> str:
        """The endpoint, wherever it was set."""
        with translated(self._uri):
            return self._connection.endpoint

    def is_aws(self) -> bool:
        """By its name."""
        with translated(self._uri):
            return self._connection.is_aws

    def presigned(self, path: str, expires: float) -> str:
        """No request."""
        with translated(self._uri, path):
            return self._connection.presigned(self._prefix + path, expires)

    def storage_options(self, engine: str) -> dict[str, Any]:
        """A request only where credentials come from one."""
        with translated(self._uri):
            return options_for(engine, self._connection.config, self._connection)

    def close(self) -> None:
        """End the threads and drop the connections."""
        self._connection.close()
