"""The versions that a bucket keeps by itself, where its versioning is enabled."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, not_found
from autostore.backends.cloud.boto3.answers import pages
from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.copies import Origin, copy_object, copy_parts, is_too_large
from autostore.backends.cloud.boto3.downloads import download
from autostore.backends.cloud.boto3.errors import code_of, translated
from autostore.backends.cloud.boto3.said import headers_of
from autostore.engine.objects import LARGEST_PUT, Said, described, moment_of, plain_etag, written
from autostore.errors import InvalidConfigError, compose
from autostore.mark import Mark
from autostore.versioning import Stored, Versioning

__all__ = ["S3Versions"]

Says = Callable[[str, Mark | None], Said]
"""What a write of a path says beside its bytes."""


class S3Versions(Versioning):
    """Of one bucket, below one prefix."""

    def __init__(self, connection: S3Connection, prefix: str, uri: str, says: Says) -> None:
        self._connection = connection
        self._prefix = prefix
        self._uri = uri
        self._says = says

    def check(self) -> None:
        """One request; a bucket whose versioning is suspended keeps what it kept, and overwrites what comes."""
        with translated(self._uri):
            state = self._connection.call("get_bucket_versioning").get("Status") or "off"
        if state != "Enabled":
            problem = f'history="native" needs a bucket that keeps versions, and versioning is {state.lower()} here'
            remedy = "Enable it (aws s3api put-bucket-versioning), or open the store with history=True."
            raise InvalidConfigError(compose(problem, uri=self._uri, remedy=remedy))

    def listed(self, prefix: str, *, deep: bool) -> Iterator[Stored]:
        """One request for each 1,000 versions and markers."""
        flat = {} if deep else {"Delimiter": "/"}

        def ask(more: dict[str, str]) -> Mapping[str, Any]:
            return self._connection.call("list_object_versions", Prefix=self._prefix + prefix, **flat, **more)  # type: ignore[no-any-return]

        names = {"NextKeyMarker": "KeyMarker", "NextVersionIdMarker": "VersionIdMarker"}
        listing = pages(ask, names)
        while True:
            with translated(self._uri):
                page = next(listing, None)
            if page is None:
                return
            for kind in ("Versions", "DeleteMarkers"):
                for entry in page.get(kind, ()):
                    if entry["Key"].startswith(self._prefix + prefix):
                        yield self._stored(entry, deleted=kind == "DeleteMarkers")

    def latest(self, path: str) -> tuple[str, FileMetadata]:
        """One HEAD."""
        with translated(self._uri, path):
            answer = self._connection.look(self._prefix + path)
        return str(answer.get("VersionId") or "null"), described(path, answer)

    def metadata(self, path: str, version: str) -> FileMetadata:
        """One HEAD."""
        with self._of_a_version(path):
            return described(path, self._at(version).call("head_object", Key=self._prefix + path))

    def download(self, path: str, version: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """One GET, conditional with `unless_etag`; of a large version in parallel ranges."""
        with self._of_a_version(path):
            answer = download(self._at(version), self._prefix + path, file, unless_etag)
        return None if answer is None else described(path, answer)

    def copy(self, path: str, version: str, target: str, mark: Mark | None) -> FileMetadata:
        """A HEAD and a COPY; above 5 GiB by parts."""
        found, said = self.metadata(path, version), self._says(target, mark)
        source, key, at = self._prefix + path, self._prefix + target, self._at(version)
        with self._of_a_version(path):
            try:
                answer = copy_object(at, Origin(at.bucket, source), key, None, headers_of(said))
            except Exception as error:
                if not is_too_large(error) or found.size <= LARGEST_PUT:
                    raise
                answer = copy_parts(
                    at, Origin(at.bucket, source), key, at.call("head_object", Key=source), headers_of(said)
                )
        return written(target, found.size, answer, said)

    def remove(self, path: str, version: str) -> None:
        """One DELETE."""
        with contextlib.suppress(FileNotFoundError), self._of_a_version(path):
            self._connection.call("delete_object", Key=self._prefix + path, VersionId=version)

    def _at(self, version: str) -> S3Connection:
        return self._connection.of_version(version)

    @contextlib.contextmanager
    def _of_a_version(self, path: str) -> Iterator[None]:
        with translated(self._uri, path):
            try:
                yield
            except Exception as error:
                # AWS says so of what cannot be an id.
                if code_of(error) in ("InvalidArgument", "NoSuchVersion"):
                    raise not_found(path, self._uri) from error
                raise

    def _stored(self, entry: Mapping[str, Any], *, deleted: bool) -> Stored:
        return Stored(
            path=entry["Key"][len(self._prefix) :],
            id=entry["VersionId"],
            size=entry.get("Size", 0),
            etag=plain_etag(entry.get("ETag")),
            time=moment_of(entry["LastModified"]),
            latest=bool(entry.get("IsLatest")),
            deleted=deleted,
        )
