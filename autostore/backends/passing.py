"""A place that hands on to another one what a place can do, so that a layer over it says only what it does itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, StorageBackend
from autostore.disk.scratch import ScratchFiles
from autostore.keys import RESERVED
from autostore.mark import Mark
from autostore.pieces.ranges import REACH, Ranges, Tail
from autostore.versioning import Versioning

__all__ = ["PassingBackend"]

OURS = f"{RESERVED}/"


class PassingBackend(StorageBackend):
    """`inner`, unchanged; what the contract makes of other calls (`copy`, `move`, `keep`) is made of these here."""

    def __init__(self, inner: StorageBackend) -> None:
        # Not the contract's own constructor: the inner place has a scratch folder already.
        self.inner = inner
        self.uri = inner.uri
        self.config = inner.config
        self.concurrency = inner.concurrency
        self.engine = inner.engine
        self.locks_exclude = inner.locks_exclude

    def get_metadata(self, path: str) -> FileMetadata:
        """See `StorageBackend`, as of all here."""
        return self.inner.get_metadata(path)

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """Of the inner place."""
        return self.inner.download(path, file, unless_etag=unless_etag)

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Of the inner place."""
        return self.inner.upload(file, path, mark=mark, if_etag=if_etag, if_absent=if_absent)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Of the inner place."""
        self.inner.delete(path, if_etag=if_etag)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """Of the inner place, without the library's own files, which some places list too."""
        return (file for file in self.inner.list_files(prefix) if not file.path.startswith(OURS))

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """Of the inner place."""
        return self.inner.list_own(prefix)

    def drop_own(self, path: str) -> None:
        """Of the inner place."""
        self.inner.drop_own(path)

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """Of the inner place."""
        return self.inner.find(stem, extensions)

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """Of the inner place."""
        return self.inner.find_value(stem, extensions)

    def server(self) -> object:
        """Of the inner place."""
        return self.inner.server()

    def origin(self, path: str) -> StorageBackend:
        """Of the inner place."""
        return self.inner.origin(path)

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """Of the inner place."""
        return self.inner.copies_from(other, conditional=conditional)

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """Of the inner place."""
        return self.inner.copy_from(other, source, target, mark=mark, if_etag=if_etag, over=over)

    def write_of(self, found: FileMetadata) -> str:
        """Of the inner place."""
        return self.inner.write_of(found)

    def versioning(self) -> Versioning:
        """Of the inner place."""
        return self.inner.versioning()

    def local_file(self, path: str) -> Path | None:
        """Of the inner place."""
        return self.inner.local_file(path)

    def cache_id(self, path: str) -> str:
        """Of the inner place."""
        return self.inner.cache_id(path)

    def ranges(
        self, path: str, *, if_etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> Ranges | None:
        """Of the inner place."""
        return self.inner.ranges(path, if_etag=if_etag, seen=seen, reach=reach)

    def url(self, path: str, *, expires: float | None = None) -> str:
        """Of the inner place."""
        return self.inner.url(path, expires=expires)

    def storage_options(self, engine: str) -> dict[str, Any]:
        """Of the inner place."""
        return self.inner.storage_options(engine)

    def begins_here(self) -> bool:
        """Of the inner place."""
        return self.inner.begins_here()

    def sweep(self) -> None:
        """Of the inner place."""
        self.inner.sweep()

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """Of the inner place."""
        return self.inner.lock(*paths, make=make)

    def scratch(self) -> Path:
        """Of the inner place."""
        return self.inner.scratch()

    def scratch_file(self, suffix: str = "") -> AbstractContextManager[Path]:
        """Of the inner place."""
        return self.inner.scratch_file(suffix)

    def scratch_files(self) -> ScratchFiles:
        """Of the inner place."""
        return self.inner.scratch_files()

    def close(self) -> None:
        """Of the inner place."""
        self.inner.close()
