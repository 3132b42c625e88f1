"""A store in a bucket, whosever it is: each duty in as few requests as its server allows.

How bytes move, and what errors and answers mean, is the business of an `Engine`; which one, nobody asks here.
"""

from __future__ import annotations

import contextlib
import json
import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from autostore.backend import FileMetadata, changed
from autostore.backends.cloud.looks import Looks
from autostore.backends.cloud.ordering import ordered
from autostore.backends.cloud.ranges import EngineRanges
from autostore.backends.cloud.receiving import ReceivingBackend
from autostore.backends.left_out import LeftOut
from autostore.config import AzureStorageConfig, S3StorageConfig, StorageConfig
from autostore.disk.failures import disk_errors_are_typed
from autostore.engine.contract import Engine
from autostore.engine.objects import LARGEST_PUT, marks_folder
from autostore.errors import (
    InvalidConfigError,
    InvalidKeyError,
    PreconditionFailedError,
    StorageError,
    StorageFileNotFoundError,
    compose,
)
from autostore.keys import RESERVED, ParsedUri, can_be_key, is_ours
from autostore.mark import Mark
from autostore.parallel import in_order
from autostore.pieces.ranges import REACH, Tail
from autostore.telling.transfers import transfer
from autostore.versioning import Versioning

__all__ = ["CloudBackend"]


