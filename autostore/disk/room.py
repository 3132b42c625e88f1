"""A temporary folder of one process: locked while it is there, and gone at the latest with the process."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import shutil
import sys
import tempfile
import weakref
from pathlib import Path

from autostore.disk.sweeping import locked, new_name, sweep
from autostore.holding.descriptors import Lasting

__all__ = ["Room", "remove_dropped"]

ATTEMPTS = 5
"""How often a folder that somebody removes is made anew."""


def _system() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        reason = "No folder for temporary files can be written to: pass temp_dir, or set TMPDIR"
        raise PermissionError(errno.EACCES, reason) from error


class Room:
    """A folder on disk, there for as long as somebody refers to it."""

    name = ""
    _closed = False

    def __init__(self, parent: str | Path | None) -> None:
        parent = Path(parent if parent is not None else _system())
        sweep(parent)
        self.folder = parent / new_name()
        self.name = str(self.folder)
        self.users: dict[int, weakref.ref[object]] = {}
        # Known before it is there, so that no interrupt can leave it behind.
        _rooms[self.name] = weakref.ref(self)
        _at_exit_of_children()
        self._make(parent)

    def _make(self, parent: Path) -> None:
        for attempt in range(ATTEMPTS):
            try:
                parent.mkdir(parents=True, exist_ok=True)
                self.folder.mkdir(mode=0o700, exist_ok=True)
                lock = locked(self.folder)
                self._lock = None if lock is None else Lasting(lock)
            except FileNotFoundError:  # somebody removes what is made here
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def __del__(self) -> None:
        if _rooms:  # else our hook has removed it: at the interpreter's end nothing is left in this module
            _remove(self.name)

    def is_used(self) -> bool:
        """Whether some call has files here."""
        return any(user() is not None for user in list(self.users.values()))

    def close(self) -> None:
        """Remove it once nobody works there; it is not asked for again."""
        self._closed = True
        if not self.is_used():
            _remove(self.name)

    def leave(self, user: object) -> None:
        """A call ends: the last one after `close()`, or after our hook at the end of the process, removes the folder.

        Not only `__del__` does: a traceback, or a daemon thread, which is never ended, may refer to this for long.
        """
        self.users.pop(id(user), None)
        is_closed = self._closed  # asked first: who comes in before that is seen by the next question
        if self.is_used():
            return
        if is_closed:
            _remove(self.name)
        elif _Exit.begun and self.name in _rooms:
            with contextlib.suppress(OSError):  # files that were lent live on
                os.rmdir(self.name)
                _rooms.pop(self.name, None)

    def let_go(self) -> None:
        """Close the lock: that a fork inherited, or that nobody needs at the end."""
        lock = getattr(self, "_lock", None)
        if lock is not None:
            lock.close()


# Every folder that this process made and has not removed yet, by name.
_rooms: dict[str, weakref.ref[Room]] = {}


def _remove(name: str) -> None:
    if name in _rooms:
        with contextlib.suppress(OSError):
            # `shutil.rmtree` keeps descriptors that an interrupt would lose; there are hardly ever folders here.
            for entry in os.scandir(name):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with contextlib.suppress(FileNotFoundError):  # its call ends in this moment
                        os.unlink(entry.path)
            os.rmdir(name)
        _rooms.pop(name, None)


def remove_dropped() -> None:
    """Remove folders that nobody refers to and whose removal was interrupted."""
    # By names: making pairs could start the garbage collector, which drops rooms while they are listed.
    for name in list(_rooms):
        room = _rooms.get(name)
        if room is not None and room() is None:
            _remove(name)


class _Exit:
    """Whether our hook at the end of the process was called: others, registered before it, may come after."""

    begun = False


def _remove_all() -> None:
    _Exit.begun = True
    for name in list(_rooms):
        inherited = _rooms.get(name)
        room = inherited() if inherited is not None else None
        _remove(name)
        if room is not None:
            room.let_go()  # before files of others that were never closed are written out


class _Children:
    """Whether children of multiprocessing, which end without `atexit`, are told to clean up: once a process."""

    told = 0


def _at_exit_of_children() -> None:
    finalize = getattr(sys.modules.get("multiprocessing.util"), "Finalize", None)  # None while it is being imported
    if finalize is not None and _Children.told != os.getpid():
        _Children.told = os.getpid()
        finalize(None, _remove_all, exitpriority=0)


def _forget_inherited() -> None:
    for name in list(_rooms):
        inherited = _rooms.get(name)
        room = inherited() if inherited is not None else None
        if room is not None:
            room.let_go()
    _rooms.clear()  # the parent's to remove


atexit.register(_remove_all)
os.register_at_fork(after_in_child=_forget_inherited)
