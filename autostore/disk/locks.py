"""Locks on folders, for a store: re-entrant per thread, no lock files.

They exclude writers of all threads and processes on one machine. Where the file system has
none, the work goes on unlocked and `holds` says so: whoever must be sure refuses then.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager

from autostore.disk.flock import FolderLock, holder
from autostore.holding.frames import owning_frame

__all__ = ["FolderLockSet", "FolderLocks"]


class FolderLocks:
    """Locks on folders, for one store."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    def holds(self, folder: str) -> bool:
        """Whether this thread holds a lock on the folder that really excludes others."""
        lock = holder(folder)
        return lock is not None and lock.excludes and lock.is_held()

    def hold(self, folder: str, *, make: bool = False, durable: bool = False) -> FolderLock:
        """Wait for the folder's lock; with `make` the folder is made, else a missing one needs no lock.

        `TimeoutError` (ETIMEDOUT) where somebody else keeps it for longer than the store's timeout.
        """
        return FolderLock(folder, self._timeout, make=make, durable=durable)

    def hold_all(
        self, folders: Iterable[str], *, make: bool, durable: bool, translated: AbstractContextManager[None]
    ) -> FolderLockSet:
        """The locks of several folders; errors of taking them pass through `translated`."""
        return FolderLockSet([self.hold(folder, make=make, durable=durable) for folder in folders], translated)

    def attempt(self, folder: str) -> FolderLock:
        """The lock without waiting: `excludes` while it is held here, `busy` where someone else holds it."""
        return FolderLock(folder, 0)

    def remove(self, folder: str) -> bool:
        """Remove an empty folder, whose lock this thread has; False where it is not empty.

        A block around may have locked it, too, and go on to put files there: the folder that is made then is locked.
        """
        try:
            os.rmdir(folder)
        except OSError:
            return False
        lock = holder(folder)
        if lock is not None:
            lock.gone, lock.excludes = True, False
        return True


class FolderLockSet:
    """Several locks at once, taken in one order, so that two who want the same never wait for each other."""

    def __init__(self, locks: list[FolderLock], translated: AbstractContextManager[None]) -> None:
        self._locks = locks
        self._translated = translated

    def __enter__(self) -> None:
        frame = owning_frame()
        try:
            with self._translated:
                for lock in self._locks:
                    lock.frame = frame
                    lock.__enter__()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc_info: object) -> None:
        for lock in self._locks:
            lock.release()