class CloudBackend(ReceivingBackend):
    """Objects below `scheme://bucket/prefix/`; the prefix means the same with its last `/` and without."""

    scheme: ClassVar[str]
    place: ClassVar[str] = "bucket"
    """What holds the objects, in its provider's word."""

    names: ClassVar[re.Pattern[str]]

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        bucket, _, prefix = uri.rest.partition("/")
        if not self.names.fullmatch(bucket):
            remedy = f"Pass '{self.scheme}://{self.place}/prefix/'."
            shown = "This" if set("@:") & set(bucket) else repr(bucket)  # such are credentials, misplaced
            raise InvalidKeyError(compose(f"{shown} is not a {self.place}'s name", remedy=remedy))
        prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        super().__init__(ParsedUri(self.scheme, f"{bucket}/{prefix}"), config)
        self._place = bucket, prefix
        self._settings = self.settings_of(config)
        self._engine = self.make_engine(bucket, prefix)
        self.engine = self._engine.name
        self._looks = Looks()
        self.concurrency = self._settings.max_concurrency

    @abstractmethod
    def settings_of(self, config: StorageConfig) -> S3StorageConfig | AzureStorageConfig:
        """The settings as this place's own."""

    @abstractmethod
    def make_engine(self, bucket: str, prefix: str) -> Engine:
        """What moves the bytes; it declines nothing."""

    def get_metadata(self, path: str) -> FileMetadata:
        """One HEAD.

        The first look of a process is a GET of one byte: unlike a HEAD it tells a missing
        bucket from a missing key, and why access was refused.
        """
        return self._looks.noted(self._engine.head(path))

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """One GET, conditional with `unless_etag`; a large object in parallel ranges of one version."""
        look = self._looks.last(path)
        size = None if look is None else look.found.size
        with transfer("read", self, path, size) as told:
            found = self._engine.get(path, file, unless_etag=unless_etag, expected=size)
            return told.of(found if found is None else self._looks.noted(found))

    def ranges(
        self, path: str, *, if_etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> EngineRanges:
        """One GET of the last bytes, none where they were seen of this version; then one for each range."""
        return EngineRanges(self._engine, path, self.concurrency).opened(reach, if_etag, seen)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """One request per 1,000 objects; objects that no key can name are left out, and said."""
        left_out = LeftOut(self.uri)
        for page in ordered(self._engine.pages(prefix), self.uri):
            yield from self._keys(page, left_out)
        left_out.say()

    def begins_here(self) -> bool:
        """One LIST."""
        return bool(self._engine.page(f"{RESERVED}/", most=1).files)

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One LIST; where a thousand other names begin alike, a HEAD per extension more."""
        page = self._engine.page(f"{stem}.")
        wanted = {stem + extension for extension in extensions}
        if page.whole:
            return [self._looks.noted(file) for file in page.files if file.path in wanted and can_be_key(file.path)]
        looks = in_order(self._look, sorted(wanted), self.concurrency)
        return [file for file in looks if file is not None]

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """One request per 1,000 objects."""
        for page in ordered(self._engine.pages(prefix), self.uri):
            yield from page

    def versioning(self) -> Versioning:
        """What the bucket keeps where its versioning is enabled; no request."""
        return self._engine.versioning(partial(self._said, identified=True))

    def cache_id(self, path: str) -> str:
        """Endpoint, bucket and full key: two stores that name one object share its copy."""
        bucket, prefix = self._place
        return json.dumps([self._engine.place(), bucket, prefix + path])

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One PUT; a large file in parts. A condition needs the one PUT, so it ends at 5 GiB."""
        with disk_errors_are_typed(f"key {path!r} in {self.uri}"):
            size = file.stat().st_size
        conditional = if_absent or if_etag is not None
        small = size < min(self._settings.multipart_threshold, LARGEST_PUT)
        said = self._said(path, mark, identified=conditional or not small)
        with transfer("write", self, path, size) as told:
            if conditional:
                self._check_condition(path, size)
            elif not small:
                self._sent_parts = True
                return told.of(self._looks.noted(self._engine.put_parts(path, file, said)))
            sent = self._engine.put(path, file, said, if_etag=if_etag, if_absent=if_absent)
            return told.of(self._looks.noted(sent))

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """One DELETE; with `if_etag`, for servers that ignore the condition, one HEAD before it."""
        if if_etag is not None and self._traits is not None:
            self._expect_there(path, if_etag)
        elif if_etag is not None and not self._checks("delete"):
            found = self._look(path)
            if found is None or found.etag != if_etag:
                raise changed(path, self.uri)
        self._engine.delete(path, if_etag=if_etag)

    def sweep(self) -> None:
        """Abort uploads in parts, below this URI, that nobody completed within a day."""
        self._engine.sweep()

    def close(self) -> None:
        """Drop the connections, the threads and the temporary files; the next use opens them again.

        Whoever sent files in parts also aborts those that killed writers left a day ago: one request.
        """
        if self._sent_parts:
            self._sent_parts = False
            with contextlib.suppress(StorageError):  # another close will do it
                self.sweep()
        self._engine.close()
        super().close()

    def url(self, path: str, *, expires: float | None = None) -> str:
        """The object's URI; presigned, no request either, with `expires`."""
        if expires is None:
            return super().url(path)
        return self._engine.presigned(path, expires)

    def storage_options(self, engine: str) -> dict[str, Any]:
        """How an engine reaches the bucket; a request only where credentials come from one."""
        return self._engine.storage_options(engine)

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

    def _keys(self, page: Iterable[FileMetadata], left_out: LeftOut) -> Iterator[FileMetadata]:
        for file in page:
            if can_be_key(file.path):
                yield file
            elif not marks_folder(file) and not is_ours(file.path):
                left_out.add(file.path)

    def _check_condition(self, path: str, size: int) -> None:
        known = self._told()
        if known is not None and not known.put:
            given = getattr(self._settings, "conditions", None)
            problem = f"The settings say that this server checks no conditions (conditions={given!r})"
            remedy = "Write it unconditionally, or to another place."
            raise InvalidConfigError(compose(problem, key=path, uri=self.uri, remedy=remedy))
        if size > LARGEST_PUT:
            problem = f"S3 cannot check a condition for {size} bytes: above 5 GiB a file is sent in parts"
            remedy = "Write it unconditionally, or in smaller objects."
            raise PreconditionFailedError(compose(problem, key=path, uri=self.uri, remedy=remedy))
