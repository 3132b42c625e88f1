"""The contract of a place: `StorageBackend`, bytes at paths under one URI, and `FileMetadata`, what it knows of them.

A new place implements five duties and may better the defaults; `backends/memory.py` is the
shortest example, and `autostore.testing.BackendContract` tests any of them.
"""

from __future__ import annotations

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from autostore.config import StorageConfig
from autostore.disk.scratch import Scratch, ScratchFiles
from autostore.errors import LeftOutWarning, PreconditionFailedError, StorageFileNotFoundError, compose, from_os_error
from autostore.guard.foreign import let_pass
from autostore.keys import ParsedUri
from autostore.mark import Mark

MOST_NAMED = 10
"""How many names a warning holds."""

__all__ = ["FileMetadata", "LeftOut", "StorageBackend", "changed", "exists_already", "not_found"]


@dataclass(frozen=True)
class FileMetadata:
    """What a backend knows of one file.

    Attributes:
        path: relative to the backend's URI, with the extension.
        size: bytes.
        etag: changes whenever the bytes do; opaque, and not a checksum.
        modified_time: aware, UTC.
        content_type: media type, guessed from the extension; None where unknown.
        extra: what else the place keeps beside the bytes.
        mark: set where the file was written under a bare key; listings leave it None.
    """

    path: str
    size: int
    etag: str
    modified_time: datetime
    content_type: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None


class StorageBackend(ABC):
    """Bytes at paths under one URI; paths are checked before they arrive here.

    Promises that every implementation keeps, and `BackendContract` tests:
    no client ever observes a partly written file; after a method returned, every client
    sees its effect; an absent path raises `StorageFileNotFoundError`, a refusal
    `StoragePermissionError`, an unreachable place `StorageConnectionError`.
    """

    config_class: ClassVar[type[StorageConfig]] = StorageConfig
    concurrency: int = 1
    """How many transfers are worth having in flight at once."""

    locks_exclude: ClassVar[bool] = False
    """Whether `lock` excludes every other writer of the place, so that who holds it needs no claim."""

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        self.uri = f"{uri.scheme}://{uri.rest}"
        self.config = config
        self._scratch = Scratch(config.temp_dir)

    @abstractmethod
    def get_metadata(self, path: str) -> FileMetadata:
        """Size, ETag, time and mark of one file."""

    @abstractmethod
    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """Write the bytes at `path` into `file`; return the metadata of exactly those bytes.

        None, with `file` untouched, where the ETag is still `unless_etag`.
        """

    @abstractmethod
    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Publish the bytes of `file` at `path`, atomically, and keep `mark` beside them.

        The backend may consume `file` where it lies in `scratch()`. With `if_etag` the
        path must still have this ETag, with `if_absent` it must not exist: else, or where
        the place cannot check this safely, `PreconditionFailedError` and nothing changed.
        """

    @abstractmethod
    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Remove exactly this file; an absent one is not an error.

        With `if_etag` only while it is there with this ETag, else `PreconditionFailedError`:
        of several that remove one version, one succeeds.
        """

    @abstractmethod
    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """Files whose path begins with `prefix`, a plain string, in the order of their UTF-8 bytes."""

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """The files `stem + extension` that exist, for any of `extensions`."""
        wanted = {stem + extension for extension in extensions}
        return [found for found in self.list_files(stem + ".") if found.path in wanted]

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """The files among which the value of the bare key `stem` is: what `find` finds.

        A place that knows marks cheaply may leave out files without one where others have one.
        """
        return self.find(stem, extensions)

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Copy the bytes at `source` to `target` (atomic, as `upload`); `if_etag` is the source's."""
        with self.scratch_file() as file:
            found = self.download(source, file)
            if found is None or (if_etag is not None and found.etag != if_etag):
                raise changed(source, self.uri)
            return self.upload(file, target, mark=mark)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Copy, then remove `source` if it is still what was copied."""
        etag = if_etag or self.get_metadata(source).etag
        moved = self.copy(source, target, mark=mark, if_etag=etag)
        with contextlib.suppress(PreconditionFailedError):  # by now it is another object, or none
            self.delete(source, if_etag=etag)
        return moved

    def local_file(self, path: str) -> Path | None:
        """The file itself where it lies on this machine, so that reading needs no copy; else None."""
        return None

    def begins_here(self) -> bool:
        """Whether anything lies below `.autostore/`, so that a store begins at this URI."""
        return False

    def cache_id(self, path: str) -> str:
        """Names the file at `path` among all files of all places, so that local copies never mix."""
        return f"{self.uri}\n{path}"

    def sweep(self) -> None:  # noqa: B027 - most places have nothing to sweep
        """Remove what killed writers left at the place a day ago or earlier; may send requests."""

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """Exclude other writers of these paths' folders, where the place can; re-entrant per thread.

        With `make` missing folders are made first; else there is nothing in them to protect.
        """
        return contextlib.nullcontext()

    def scratch(self) -> Path:
        """A private folder for temporary files, on the file system where publishing is a rename."""
        with self._scratch_translated():
            return self._scratch.folder()

    def scratch_file(self, suffix: str = "") -> AbstractContextManager[Path]:
        """A fresh name in `scratch()`, removed at the end if it is still there."""
        with self._scratch_translated():
            return self._scratch.file(suffix)

    def scratch_files(self) -> ScratchFiles:
        """Names for the temporary files of one call, which `close()` leaves in peace until it ends."""
        with self._scratch_translated():
            return self._scratch.files()

    @contextlib.contextmanager
    def _scratch_translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            let_pass(error)
            raise from_os_error(error, f"temporary files of {self.uri}") from error

    def close(self) -> None:
        """Release connections and temporary files; the next use opens them again."""
        self._scratch.close()


class LeftOut:
    """What a listing passes over though it is there: said once, at its end, in a `LeftOutWarning`."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._count = 0
        self._first: list[str] = []

    def add(self, name: str, why: str = "no key can name it") -> None:
        """Pass over a path."""
        self._count += 1
        if self._count <= MOST_NAMED:
            self._first.append(f"{name!r:.200} ({why})")

    def say(self) -> None:
        """Warn, if anything was passed over."""
        if self._count:
            more = f" and {self._count - MOST_NAMED} more" if self._count > MOST_NAMED else ""
            text = f"{self._count} found in {self._uri} and left out of the listing: {', '.join(self._first)}{more}."
            warnings.warn(text, LeftOutWarning, stacklevel=3)


def not_found(path: str, uri: str) -> StorageFileNotFoundError:
    """The one way to say that nothing is there."""
    return StorageFileNotFoundError(
        compose("Nothing is stored here", key=path, uri=uri, remedy="store.keys() lists what is.")
    )


def changed(path: str, uri: str) -> PreconditionFailedError:
    """The one way to say that `if_etag` did not hold."""
    problem = "This was changed or removed by someone else"
    return PreconditionFailedError(compose(problem, key=path, uri=uri, remedy="Read it again."))


def exists_already(path: str, uri: str) -> PreconditionFailedError:
    """The one way to say that `if_absent` did not hold."""
    remedy = "Read it, or write without if_absent."
    return PreconditionFailedError(compose("This exists already", key=path, uri=uri, remedy=remedy))
