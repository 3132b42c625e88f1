"""Locks on folders: `flock` on a folder's own descriptor, re-entrant per thread, no lock files.

They exclude writers of all threads and processes on one machine. Where the file system has
none, the work goes on unlocked and `holds` says so: whoever must be sure refuses then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator

__all__ = ["FolderLocks"]

# What flock answers where it is not supported; see flock(2).
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

# Descriptors of this process that hold a lock: a forked child inherits them all, and would
# keep the locks after the parent died.
_open: set[int] = set()


def _drop_inherited() -> None:
    for descriptor in _open:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _open.clear()


os.register_at_fork(after_in_child=_drop_inherited)


class _Held(threading.local):
    """The folders that this thread has locked, and those where locking does not work."""

    def __init__(self) -> None:
        self.folders: dict[str, bool] = {}


class FolderLocks:
    """Locks on folders, as context managers."""

    def __init__(self) -> None:
        self._held = _Held()

    def holds(self, folder: str) -> bool:
        """Whether this thread holds a lock on the folder that really excludes others."""
        return self._held.folders.get(folder, False)

    @contextlib.contextmanager
    def hold(self, folder: str, *, make: bool = False, durable: bool = False) -> Iterator[None]:
        """Wait for the folder's lock; with `make` the folder is made, else a missing one needs no lock."""
        if folder in self._held.folders:
            yield
            return
        descriptor = _acquire(folder, make=make, durable=durable)
        try:
            self._held.folders[folder] = descriptor is not None
            yield
        finally:
            del self._held.folders[folder]
            _release(descriptor)

    @contextlib.contextmanager
    def attempt(self, folder: str) -> Iterator[bool]:
        """The lock without waiting: True while it is held here, False where someone else holds it."""
        if folder in self._held.folders:
            yield True
            return
        descriptor = None
        with contextlib.suppress(OSError):
            descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _same(descriptor, folder):  # removed, and made anew by somebody who is in it
                _release(descriptor)
                descriptor = None
        try:
            yield descriptor is not None
        finally:
            _release(descriptor)


def _acquire(folder: str, *, make: bool, durable: bool) -> int | None:
    while True:
        try:
            descriptor = _lock(folder, fcntl.LOCK_EX)
        except FileNotFoundError:
            if not make:
                return None
            _make(folder, durable=durable)
            continue
        except NotADirectoryError:
            if not make:
                return None
            raise
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return None
        if _same(descriptor, folder):
            return descriptor
        _release(descriptor)  # removed while we waited: lock the folder that is there now


def _make(folder: str, *, durable: bool) -> None:
    missing = []
    while folder and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for name in reversed(missing):
        with contextlib.suppress(FileNotFoundError):  # pruned meanwhile: the caller tries again
            with contextlib.suppress(FileExistsError):
                os.mkdir(name)
            if durable:
                _fsync_folder(os.path.dirname(name))


def _fsync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(folder: str, operation: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    _open.add(descriptor)
    return descriptor


def _same(descriptor: int, folder: str) -> bool:
    try:
        there = os.stat(folder)
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)


def _release(descriptor: int | None) -> None:
    if descriptor is None:
        return
    _open.discard(descriptor)
    with contextlib.suppress(OSError):
        # Closing alone would leave the lock with a child that was forked meanwhile.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
