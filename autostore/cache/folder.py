"""The cache's folder: private, bounded, swept, and safe to share between processes that know nothing of each other.

Whatever happens to it, a copy is lost at worst; `entry.py` decides what may be believed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from pathlib import Path

from autostore.backend import FileMetadata
from autostore.cache.entry import ENTRY, Entry, load, open_payload, publish
from autostore.cache.scanning import CachedCopy, is_of_cache, scan
from autostore.config import StorageConfig
from autostore.disk.failures import disk_errors_are_typed
from autostore.disk.flock import FolderLock
from autostore.disk.locks import FolderLocks
from autostore.errors import InvalidConfigError, StoragePermissionError
from autostore.holding.descriptors import Descriptor, opened
from autostore.holding.positions import read_at
from autostore.optional import require

__all__ = ["CacheFolder"]

ENTRY_SIZE = 1024
"""Bytes that the description of a copy takes, or a little less."""

TOTAL = "total"
"""The file in the root that says how many bytes all copies take; missing or damaged, they are counted again."""

TAG = "CACHEDIR.TAG"
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55\n# A cache of autostore: it may be removed at any time.\n"
"""Backup programs leave such folders out: https://bford.info/cachedir/."""


class CacheFolder:
    """One cache folder under one configuration."""

    def __init__(self, config: StorageConfig) -> None:
        self._parent = config.cache_dir
        self._limit = config.cache_max_bytes
        self._expiry = config.cache_expiry_hours * 3600
        self._locks = FolderLocks(config.timeout)
        self._seen: tuple[int, int] | None = None

    def folder(self, identity: str) -> Path:
        """The folder of one file's copy, in a private root; it need not exist."""
        return self._root() / identity

    def held(self, folder: Path) -> tuple[Entry, Descriptor] | None:
        """An undamaged, unexpired copy, to be confirmed by its backend: its entry and payload, to be closed."""
        with contextlib.suppress(OSError):
            if folder.is_symlink() or self._is_expired(os.stat(folder / ENTRY).st_mtime):
                return None
        # Another process may publish a newer one between the two steps.
        for _ in range(2):
            entry = load(folder)
            if entry is None:
                return None
            descriptor = open_payload(folder, entry)
            if descriptor is not None:
                return entry, descriptor
        return None

    def first_download(self, folder: Path) -> FolderLock:
        """Entered: not `busy` for whoever may download; `busy` for those for whom somebody else does.

        It saves double downloads where locks work, and does nothing where they do not.
        """
        return self._locks.attempt(str(folder))

    def wait_for_download(self, folder: Path) -> None:
        """Wait until whoever downloads is done, but not for longer than the timeout."""
        with contextlib.suppress(OSError), self._locks.hold(str(folder)):
            pass

    def used(self, folder: Path) -> None:
        """Note that the copy was of use now."""
        with contextlib.suppress(OSError):
            os.utime(folder / ENTRY)

    def keep(self, folder: Path, file: Path, metadata: FileMetadata) -> Path:
        """Make room and publish a downloaded file; it stays where it is if that cannot be."""
        try:
            if self._limit is not None:
                if metadata.size > self._limit:
                    return file
                self._make_room(metadata.size + ENTRY_SIZE, self._limit)
            return publish(folder, file, metadata)
        except OSError:
            return file

    def clean(self) -> tuple[int, int]:
        """Remove expired copies, the least recently used above the limit, and leftovers: (copies, bytes) removed."""
        try:
            root = self._root()
            with self._locks.hold(str(root)):
                gone, total = self._cleaned(root)
                _write_total(root, total)
        except (OSError, InvalidConfigError):  # there is no cache to be looked through
            return 0, 0
        return len(gone), sum(copy.size for copy in gone)

    def _make_room(self, size: int, limit: int) -> None:
        # All processes add to one total, before they publish: together they stay below the limit. It only
        # ever says too much, of copies that were replaced or removed; the next look through the folder mends that.
        root = self._root()
        with self._locks.hold(str(root)):
            total = _read_total(root)
            if total is None or total + size > limit:
                _, total = self._cleaned(root)  # the new file is among those it saw
            else:
                total += size
            _write_total(root, total)

    def _cleaned(self, root: Path) -> tuple[list[CachedCopy], int]:
        """The copies that were removed, and the bytes that are left."""
        found = list(scan(root))
        copies = sorted((copy for copy in found if copy.used is not None), key=lambda copy: copy.used or 0)
        # What is being downloaded counts as if it were here; unless it is too large ever to be kept.
        most = sys.maxsize if self._limit is None else self._limit
        total = sum(copy.size for copy in copies) + sum(copy.pending for copy in found if copy.pending <= most)
        goal, gone = None, []
        for copy in copies:
            if not self._is_expired(copy.used or 0):
                # A little more than needed, so that not every write has to look through the folder.
                goal = goal or (total if total <= most else most - most // 16)
                if total <= goal or (total <= most and copy is copies[-1]):
                    break
            if copy.remove():
                gone.append(copy)
                total -= copy.size
        return gone, total

    def _is_expired(self, used: float) -> bool:
        return self._expiry > 0 and time.time() - used > self._expiry

    def _root(self) -> Path:
        try:
            parent = self._parent or require("platformdirs").user_cache_dir("autostore")
            root = Path(parent).expanduser() / "v1"
        except RuntimeError as error:  # neither HOME nor the system's list of users says
            raise InvalidConfigError("This user has no home folder to keep a cache in. Pass cache_dir.") from error
        with disk_errors_are_typed(f"The cache folder {str(root)!r} (pass another cache_dir)"):
            status = _made(root)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise StoragePermissionError(
                f"The cache folder {str(root)!r} belongs to somebody else, who could put wrong bytes there. "
                "Pass another cache_dir."
            )
        if self._seen != (status.st_dev, status.st_ino):
            with disk_errors_are_typed(f"The cache folder {str(root)!r} (pass another cache_dir)"):
                _tag(root)
            self._seen = status.st_dev, status.st_ino
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


def _tag(root: Path) -> None:
    """Say that this is a cache; a folder in which somebody has files of their own is none, and is left as it is."""
    if os.path.isfile(root / TAG):
        return
    foreign = next((name for name in sorted(os.listdir(root)) if not is_of_cache(name)), None)
    if foreign is not None:
        raise InvalidConfigError(
            f"The folder {str(root)!r} holds {foreign!r}, which is of no cache, and a cache removes what is old. "
            "Pass another cache_dir."
        )
    with contextlib.suppress(OSError), opened(root / TAG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600) as file:
        os.write(file.fileno(), SIGNATURE)


def _read_total(root: Path) -> int | None:
    try:
        with opened(root / TOTAL, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW) as file:
            total = int(read_at(file.fileno(), 32, 0))
            return total if total >= 0 else None
    except (OSError, ValueError):
        return None


def _write_total(root: Path, total: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW
    with opened(root / TOTAL, flags, 0o600) as file:
        os.write(file.fileno(), b"%d" % total)
