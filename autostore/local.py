"""A store in a local folder: every publication is one rename, under a lock on the parent folder.

What is ours beside the data lies below `<root>/.autostore/`: temporary files in `tmp/`, and
in `marks/` one small file for each path that was written under a bare key.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from autostore.backend import FileMetadata, Mark, StorageBackend, changed, exists_already, locked_anyway, not_found
from autostore.config import LocalFileConfig, StorageConfig
from autostore.errors import InvalidKeyError, PreconditionFailedError, StorageError, compose, from_os_error
from autostore.keys import RESERVED, ParsedUri, where
from autostore.locks import FolderLocks
from autostore.marks import LocalMarks
from autostore.media import content_type
from autostore.scratch import Scratch

__all__ = ["LocalFileBackend"]


class LocalFileBackend(StorageBackend):
    """Files below one folder, made at the first write; the data files are plain files for any tool."""

    config_class = LocalFileConfig

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        root = os.path.realpath(uri.rest)
        super().__init__(ParsedUri("file", root), config)
        self._durable = cast("LocalFileConfig", config).durable
        if os.path.exists(root) and not os.path.isdir(root):
            raise InvalidKeyError(compose("A file stands where the store's folder should be", uri=self.uri))
        self._root = root
        self._scratch = Scratch(os.path.join(root, RESERVED, "tmp"))
        self._marks = LocalMarks(os.path.join(root, RESERVED, "marks"))
        self._locks = FolderLocks()

    # -- reading ---------------------------------------------------------------------------

    def get_metadata(self, path: str) -> FileMetadata:
        """One stat, and one look for the mark."""
        with self._translated(path):
            status = os.stat(self._inside(path))
        if not stat.S_ISREG(status.st_mode):
            raise not_found(path, self.uri)
        return _metadata(path, status, Mark(status.st_mtime_ns, "") if self._marks.has(path) else None)

    def local_file(self, path: str) -> Path:
        """The file itself: no copy; a reader that holds it open keeps these bytes."""
        return Path(self._inside(path))

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """A copy of the bytes, for callers that must not share the file."""
        with self._translated(path), open(self._inside(path), "rb") as source:
            found = _metadata(path, os.fstat(source.fileno()))
            if found.etag == unless_etag:
                return None
            with open(file, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        return found

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One look per extension, whatever else the folder holds."""
        name = self._inside(stem, through_last=False)
        if not self._locks.holds(os.path.dirname(name)):
            found = _present(stem, name, extensions)
            marked = self._marks.of(stem)
            if any(file.path.removeprefix(stem) in marked for file in found):
                return found
        # A writer that changes the format may have published behind us and removed ahead of
        # us, so only a look under its lock can say that no value is there.
        with self._translated(stem), self._locks.hold(os.path.dirname(name)):
            return _present(stem, name, extensions)

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One look at the key's marks, and one at each file that they name."""
        name = self._inside(stem, through_last=False)
        with self._translated(stem):
            marked = [extension for extension in self._marks.of(stem) if extension in extensions]
            return _present(stem, name, marked) or self.find(stem, extensions)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """A walk in sorted order; links that leave the root and names that are not UTF-8 are skipped."""
        with self._translated(prefix):
            folder = prefix.rpartition("/")[0]
            yield from self._walk(f"{folder}/" if folder else "", prefix)

    # -- writing ---------------------------------------------------------------------------

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One rename of a whole file; a file from elsewhere is copied into `scratch()` first."""
        with self._translated(path):
            if file.parent != self.scratch():
                with self.scratch_file() as own:
                    shutil.copyfile(file, own)
                    return self.upload(own, path, mark=mark, if_etag=if_etag, if_absent=if_absent)
            with self.lock(path):
                target = self._inside(path)
                old = self._expect(target, path, if_etag, if_absent)
                return self._publish(str(file), target, path, mark, old)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """One rename, whatever the size."""
        with self._translated(source), self.lock(source, target):
            name, place = self._inside(source), self._inside(target)
            if if_etag is not None and _etag(os.stat(name)) != if_etag:
                raise changed(source, self.uri)
            moved = self._publish(name, place, target, mark, _status(place))
            self._marks.discard(source)
            self._prune(os.path.dirname(name))
            return moved

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Unlink this file, then its folders as far as they became empty."""
        target = self._inside(path)
        with self._translated(path), self._locks.hold(os.path.dirname(target)):
            old = _status(target) if if_etag is not None else None
            if old is not None and _etag(old) != if_etag:
                raise changed(path, self.uri)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(target)
            self._marks.discard(path)
            self._prune(os.path.dirname(target))

    def claim(self, key: str) -> AbstractContextManager[Callable[[], bool]]:
        """Nothing to do: whoever holds `lock` is alone already."""
        return locked_anyway()

    @contextlib.contextmanager
    def lock(self, *paths: str, make: bool = True) -> Iterator[None]:
        """`flock` on the parent folders; no lock files."""
        with contextlib.ExitStack() as stack:
            # Always in the same order, so that two moves never wait for each other.
            for folder in sorted({os.path.dirname(self._inside(path)) for path in paths}):
                with self._translated(paths[0]):
                    stack.enter_context(self._locks.hold(folder, make=make, durable=self._durable))
            yield

    # -- the steps -------------------------------------------------------------------------

    def _expect(self, target: str, path: str, if_etag: str | None, if_absent: bool) -> os.stat_result | None:
        """The file that is there now, if it is as the caller demands."""
        old = _status(target)
        if if_etag is None and not if_absent:
            return old
        if not self._locks.holds(os.path.dirname(target)):
            problem = "This file system has no locks, so a conditional write cannot be safe"
            raise PreconditionFailedError(compose(problem, key=path, uri=self.uri, remedy="Write unconditionally."))
        if if_absent and old is not None:
            raise exists_already(path, self.uri)
        if if_etag is not None and (old is None or _etag(old) != if_etag):
            raise changed(path, self.uri)
        return old

    def _publish(
        self, source: str, target: str, path: str, mark: Mark | None, old: os.stat_result | None
    ) -> FileMetadata:
        # An ETag must change with every write, even within one tick of the clock.
        mtime = max(mark.time_ns if mark else time.time_ns(), old.st_mtime_ns + 1 if old else 0)
        os.utime(source, ns=(mtime, mtime))
        if self._durable:
            _fsync(source)
        status = os.stat(source)  # the same inode after the rename
        # The mark comes first and goes first: a crash in between leaves the value readable.
        if mark is None:
            self._marks.discard(path)
        else:
            self._marks.add(mark.key, path.removeprefix(mark.key), durable=self._durable)
        self._replace(source, target)
        if self._durable:
            _fsync(os.path.dirname(target))
        return _metadata(path, status, mark and Mark(mtime, ""))

    def _replace(self, source: str, target: str) -> None:
        try:
            os.replace(source, target)
        except IsADirectoryError:
            os.rmdir(target)  # an empty folder is nobody's object; a full one raises
            os.replace(source, target)

    def _prune(self, folder: str) -> None:
        """Remove folders that became empty, so that `a.json/b`, once deleted, does not block `a`."""
        while folder.startswith(self._root + "/"):
            with self._locks.attempt(folder) as locked:
                if not locked:
                    return
                try:
                    os.rmdir(folder)
                except OSError:
                    return
            folder = os.path.dirname(folder)

    def _inside(self, path: str, *, through_last: bool = True) -> str:
        """The full name of a path; refused where a link on the way leads out of the root."""
        name = self._root
        segments = path.split("/")
        for segment in segments if through_last else segments[:-1]:
            name = f"{name}/{segment}"
            try:
                linked = stat.S_ISLNK(os.lstat(name).st_mode)
            except OSError:
                break  # nothing there, so nothing that could lead out
            if linked and not f"{os.path.realpath(name)}/".startswith(f"{self._root}/"):
                remedy = "Replace the link by a copy."
                raise InvalidKeyError(compose("A link leads out of the store", key=path, uri=self.uri, remedy=remedy))
        return f"{self._root}/{path}"

    def _walk(self, folder: str, prefix: str) -> Iterator[FileMetadata]:
        try:
            with os.scandir(f"{self._root}/{folder}") as entries:
                ordered = sorted((_sort_name(entry), entry) for entry in entries if _ours(entry))
        except (FileNotFoundError, NotADirectoryError):
            return
        for name, entry in ordered:
            path = folder + name
            if name.endswith("/"):
                if path.startswith(prefix) or prefix.startswith(path):
                    yield from self._walk(path, prefix)
            elif path.startswith(prefix):
                with contextlib.suppress(FileNotFoundError, InvalidKeyError):
                    self._inside(path)
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        yield _metadata(path, status)

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """The one place where the operating system's errors become this library's."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            raise from_os_error(error, where(path, self.uri)) from error


def _present(stem: str, name: str, extensions: Collection[str]) -> list[FileMetadata]:
    found = []
    for extension in extensions:
        if os.access(name + extension, os.F_OK):  # ten times cheaper than a stat that raises
            status = _status(name + extension)
            if status is not None and stat.S_ISREG(status.st_mode):
                found.append(_metadata(stem + extension, status))
    return found


def _status(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _etag(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def _metadata(path: str, status: os.stat_result, mark: Mark | None = None) -> FileMetadata:
    return FileMetadata(
        path=path,
        size=status.st_size,
        etag=_etag(status),
        modified_time=datetime.fromtimestamp(status.st_mtime, UTC),
        content_type=content_type(path),
        mark=mark,
    )


def _sort_name(entry: os.DirEntry[str]) -> str:
    """A folder sorts as its contents do, so that the walk is in the order of whole paths."""
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _ours(entry: os.DirEntry[str]) -> bool:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return False  # not UTF-8, so no key can name it
    return entry.name != RESERVED


def _fsync(name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
