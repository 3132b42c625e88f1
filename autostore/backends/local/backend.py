"""A store in a local folder: every publication is one rename, under a lock on the parent folder.

What is ours beside the data lies below `<root>/.autostore/`: temporary files in `tmp/`, in `marks/` one
small file for each bare key, with the extensions under which it was written, and `clock`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already, not_found
from autostore.backends.local import files, versions
from autostore.backends.local.marks import LocalMarks
from autostore.backends.local.names import FolderNames
from autostore.backends.local.own import OwnFolder
from autostore.backends.local.root import absolute, found_inside, inside
from autostore.backends.local.times import Times
from autostore.backends.local.translated import Translated
from autostore.backends.local.walking import listed
from autostore.config import LocalFileConfig, StorageConfig
from autostore.disk.duplicate import duplicate
from autostore.disk.locks import FolderLocks
from autostore.disk.sync import fsync
from autostore.errors import InvalidKeyError, PreconditionFailedError, compose
from autostore.keys import RESERVED, ParsedUri
from autostore.mark import Mark
from autostore.telling.transfers import transfer

__all__ = ["LocalFileBackend"]

LOOKS = 5  # for a marked file that is not there, before the folder is locked for it


class LocalFileBackend(StorageBackend):
    """Files below one folder, made at the first write; the data files are plain files for any tool."""

    config_class = LocalFileConfig
    locks_exclude = True

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        root = absolute(uri.rest)
        super().__init__(ParsedUri("file", root), config)
        self._durable = LocalFileConfig.adapt(config).durable
        if os.path.exists(root) and not os.path.isdir(root):
            raise InvalidKeyError(compose("A file stands here", uri=self.uri, remedy="Pass a folder."))
        self._root = root
        own = OwnFolder(root, self.uri)
        self._scratch, self._marks = own.scratch(), LocalMarks(own)
        self._locks = FolderLocks(config.timeout)
        self._times, self._names = Times(own, self._locks), FolderNames()

    def get_metadata(self, path: str) -> FileMetadata:
        """One stat, and one look for the mark."""
        with self._translated(path):
            status = files.status(self._inside(path))
            files.refuse_pipes(status, path, self.uri)
            if status is None or not stat.S_ISREG(status.st_mode):
                raise not_found(path, self.uri)
            mark = Mark(status.st_mtime_ns, "") if self._marks.has(path) else None
        return files.metadata(path, status, mark)

    def local_file(self, path: str) -> Path:
        """The file itself: no copy; a reader that holds it open keeps these bytes."""
        name, status = found_inside(self._root, path, self.uri)
        if status is None:
            with self._translated(path):
                status = files.status(name)
        files.refuse_pipes(status, path, self.uri)
        return Path(name)

    def begins_here(self) -> bool:
        """One stat."""
        return os.path.isdir(os.path.join(self._root, RESERVED))

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """A copy of the bytes, for callers that must not share the file."""
        with self._translated(path), open(self._inside(path), "rb", opener=files.open_at_once) as source:
            files.refuse_pipes(status := os.fstat(source.fileno()), path, self.uri)
            found = files.metadata(path, status)
            if found.etag == unless_etag:
                return None
            duplicate(source, file)
        return found

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One look per extension, whatever else the folder holds."""
        name = self._inside(stem, through_last=False)
        folder = os.path.dirname(name)
        if self._locks.holds(folder):
            with self._translated(stem):
                return files.present(stem, name, extensions, self._inside, self._names.look(folder))
        with self._translated(stem):
            for _ in range(LOOKS):
                # A value has its mark before it comes and until it is gone, also while its format changes.
                marked = self._marks.of(stem)
                before = files.status(folder)
                found = files.present(stem, name, extensions, self._inside)
                if not found:
                    files.status(f"{folder}/.")  # raises where the folder may not be entered, which is no absence
                if not marked or any(file.path.removeprefix(stem) in marked for file in found):
                    return found
                # Marked, and not there: somebody removed the file; or a writer that changes the format published
                # behind us and removed ahead of us, which shows in the folder's time.
                if not files.may_have_changed(before, files.status(folder)):
                    return found
                time.sleep(files.TICK)
            # Only in a folder that changes all the time.
            with self._locks.hold(folder):
                return files.present(stem, name, extensions, self._inside)

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One look at the key's marks, and one at each file that they name."""
        name = self._inside(stem, through_last=False)
        with self._translated(stem):
            marked = [extension for extension in self._marks.of(stem) if extension in extensions]
            return files.present(stem, name, marked, self._inside) or self.find(stem, extensions)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """A walk in sorted order; what may not be read, leaves the root or has no key's name is left out, and said."""
        with self._translated(prefix):
            yield from listed(self._root, prefix, self.uri)

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """One rename of a whole file; a file from elsewhere is copied into `scratch()` first."""
        with self._translated(path):
            if not self._scratch.holds(file):
                with self.scratch_file() as own:
                    shutil.copyfile(file, own)
                    return self.upload(own, path, mark=mark, if_etag=if_etag, if_absent=if_absent)
            target = self._inside(path, through_last=False)  # a link there is replaced, not followed
            folder, told = os.path.dirname(target), transfer("write", self, path, bar=False)
            with self._locks.hold(folder, make=True, durable=self._durable), told:
                old = self._expect(target, path, if_etag, if_absent)
                return told.of(self._publish(str(file), target, path, mark, old))

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """One rename, whatever the size."""
        with self._translated(source), self.lock(source, target):
            name, place = self._inside(source), self._inside(target)
            if os.path.islink(name):  # elsewhere it might lead nowhere, and its file is another key's too
                return super().move(source, target, mark=mark, if_etag=if_etag)
            old = os.stat(name)
            if if_etag is not None and files.etag(old) != if_etag:
                raise changed(source, self.uri)
            self._times.removes(old)
            moved = self._publish(name, place, target, mark, files.status(place))
            self._marks.discard(source)
            self._names.forget(os.path.dirname(name))
            self._prune(os.path.dirname(name))
            return moved

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Unlink this file, then its folders as far as they became empty."""
        target = self._inside(path)
        with self._translated(path), self._locks.hold(os.path.dirname(target)):
            old = files.status(target)
            if if_etag is not None and (old is None or files.etag(old) != if_etag):
                raise changed(path, self.uri)
            self._times.removes(old)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(target)
            self._marks.discard(path)
            self._names.forget(os.path.dirname(target))
            self._prune(os.path.dirname(target))

    def keep(self, path: str, kept: str, *, if_etag: str) -> None:
        """One more link to the file; no byte is copied."""
        with self._translated(path), self.lock(path):
            name = self._inside(path)
            self._expect(name, path, if_etag, if_absent=False)
            versions.keep(name, self._inside(kept, through_last=False), self.scratch_file, durable=self._durable)

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """A walk through the folder that the prefix names."""
        with self._translated(prefix):
            yield from versions.listed(self._root, prefix, self.uri)

    def drop_own(self, path: str) -> None:
        """An unlink, and its folders as far as they became empty: whoever puts files there makes them again."""
        with self._translated(path):
            versions.drop(self._root, path, self.uri)

    write_of = staticmethod(versions.write_of)

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """`flock` on the parent folders; no lock files."""
        # Always in the same order, so that two moves never wait for each other.
        folders = sorted({os.path.dirname(self._inside(path, through_last=False)) for path in paths})
        return self._locks.hold_all(folders, make=make, durable=self._durable, translated=self._translated(paths[0]))

    def _expect(self, target: str, path: str, if_etag: str | None, if_absent: bool) -> os.stat_result | None:
        """The file that is there now, if it is as the caller demands."""
        old = files.status(target)
        if if_etag is None and not if_absent:
            return old
        if not self._locks.holds(os.path.dirname(target)):
            problem = "This file system has no locks, so a conditional write cannot be safe"
            raise PreconditionFailedError(compose(problem, key=path, uri=self.uri, remedy="Write unconditionally."))
        if if_absent and old is not None:
            raise exists_already(path, self.uri)
        if if_etag is not None and (old is None or files.etag(old) != if_etag):
            raise changed(path, self.uri)
        return old

    def _publish(
        self, source: str, target: str, path: str, mark: Mark | None, old: os.stat_result | None
    ) -> FileMetadata:
        files.refuse_pipes(old, path, self.uri, target)
        status = self._times.stamp(source, self._marks.time(mark, path, self._root, old), old)  # of the same inode then
        if self._durable:
            fsync(source)
        # The mark comes first and goes first: a crash in between leaves the value readable.
        if mark is None:
            self._marks.discard(path)
        else:
            self._marks.add(mark.key, path.removeprefix(mark.key), durable=self._durable)
        folder, name = os.path.split(target)
        self._names.confirm(folder)
        files.replace(source, target)
        self._names.added(folder, name)
        if self._durable:
            fsync(folder)
        return files.metadata(path, status, mark and Mark(status.st_mtime_ns, ""))

    def _prune(self, folder: str) -> None:
        """Remove folders that became empty, so that `a.json/b`, once deleted, does not block `a`."""
        while folder.startswith(self._root + "/"):
            with self._locks.attempt(folder) as lock:
                if not lock.excludes or not self._locks.remove(folder):
                    return
            folder = os.path.dirname(folder)

    def _inside(self, path: str, *, through_last: bool = True) -> str:
        return inside(self._root, path, self.uri, through_last=through_last)

    def _translated(self, path: str) -> Translated:
        return Translated(path, self.uri)
