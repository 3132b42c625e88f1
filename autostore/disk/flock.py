"""One lock on one folder: `flock` on its own descriptor, for as long as a frame's block runs.

A lock belongs to the frame whose `with` block takes it. An interrupt can end that frame before
`__exit__` is reached, and a traceback that somebody keeps then keeps the descriptor open; so
whoever waits asks whether the frame of the holder still runs, and if not takes the lock away.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import weakref
from types import FrameType
from typing import Self

from autostore.disk.sync import make_folders
from autostore.holding.descriptors import Descriptor, opened
from autostore.holding.frames import has_ended, owning_frame
from autostore.holding.patience import Patience, chance

__all__ = ["FolderLock", "holder"]

# What flock answers where it is not supported; see flock(2).
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

FIRST_PAUSE = 0.0002
LONGEST_PAUSE = 0.01
"""Seconds between two tries: nothing can wait for a `flock` and also give up in time."""

# The locks of this process, by thread and folder. Weak, so that a lock whose frame is gone is gone.
_taken: weakref.WeakValueDictionary[tuple[int, str], FolderLock] = weakref.WeakValueDictionary()


def _drop_inherited() -> None:
    # A forked child shares the locks of its parent, and would keep them after the parent died.
    for lock in _all_taken():
        lock.close()
    _taken.clear()


os.register_at_fork(after_in_child=_drop_inherited)


def _all_taken() -> list[FolderLock]:
    # By references, which are listed in one step: other threads take locks meanwhile.
    return [lock for lock in (reference() for reference in _taken.valuerefs()) if lock is not None]


def holder(folder: str) -> FolderLock | None:
    """The lock on the folder that this thread took first and has not released."""
    return _taken.get((threading.get_ident(), folder))


class FolderLock:
    """A thread's lock on one folder, as a context manager.

    Attributes:
        excludes: it is held, and keeps others out.
        busy: somebody else held it, and it was not waited for.
        taken: its block runs.
        gone: the folder was removed in the block; it is locked anew by whoever enters again.
        frame: whose `with` block it protects; None: of the one that enters it.
    """

    def __init__(self, folder: str, timeout: float, *, make: bool = False, durable: bool = False) -> None:
        self._folder = folder
        self._timeout = timeout
        self._make = make
        self._durable = durable
        self._frame: FrameType | None = None
        self._descriptor: Descriptor | None = None
        self._interrupted: FolderLock | None = None
        self.excludes = self.busy = self.taken = self.gone = False
        self.frame: FrameType | None = None

    def __enter__(self) -> Self:
        name = threading.get_ident(), self._folder
        outer = _taken.get(name)
        if outer is not None and outer.taken and outer.is_held():
            if outer.gone:
                outer.renew(make=self._make)
            self.excludes = outer.excludes
            return self
        self._frame = self.frame or owning_frame()
        # One that is being taken or released: a signal handler, or a finalizer, has come in between.
        self._interrupted = outer if outer is not None and outer.is_held() else None
        # Known before anything is open, so that whoever waits finds it however this ends.
        _taken[name] = self
        try:
            if outer is not None and not outer.is_held():
                outer.close()
            self._acquire()
            self.taken = not self.busy
            return self
        except BaseException as error:
            self.release()
            if isinstance(error, OSError) and not self._timeout:
                return self  # an attempt that failed
            raise

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def is_held(self) -> bool:
        """Whether the block that it protects still runs; where that cannot be known, it does."""
        descriptor = self._descriptor
        alive = descriptor is None or not descriptor.closed
        return alive and not has_ended(self._frame)

    def is_abandoned(self, folder: tuple[int, int]) -> bool:
        """Whether it keeps this folder (inode, device) locked though its block has ended."""
        descriptor = self._descriptor
        if descriptor is None:
            return False
        try:
            return _identity(os.fstat(descriptor.fileno())) == folder and has_ended(self._frame)
        except (OSError, ValueError):
            return False  # closed meanwhile

    def release(self) -> None:
        """Unlock and close; for the thread that took it only. Again does nothing."""
        self.excludes = self.taken = False  # first: who comes in between finds no lock that is gone in a moment
        descriptor = self._descriptor
        if descriptor is not None and not descriptor.closed:
            # Closing alone would leave the lock with a child that was forked meanwhile.
            with contextlib.suppress(OSError, ValueError):
                fcntl.flock(descriptor.fileno(), fcntl.LOCK_UN)
            descriptor.close()
        interrupted, self._interrupted = self._interrupted, None
        if interrupted is not None:
            _taken[threading.get_ident(), self._folder] = interrupted
        self._frame, self.frame = None, None

    def renew(self, *, make: bool) -> None:
        """Lock the folder that is there now, as this block removed the one that it had locked."""
        self.close()
        self._descriptor, self._make = None, make
        self._acquire()
        self.gone = not self.excludes

    def close(self) -> None:
        """Close without unlocking.

        That would unlock the parent of a forked child; and where two threads close, one number may name two files.
        """
        if self._descriptor is not None:
            self._descriptor.close()
        self.excludes = False

    def _acquire(self) -> None:
        patience = Patience(self._timeout)
        while (descriptor := self._open(patience)) is not None:
            if not self._locked(descriptor, patience):
                descriptor.close()
                self._descriptor = None
                return
            if self._is_there(descriptor):
                self.excludes = True
                return
            descriptor.close()
            self.busy = not self._timeout
            if self.busy:  # removed, and made anew by somebody who is in it
                return
            # Removed while we waited: lock the folder that is there now.

    def _open(self, patience: Patience) -> Descriptor | None:
        """The folder, made where it shall be; None where it is not there."""
        while True:
            try:
                self._descriptor = opened(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                if not self._make:
                    return None
                if patience.left() < 0:
                    raise
                make_folders(self._folder, durable=self._durable)
            except NotADirectoryError:
                if not self._make:
                    return None
                raise
            else:
                return self._descriptor

    def _locked(self, descriptor: Descriptor, patience: Patience) -> bool:
        """Wait for the lock; False where there are none, or nobody waits for it."""
        pause = FIRST_PAUSE
        while True:
            try:
                fcntl.flock(descriptor.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._take_abandoned(descriptor):
                    continue
                if self._has_by_interrupted(descriptor):
                    return True
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                return False
            else:
                return True
            self._pause(pause, patience)
            if self.busy:
                return False
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _pause(self, seconds: float, patience: Patience) -> None:
        if patience.left() > 0:
            patience.sleep(chance(0.5, 1) * seconds)
        elif self._timeout:
            reason = f"Somebody else has kept this folder locked for {self._timeout:g} seconds"
            raise TimeoutError(errno.ETIMEDOUT, reason, self._folder)
        else:
            self.busy = True

    def _take_abandoned(self, descriptor: Descriptor) -> bool:
        """Release what an interrupted call of this process has left locked."""
        folder = _identity(os.fstat(descriptor.fileno()))
        abandoned = [lock for lock in _all_taken() if lock.is_abandoned(folder)]
        for lock in abandoned:
            lock.close()
        return bool(abandoned)

    def _has_by_interrupted(self, descriptor: Descriptor) -> bool:
        """Whether the call that this one interrupts has the lock, or gets it now: it goes on only once we are done."""
        other = None if self._interrupted is None else self._interrupted._descriptor  # noqa: SLF001 - of this class
        try:
            if other is None or _identity(os.fstat(other.fileno())) != _identity(os.fstat(descriptor.fileno())):
                return False
            fcntl.flock(other.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (OSError, ValueError):
            return False
        return True

    def _is_there(self, descriptor: Descriptor) -> bool:
        try:
            there = os.stat(self._folder)
        except OSError:
            return False
        return _identity(os.fstat(descriptor.fileno())) == _identity(there)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_ino, status.st_dev
