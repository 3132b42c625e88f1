"""The cache's folder: private, bounded, swept, and safe to share between processes that know nothing of each other.

Whatever happens to it, a copy is lost at worst; `cache_entry.py` decides what may be believed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autostore import cache_entry
from autostore.backend import FileMetadata
from autostore.cache_entry import ENTRY, Entry
from autostore.config import StorageConfig
from autostore.errors import StoragePermissionError, from_os_error
from autostore.optional import require

__all__ = ["CacheRoom"]

SWEEP_AFTER = 24 * 3600.0
"""Seconds after which an unpublished file is what a killed process left."""

FOLDER_ATTEMPTS = 20


class CacheRoom:
    """One cache folder under one configuration."""

    def __init__(self, config: StorageConfig) -> None:
        self._parent = config.cache_dir
        self._limit = config.cache_max_bytes
        self._expiry = config.cache_expiry_hours * 3600
        self._unseen: int | None = None
        self._guards: dict[int, threading.Lock] = {}

    def folder(self, identity: str) -> Path:
        """The folder of one file's copy, in a private root; it need not exist."""
        return self._root() / identity

    @contextlib.contextmanager
    def new_file(self, folder: Path) -> Iterator[Path | None]:
        """An empty file in `folder` to download into, removed unless it was moved; None where the disk refuses.

        While it is there nobody can remove the folder.
        """
        file = _created(folder)
        try:
            yield file
        finally:
            if file is not None:
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    folder.rmdir()  # where nothing was published

    def held(self, folder: Path) -> tuple[Entry, int] | None:
        """An undamaged, unexpired copy, to be confirmed by its backend: its entry and a descriptor to close."""
        with contextlib.suppress(OSError):
            if self._is_expired(os.stat(folder / ENTRY).st_mtime):
                return None
        # Another process may publish a newer one between the two steps.
        for _ in range(2):
            entry = cache_entry.load(folder)
            if entry is None:
                return None
            descriptor = cache_entry.opened(folder, entry)
            if descriptor is not None:
                return entry, descriptor
        return None

    def used(self, folder: Path) -> None:
        """Note that the copy was of use now."""
        with contextlib.suppress(OSError):
            os.utime(folder / ENTRY)

    def keep(self, folder: Path, file: Path, metadata: FileMetadata) -> Path:
        """Publish a downloaded file and make room; it stays where it is if that cannot be."""
        if self._limit is not None and metadata.size > self._limit:
            return file
        try:
            payload = cache_entry.publish(folder, file, metadata)
        except OSError:
            return file
        self._added(metadata.size)
        return payload

    def clean(self) -> tuple[int, int]:
        """Remove expired copies, the least recently used above the limit, and leftovers: (copies, bytes) removed."""
        try:
            copies = sorted(_scan(self._root()), key=lambda copy: copy.used)
        except OSError:
            return 0, 0
        removed = [copy for copy in copies if self._is_expired(copy.used)]
        kept = copies[len(removed) :]
        total = sum(copy.size for copy in kept)
        limit = total if self._limit is None else self._limit
        # A little more than needed, so that not every write has to look through the folder.
        goal = limit if total <= limit else limit - limit // 16
        for copy in kept:
            if total <= goal or (total <= limit and copy is kept[-1]):
                break
            removed.append(copy)
            total -= copy.size
        gone = [copy for copy in removed if copy.remove()]
        return len(gone), sum(copy.size for copy in gone)

    def _added(self, size: int) -> None:
        if self._limit is None:
            return
        with self._guards.setdefault(os.getpid(), threading.Lock()):
            if self._unseen is not None and self._unseen + size <= self._limit // 64:
                self._unseen += size
                return
            self._unseen = 0
            self.clean()

    def _is_expired(self, used: float) -> bool:
        return self._expiry > 0 and time.time() - used > self._expiry

    def _root(self) -> Path:
        parent = self._parent or require("platformdirs").user_cache_dir("autostore")
        root = Path(parent).expanduser() / "v1"
        try:
            status = _made(root)
        except OSError as error:
            raise from_os_error(error, f"The cache folder {str(root)!r} (pass another cache_dir)") from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise StoragePermissionError(
                f"The cache folder {str(root)!r} belongs to somebody else, who could put wrong bytes there. "
                "Pass another cache_dir."
            )
        if status.st_mode & 0o077:
            os.chmod(root, 0o700)
        return root


def _made(root: Path) -> os.stat_result:
    try:
        return os.lstat(root)
    except FileNotFoundError:
        root.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            root.mkdir(mode=0o700)
        return os.lstat(root)


@dataclass(frozen=True)
class _Copy:
    """A folder as one look found it."""

    folder: str
    used: float
    size: int
    files: tuple[str, ...]

    def remove(self) -> bool:
        """Remove it unless it was used since; readers hold descriptors."""
        entry = f"{self.folder}/{ENTRY}"
        try:
            if os.stat(entry).st_mtime != self.used:
                return False
            os.unlink(entry)
        except OSError:
            return False
        for file in self.files:
            with contextlib.suppress(OSError):
                os.unlink(file)
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
        return True


def _scan(root: Path) -> Iterator[_Copy]:
    with os.scandir(root) as folders:
        for folder in folders:
            with contextlib.suppress(OSError):
                copy = _looked_at(folder.path)
                if copy is not None:
                    yield copy


def _looked_at(folder: str) -> _Copy | None:
    """The copy in a folder; leftovers of killed processes are removed on the way."""
    used, size, files, leftovers = None, 0, [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            size += status.st_size
            if entry.name == ENTRY:
                used = status.st_mtime
                continue
            files.append(entry.path)
            if time.time() - status.st_mtime > SWEEP_AFTER:
                leftovers.append(entry.path)
    if used is not None:
        kept = tuple(file for file in files if not file.endswith(".new"))
        _unlink(file for file in leftovers if file.endswith(".new"))
        return _Copy(folder, used, size, kept)
    _unlink(leftovers)
    os.rmdir(folder)  # fails where something is left
    return None


def _unlink(files: Iterator[str] | list[str]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            os.unlink(file)


def _created(folder: Path) -> Path | None:
    for _ in range(FOLDER_ATTEMPTS):
        file = folder / f"{uuid.uuid4().hex}.new"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileNotFoundError:
            continue  # somebody removed the empty folder in between
        except OSError:
            return None
        return file
    return None
