"""A store on S3 or a compatible server: `S3Backend`, each duty in as few requests as S3 allows.

How bytes move, and what errors and answers mean, stands in `boto3/`, which is imported by the first request.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, changed, exists_already
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.downloads import download
from autostore.backends.cloud.boto3.errors import translated, was_repeated
from autostore.backends.cloud.boto3.listing import below, object_pages
from autostore.backends.cloud.boto3.options import options_for
from autostore.backends.cloud.boto3.ranges import S3Ranges
from autostore.backends.cloud.boto3.uploads import LARGEST_PUT, put, put_if, put_parts, sweep
from autostore.backends.cloud.boto3.versions import S3Versions
from autostore.backends.cloud.looks import Looks
from autostore.backends.cloud.objects import (
    described,
    in_quotes,
    listed,
    marks_folder,
    written,
)
from autostore.backends.cloud.receiving import ReceivingS3
from autostore.backends.left_out import LeftOut
from autostore.config import S3StorageConfig, StorageConfig
from autostore.errors import InvalidKeyError, PreconditionFailedError, StorageError, StorageFileNotFoundError, compose
from autostore.keys import RESERVED, ParsedUri, can_be_key, is_ours
from autostore.mark import Mark
from autostore.optional import require_installed
from autostore.parallel import in_order
from autostore.pieces.ranges import REACH, Tail

__all__ = ["S3Backend", "S3StorageConfig"]

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")


class S3Backend(ReceivingS3):
    """Objects below `s3://bucket/prefix/`; the prefix means the same with its last `/` and without.

    A missing bucket is a `StorageConnectionError`, never an absent key or an empty listing.
    Copies set the content type and the mark anew; other user metadata does not travel.
    """

    config_class = S3StorageConfig

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        bucket, _, prefix = uri.rest.partition("/")
        if not _BUCKET.fullmatch(bucket):
            remedy = "Pass 's3://bucket/prefix/'."
            shown = "This" if set("@:") & set(bucket) else repr(bucket)  # such are credentials, misplaced
            raise InvalidKeyError(compose(f"{shown} is not a bucket's name", remedy=remedy))
        require_installed("boto3")  # said now, not at the first read
        prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        super().__init__(ParsedUri("s3", f"{bucket}/{prefix}"), config)
        self._prefix = prefix
        self._settings = S3StorageConfig.adapt(config)
        self._connection = S3Connection(bucket, self._settings)
        self._looks = Looks()
        self.concurrency = self._settings.max_concurrency

    def get_metadata(self, path: str) -> FileMetadata:
        """One HEAD.

        The first look of a process is a GET of one byte: unlike a HEAD it tells a missing
        bucket from a missing key, and why access was refused.
        """
        with translated(self.uri, path):
            answer = self._connection.look(self._prefix + path)
        return self._looks.noted(described(path, answer))

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """One GET, conditional with `unless_etag`; a large object in parallel ranges of one version."""
        with translated(self.uri, path):
            answer = download(self._connection, self._prefix + path, file, unless_etag)
        return None if answer is None else described(path, answer)

    def ranges(
        self, path: str, *, if_etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> S3Ranges:
        """One GET of the last bytes, none where they were seen of this version; then one for each range."""
        ranges = S3Ranges(self._connection, self._prefix + path, path, self.uri)
        return ranges.opened(reach, if_etag, seen)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """One request per 1,000 objects; objects that no key can name are left out, and said."""
        listing, left_out = object_pages(self._connection, self._prefix + prefix), LeftOut(self.uri)
        while True:
            with translated(self.uri):
                page = next(listing, None)
            if page is None:
                return left_out.say()
            yield from self._listed(page, left_out)

    def begins_here(self) -> bool:
        """One LIST."""
        with translated(self.uri):
            found = self._connection.call("list_objects_v2", Prefix=f"{self._prefix}{RESERVED}/", MaxKeys=1)
        return bool(found.get("Contents"))

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One LIST; where a thousand other names begin alike, a HEAD per extension more."""
        with translated(self.uri):
            page = self._connection.call("list_objects_v2", Prefix=f"{self._prefix}{stem}.", Delimiter="/")
        wanted = {stem + extension for extension in extensions}
        if not page.get("IsTruncated"):
            return [self._looks.noted(file) for file in self._listed(page) if file.path in wanted]
        looks = in_order(self._look, sorted(wanted), self.concurrency)
        return [file for file in looks if file is not None]

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """One request per 1,000 objects."""
        pages = object_pages(self._connection, self._prefix + prefix)
        while True:
            with translated(self.uri):
                page = next(pages, None)
            if page is None:
                return
            yield from (listed(path, entry) for path, entry in below(page, self._prefix))

    def versioning(self) -> S3Versions:
        """What the bucket keeps where its versioning is enabled; no request."""
        return S3Versions(self._connection, self._prefix, self.uri, partial(self._headers, identified=True))

    def cache_id(self, path: str) -> str:
        """Endpoint, bucket and full key: two stores that name one object share its copy."""
        with translated(self.uri, path):
            return json.dumps([self._connection.endpoint, self._connection.bucket, self._prefix + path])

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One PUT; a large file in parts. A condition needs the one PUT, so it ends at 5 GiB."""
        with translated(self.uri, path):
            key, size = self._prefix + path, file.stat().st_size
        conditional = if_absent or if_etag is not None
        small = size < min(self._settings.multipart_threshold, LARGEST_PUT)
        headers = self._headers(path, mark, identified=conditional or not small)
        with translated(self.uri, path):
            if conditional:
                answer = self._put_if(key, file, size, None if if_absent else if_etag, headers)
                if answer is None:
                    raise exists_already(path, self.uri) if if_absent else changed(path, self.uri)
            else:
                self._sent_parts |= not small
                answer = (put if small else put_parts)(self._connection, key, file, headers)
        return self._looks.noted(written(path, size, answer, headers, mark))

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """One DELETE; with `if_etag`, for servers that ignore the condition, one HEAD before it."""
        if if_etag is not None and self._traits is not None:
            self._expect_there(path, if_etag)
        elif if_etag is not None and not self._connection.is_aws:
            found = self._look(path)
            if found is None or found.etag != if_etag:
                raise changed(path, self.uri)
        self._delete(path, if_etag)

    def sweep(self) -> None:
        """Abort uploads in parts, below this URI, that nobody completed within a day."""
        with translated(self.uri):
            sweep(self._connection, self._prefix)

    def close(self) -> None:
        """Drop the connections, the threads and the temporary files; the next use opens them again.

        Whoever sent files in parts also aborts those that killed writers left a day ago: one request.
        """
        if self._sent_parts:
            self._sent_parts = False
            with contextlib.suppress(StorageError):  # another close will do it
                self.sweep()
        self._connection.close()
        super().close()

    def url(self, path: str, *, expires: float | None = None) -> str:
        """The object's URI; presigned, no request either, with `expires`."""
        if expires is None:
            return super().url(path)
        with translated(self.uri, path):
            return self._connection.presigned(self._prefix + path, expires)

    def storage_options(self, engine: str) -> dict[str, Any]:
        """How an engine reaches the bucket; a request only where credentials come from one."""
        with translated(self.uri):
            return options_for(engine, self._settings, self._connection)

    def _delete(self, path: str, etag: str | None) -> None:
        condition = {} if etag is None else {"IfMatch": in_quotes(etag)}
        try:
            with translated(self.uri, path):
                self._connection.call("delete_object", Key=self._prefix + path, **condition)
        except (StorageFileNotFoundError, PreconditionFailedError) as error:
            # Nothing is there, as wanted; under a condition it was another's, unless an answer to us was lost.
            done = isinstance(error, StorageFileNotFoundError)
            if etag is not None:
                done = was_repeated(error.__cause__) and self._look(path) is None
            if not done:
                raise changed(path, self.uri) from error

    def _expect_there(self, path: str, etag: str) -> None:
        try:
            self._expect(path, etag, "delete")
        except StorageFileNotFoundError as error:
            raise changed(path, self.uri) from error

    def _look(self, path: str) -> FileMetadata | None:
        try:
            return self.get_metadata(path)
        except StorageFileNotFoundError:
            return None

    def _listed(self, page: Mapping[str, Any], left_out: LeftOut | None = None) -> Iterator[FileMetadata]:
        for path, entry in below(page, self._prefix):
            if can_be_key(path):
                yield listed(path, entry)
            elif left_out is not None and not marks_folder(path, entry) and not is_ours(path):
                left_out.add(path)

    def _put_if(
        self, key: str, file: Path, size: int, etag: str | None, headers: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        if size > LARGEST_PUT:
            problem = f"S3 cannot check a condition for {size} bytes: above 5 GiB a file is sent in parts"
            remedy = "Write it unconditionally, or in smaller objects."
            raise PreconditionFailedError(compose(problem, key=key[len(self._prefix) :], uri=self.uri, remedy=remedy))
        return put_if(self._connection, key, file, etag, headers)
