"""The contract of a place: `StorageBackend`, bytes at paths under one URI, and `FileMetadata`, what it knows of them.

It is long because each member says what it promises. A new place implements five duties and may better the
defaults; it is registered once, with `AutoStore.register_backend(scheme, cls)` or under the entry point group
`autostore.backends`, and of ours by a line in `backends/schemes.py`. `backends/memory.py` is the shortest example,
`docs/extending.md` goes step by step, and `autostore.testing.BackendContract` tests any of them.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from autostore.config import StorageConfig
from autostore.disk.failures import disk_errors_are_typed
from autostore.disk.scratch import Scratch, ScratchFiles
from autostore.errors import (
    InvalidConfigError,
    PreconditionFailedError,
    StorageFileNotFoundError,
    compose,
)
from autostore.keys import ParsedUri, parse_uri
from autostore.mark import Mark
from autostore.pieces.incoming import Incoming
from autostore.pieces.ranges import REACH, Ranges, Tail
from autostore.versioning import Versioning

__all__ = ["FileMetadata", "StorageBackend", "changed", "exists_already", "is_still", "look", "not_found"]


@dataclass(frozen=True)
class FileMetadata:
    """What a backend knows of one file.

    Attributes:
        path: relative to the backend's URI, with the extension.
        size: bytes.
        etag: changes whenever the bytes do, and names no other bytes in another process, where caches and branches
            are read, too; opaque, and not a checksum.
        modified_time: aware, UTC.
        content_type: media type, guessed from the extension; None where unknown.
        extra: what else the place keeps beside the bytes.
        mark: set where the file was written under a bare key; listings leave it None.
        write: names the write that made it, where the place keeps that: `<its time, ns>-<random>`.
    """

    path: str
    size: int
    etag: str
    modified_time: datetime
    content_type: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = field(default=None, repr=False)
    write: str = field(default="", repr=False)

    @property
    def written(self) -> int:
        """The time in `write`; 0 where there is none."""
        time = self.write.partition("-")[0]
        return int(time) if time.isascii() and time.isdigit() else 0


class StorageBackend(ABC):
    """Bytes at paths under one URI; paths are checked before they arrive here.

    Promises that every implementation keeps, and `BackendContract` tests:
    no client ever observes a partly written file; after a method returned, every client
    sees its effect; an absent path raises `StorageFileNotFoundError`, a refusal
    `StoragePermissionError`, an unreachable place `StorageConnectionError`.
    """

    config_class: ClassVar[type[StorageConfig]] = StorageConfig
    """Whose settings a place takes; those of another class are adapted."""

    concurrency: int = 1
    """How many transfers are worth having in flight at once."""

    engine: str = ""
    """The client library that moves the bytes, where a place has a choice."""

    locks_exclude: bool = False
    """Whether `lock` excludes every other writer of the place, so that who holds it needs no claim."""

    receives: bool = False
    """Whether files may be sent while they are made, by `receive`; else only when they are whole."""

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

    def receive(self, path: str, *, mark: Mark | None = None) -> Incoming:
        """Take a file while it is made, unconditionally, where it `receives`; what has left may bear `mark` already."""
        raise NotImplementedError

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

    def copy_over(
        self, source: str, target: str, *, mark: Mark | None = None, if_etag: str, over: str | None
    ) -> FileMetadata:
        """Copy as `copy` does, onto a target that still has the ETag `over`; None: onto nothing."""
        with self.scratch_file() as file:
            found = self.download(source, file)
            if found is None or found.etag != if_etag:
                raise changed(source, self.uri)
            return self.upload(file, target, mark=mark, if_etag=over, if_absent=over is None)

    def server(self) -> object:
        """Names what copies between its places by itself, and how it is reached: equal for two such; None: nothing."""
        return None

    def origin(self, path: str) -> StorageBackend:
        """The place itself in which a file lies, where this one stands over others."""
        return self

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """Whether `copy_from` copies files of `other`, an `origin`; with `conditional` onto a checked target, too."""
        return self.server() is not None and self.server() == other.server()

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """Copy a file of `other` as `copy` does, with no byte of it passing through this machine.

        `if_etag` is the source's; the target still has the ETag `over` (None: nothing is there; "": whatever is).
        `StoragePermissionError` or `StorageIOError` where the server refuses to copy: then who may read copies himself.
        """
        raise NotImplementedError

    def retire(self, path: str, *, if_etag: str) -> None:
        """Remove a file in whose place another one was published; as `delete`."""
        self.delete(path, if_etag=if_etag)

    def begin_history(self) -> bool:
        """Called before the first change of a store with history: whether each change needs the key's claim.

        `InvalidConfigError` where this place cannot keep what is replaced; may send requests.
        """
        return not self.locks_exclude

    def unchecked(self) -> StorageBackend:
        """The place itself, where this only looks at its answers."""
        return self

    def keep(self, path: str, kept: str, *, if_etag: str) -> None:
        """Have exactly this version of a file at `kept` too, with all that the place knows of it."""
        self.copy(path, kept, if_etag=if_etag)

    def write_of(self, found: FileMetadata) -> str:
        """What names the write that `found` (of one file, not of a listing) tells of; see `FileMetadata.write`."""
        return found.write

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """As `list_files`, of the library's own files below `.autostore/`."""
        return self.list_files(prefix)

    def drop_own(self, path: str) -> None:
        """Remove one of the library's own files; an absent one is not an error."""
        self.delete(path)

    def versioning(self) -> Versioning:
        """What the place keeps of its files by itself; `InvalidConfigError` where it does not."""
        problem = 'This place keeps no versions by itself, as history="native" needs'
        raise InvalidConfigError(compose(problem, uri=self.uri, remedy="Open the store with history=True."))

    def local_file(self, path: str) -> Path | None:
        """The file itself where it lies on this machine, so that reading needs no copy; else None."""
        return None

    def ranges(
        self, path: str, *, if_etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> Ranges | None:
        """One version, to be read in pieces; None where the place cannot, and the file is copied instead.

        With the version that has `if_etag`, or `PreconditionFailedError`. Its last `reach` bytes may come at once;
        what was `seen` of the version that is there need not come again, and where it is the one of `if_etag`
        nothing need be asked, as every piece is of that version or fails.
        """
        return None

    def url(self, path: str, *, expires: float | None = None) -> str:
        """The URI of one file, or of what begins so; with `expires` one that anybody may read for so many seconds."""
        if expires is not None:
            remedy = "Pass no expires=, or copy the object to a store on S3."
            raise InvalidConfigError(compose("This place signs no URLs", key=path, uri=self.uri, remedy=remedy))
        return f"{self.uri.rstrip('/')}/{path}"

    def storage_options(self, engine: str) -> dict[str, Any]:
        """What another engine needs to reach the place, in its own words; secrets among it."""
        return {}

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

    def _scratch_translated(self) -> AbstractContextManager[None]:
        return disk_errors_are_typed(f"temporary files of {self.uri}")

    def __getstate__(self) -> dict[str, Any]:
        return {"uri": self.uri, "config": self.config}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(parse_uri(state["uri"]), state["config"])  # type: ignore[misc]

    def close(self) -> None:
        """Release connections and temporary files; the next use opens them again."""
        self._scratch.close()


def look(place: StorageBackend, path: str) -> FileMetadata | None:
    """What a place knows of a file; None where there is none."""
    try:
        return place.get_metadata(path)
    except StorageFileNotFoundError:
        return None


def is_still(place: StorageBackend, path: str, etag: str) -> bool:
    """Whether a file is the version with this ETag."""
    found = look(place, path)
    return found is not None and found.etag == etag


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
