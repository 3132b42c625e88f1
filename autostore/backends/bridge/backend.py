"""A store on any file system of fsspec: `fsspec+PROTOCOL://...`, or one that was made already.

fsspec has no conditions, and each file system replaces files in its own way: what a place cannot promise is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already, not_found
from autostore.backends.bridge.listing import below, in_folder, stays
from autostore.backends.bridge.marks import mark_path, read_mark, written_mark
from autostore.backends.bridge.opening import FileSystem, is_of_this_machine
from autostore.backends.bridge.promises import REPLACES, check_writing, etag_of, is_exact, modified_of, unsettled
from autostore.backends.bridge.translated import is_absence, translated
from autostore.backends.left_out import LeftOut
from autostore.backends.local.root import inside
from autostore.config import FsspecConfig, StorageConfig
from autostore.errors import (
    InvalidConfigError,
    StorageConnectionError,
    StorageFileNotFoundError,
    StoragePermissionError,
    compose,
)
from autostore.keys import RESERVED, ParsedUri, is_ours
from autostore.mark import Mark
from autostore.media import content_type
from autostore.optional import require_installed

__all__ = ["FsspecBackend"]

ATTEMPTS = 4
"""How often a download begins again because the file was replaced."""


class FsspecBackend(StorageBackend):
    """Files below one folder of a file system of fsspec."""

    config_class = FsspecConfig

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        super().__init__(uri, config)
        require_installed("fsspec")
        self._protocol = uri.scheme.removeprefix("fsspec+")
        self._settings = FsspecConfig.adapt(config)
        self._place = FileSystem(self._protocol, uri.rest, self._settings, self.uri)
        self._replaces = self._settings.replaces or REPLACES.get(self._protocol)
        self.engine = "fsspec"
        # What is in memory is this process's own; of any other place only who has it to himself can know.
        self.locks_exclude = self._settings.single_writer or self._protocol == "memory"
        if config.cache_enabled and not is_exact(self._protocol):
            problem = "This file system does not tell one write from the next, so that copies cannot be trusted"
            raise InvalidConfigError(compose(problem, uri=self.uri, remedy="Pass cache_enabled=False."))

    def get_metadata(self, path: str) -> FileMetadata:
        """Two requests: the file, and its mark."""
        with self._asked(path):
            return self._described(path, self._info(path), marked=True)

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """What the file system says before and after is of the same version, or it begins again."""
        with self._asked(path):
            for _ in range(ATTEMPTS):
                before = self._described(path, self._info(path))
                if before.etag == unless_etag:
                    return None
                self._place.opened()[0].get_file(self._full(path), str(file))
                if before == self._described(path, self._info(path)) and file.stat().st_size == before.size:
                    return self._described(path, self._info(path), marked=True)
        arrived = file.stat().st_size
        file.unlink(missing_ok=True)
        problem, remedy = unsettled(before, self._described(path, self._info(path)), arrived)
        raise StorageConnectionError(compose(problem, key=path, uri=self.uri, remedy=remedy))

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """The file in one step, then its mark."""
        self._check_writing(path, conditional=if_absent or if_etag is not None)
        with self._asked(path):
            if if_absent and self._exists(path):
                raise exists_already(path, self.uri)
            if if_etag is not None and (not self._exists(path) or self.get_metadata(path).etag != if_etag):
                raise changed(path, self.uri)
            self._replace(file.read_bytes() if self._protocol == "memory" else file, path)
            found = self._described(path, self._info(path))
            if mark is not None:
                self._replace(written_mark(mark, found.etag), mark_path(path))
            elif self._exists(mark_path(path)):
                self._remove(mark_path(path))
        return FileMetadata(**{**found.__dict__, "mark": mark})

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """The file, then its mark."""
        self._check_writing(path, conditional=if_etag is not None)
        with self._asked(path):
            if if_etag is not None and (not self._exists(path) or self.get_metadata(path).etag != if_etag):
                raise changed(path, self.uri)
            for gone in (path, mark_path(path)):
                if (found := self._look(gone)) is not None:
                    self._place.removes(self._full(gone), found)
                    self._remove(gone)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Refused before anything is copied where the source's removal would be."""
        self._check_writing(source, conditional=True)
        return super().move(source, target, mark=mark, if_etag=if_etag)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """The whole folder in which the prefix ends, in memory."""
        left_out = LeftOut(self.uri)
        listed = self._listed(prefix, left_out)
        left_out.say()
        return (found for found in listed if not is_ours(found.path))

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """As `list_files`."""
        return iter(self._listed(prefix, None))

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """One listing of the stem's folder."""
        wanted = {stem + extension for extension in extensions}
        folder = stem.rpartition("/")[0]
        with self._asked(stem):
            named = self._named(in_folder(*self._folder(folder)))
            return [self._described(path, info) for path, info in named if path in wanted]

    def begins_here(self) -> bool:
        """One look."""
        with self._asked(""):
            return self._exists(RESERVED)

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """One lock for the whole store, of this process."""
        return self._place.turn()

    def cache_id(self, path: str) -> str:
        """The protocol, what the file system was made with (hashed, by itself), and the full path."""
        return f"{self._protocol}\n{self._place.identity()}\n{self._full(path)}"

    def close(self) -> None:
        """Temporary files; fsspec itself keeps file systems for whoever else uses them."""
        self._place.close()
        super().close()

    @contextlib.contextmanager
    def _asked(self, path: str) -> Iterator[None]:
        """One call at a time for each file system: not every client stands two (paramiko's waits for ever)."""
        with self._place.turn(), self._place.kept_whole(), translated(self.uri, path):
            yield

    def _full(self, path: str, *, through_last: bool = True) -> str:
        fs, root = self._place.opened()
        if is_of_this_machine(fs):
            return inside(root, path, self.uri, through_last=through_last)
        return (f"{root}/" if root or self._protocol == "memory" else "") + self._place.spelt(path)

    def _info(self, path: str) -> Any:
        info = self._look(path)
        if info is None or info.get("type") != "file":
            raise not_found(path, self.uri)
        return info

    def _look(self, path: str) -> Any | None:
        """What is there; None where nothing is. Fsspec's `exists` takes every failure for an absence."""
        fs, _ = self._place.opened()
        fs.invalidate_cache()
        try:
            return fs.info(self._full(path))
        except (FileNotFoundError, NotADirectoryError) as error:
            if not is_absence(error):
                raise
            return None

    def _exists(self, path: str) -> bool:
        return self._look(path) is not None

    def _described(self, path: str, info: Any, *, marked: bool = False) -> FileMetadata:
        if info.get("size") is None:  # a listing of HTTP has names, and nothing else
            info = self._look(path) or info
        etag = etag_of(info)
        return FileMetadata(
            path=path,
            size=int(info.get("size") or 0),
            etag=etag,
            modified_time=modified_of(info),
            content_type=content_type(path),
            mark=self._mark(path, etag) if marked else None,
        )

    def _mark(self, path: str, etag: str) -> Mark | None:
        try:
            with translated(self.uri, path):
                return read_mark(self._place.opened()[0].cat_file(self._full(mark_path(path))), etag)
        except (StorageFileNotFoundError, StoragePermissionError):
            return None

    def _replace(self, body: bytes | Path, path: str) -> None:
        """In one step: by a request, or by a rename of what was written beside the data."""
        fs, full = self._place.opened()[0], self._full(path, through_last=False)
        if self._replaces == "put":
            fs.pipe_file(full, body) if isinstance(body, bytes) else fs.put_file(str(body), full)
            return
        old = self._look(path)
        if old is not None and old.get("type") == "directory":  # into which some would move it
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), full)
        fs.makedirs(full.rpartition("/")[0], exist_ok=True)
        fs.makedirs(self._full(f"{RESERVED}/writing"), exist_ok=True)
        beside = self._full(f"{RESERVED}/writing/{os.urandom(16).hex()}")
        try:
            fs.pipe_file(beside, body) if isinstance(body, bytes) else fs.put_file(str(body), beside)
            self._place.move_on(beside, full, old)
            fs.mv(beside, full)
        except BaseException:
            with contextlib.suppress(Exception):  # what went wrong is told
                fs.rm_file(beside)
            raise

    def _remove(self, path: str) -> None:
        self._place.opened()[0].rm_file(self._full(path))

    def _listed(self, prefix: str, left_out: LeftOut | None) -> list[FileMetadata]:
        folder = prefix.rpartition("/")[0]
        with self._asked(prefix):
            fs, where = self._folder(folder)
            named = self._named(below(fs, where, left_out))
            found = [self._described(path, info) for path, info in named if stays(path, info, self._full, left_out)]
        return sorted((one for one in found if one.path.startswith(prefix)), key=lambda one: one.path.encode())

    def _folder(self, folder: str) -> tuple[Any, str]:
        fs, root = self._place.opened()
        fs.invalidate_cache()
        return fs, self._full(folder).rstrip("/") if folder else root

    def _named(self, found: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        root = self._place.opened()[1]
        start = len(f"{root}/") if root or self._protocol == "memory" else 0
        return ((self._place.named(name[start:]), info) for name, info in found)

    def _check_writing(self, path: str, *, conditional: bool) -> None:
        alone = self.locks_exclude or not conditional
        check_writing(self._protocol, self._replaces, alone=alone, path=path, uri=self.uri)
