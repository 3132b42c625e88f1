"""Modification times that only grow, path by path, whatever the clock and the file system make of them.

The ETag of a file is `inode-mtime-size`. Its inode number comes back once it is gone, so what tells two versions
of one path apart is the time, and no clock is good enough for that: it stands still within a tick, is set back,
and some file systems keep whole seconds only (ext4 with small inodes) or even ones (FAT). So a file is published
with a time later than the one that it replaces, and later than any that was ever removed from the store:
`<root>/.autostore/clock` is an empty file whose own time says from when on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time

from autostore.backends.local import files
from autostore.backends.local.own import OwnFolder
from autostore.disk.locks import FolderLocks
from autostore.holding.descriptors import opened

__all__ = ["Times"]

TICKS = (1, 100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000)
"""Nanoseconds to which file systems round; NTFS keeps 100, exFAT 10 ms, FAT 2 s."""

ATTEMPTS = 5
"""How often a clock that somebody removes is made anew."""

FAR = 24 * 3600 * 1_000_000_000
"""Nanoseconds ahead of the clock from which on it is first tried whether the file system knows a time."""


class Times:
    """The times of one store's files; writers hold the lock of the file's folder."""

    def __init__(self, own: OwnFolder, locks: FolderLocks) -> None:
        self._own, self._folder, self._clock = own, own.at(""), own.at("clock")
        self._locks = locks

    def stamp(self, file: str, wanted: int | None, old: os.stat_result | None) -> os.stat_result:
        """Give a file that is about to be published at a path its time; `old` is there now, `wanted` the least (ns)."""
        least = time.time_ns() if wanted is None else wanted
        removed = files.status(self._clock, through=False)
        if removed is not None:
            least = max(least, removed.st_mtime_ns)
        status = _set(file, least if old is None else max(least, old.st_mtime_ns + 1))
        if old is not None and status.st_mtime_ns <= old.st_mtime_ns:
            # Someone gave it the last time that this file system knows, and no later one exists.
            status = _set(file, least)
        return status

    def removes(self, old: os.stat_result | None) -> None:
        """Called before a file is removed: what is written later, here or elsewhere, gets a later time."""
        if old is None or _passed(self._clock, old.st_mtime_ns):
            return
        self._own.check()
        for _ in range(ATTEMPTS):
            # Whoever removes the folder at this moment has removed the clock too: it is made anew.
            with contextlib.suppress(FileNotFoundError), self._locks.hold(self._folder, make=True):
                if not _passed(self._clock, old.st_mtime_ns):
                    self._advance(old.st_mtime_ns + 1)
                return
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._clock)

    def _advance(self, least: int) -> None:
        if least < time.time_ns() + FAR:
            try:
                _set(self._clock, least)
            except (FileNotFoundError, PermissionError):  # the first removal; made by another user
                pass
            else:
                return
        new = f"{self._clock}.new"  # the folder's lock is held, so nobody else writes this name
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        opened(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL).close()
        if _set(new, least).st_mtime_ns >= least:
            os.replace(new, self._clock)
        else:
            os.unlink(new)  # a file with the file system's last time was removed: it would leave none for others


def _passed(clock: str, moment: int) -> bool:
    status = files.status(clock, through=False)
    return status is not None and status.st_mtime_ns > moment


def _set(file: str, least: int) -> os.stat_result:
    """Set a file's time to `least`, or to the next that the file system can keep; what it then kept."""
    for tick in TICKS:
        moment = -(-least // tick) * tick
        try:
            os.utime(file, ns=(moment, moment), follow_symlinks=False)
        except OverflowError:
            break
        status = os.lstat(file)
        if status.st_mtime_ns >= least:
            return status
    return os.lstat(file)
