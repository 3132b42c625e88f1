"""Temporary folders that never outlive their use: private, locked while in use, swept after a crash.

A folder goes once its store is closed *and* nobody works in it: a call that runs beside `close()` ends in peace.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import itertools
import os
import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Self

from autostore.disk.sweeping import locked, new_name, sweep

__all__ = ["Scratch", "ScratchFile", "ScratchFiles"]

ATTEMPTS = 5
"""How often a folder that somebody removes is made anew."""

_numbers = itertools.count()
"""Names of new files: a scratch folder is private to one process, so a number is as good as a uuid, at no cost."""


class Scratch:
    """One private folder, made at the first use in each process and removed by `close()`.

    The folder is made below `parent` (None: the system's temporary folder). The process
    holds `flock` on it; a folder that is a day old and unlocked is swept by the next user.
    """

    def __init__(self, parent: str | Path | None) -> None:
        self._parent = parent
        self._rooms: dict[int, _Room] = {}

    def folder(self) -> Path:
        """The folder of this process; made again after `close()`, after a fork, or if it was removed."""
        return self._current().folder

    def files(self) -> ScratchFiles:
        """Names for the files of one call."""
        while True:
            room = self._current()
            files = ScratchFiles(room)
            # Who closes lets go of the room first, and then asks for its users.
            if self._rooms.get(os.getpid()) is room:
                return files

    def file(self, suffix: str = "") -> ScratchFile:
        """A fresh name, removed at the end if it is still there."""
        return ScratchFile(self.files(), suffix)

    def holds(self, file: Path) -> bool:
        """Whether a file lies directly in the folder of this process."""
        room = self._rooms.get(os.getpid())
        # As text: the parent of a path costs as much as a system call.
        return room is not None and os.path.dirname(file) == room.name

    def close(self) -> None:
        """Remove the folder and everything in it once nobody works there; another process's is left alone."""
        room = self._rooms.pop(os.getpid(), None)
        if room is not None:
            room.closed = True
            if not room.is_used():
                _remove(room.name)
        _remove_dropped()

    def _current(self) -> _Room:
        process = os.getpid()
        room = self._rooms.get(process)
        if room is not None and os.path.isdir(room.name):
            return room
        # No lock: a signal handler may come here while this very thread is here.
        if room is not None:
            self._rooms.pop(process, None)
        return self._rooms.setdefault(process, _Room(self._parent))


def _system() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        reason = "No folder for temporary files can be written to: pass temp_dir, or set TMPDIR"
        raise PermissionError(errno.EACCES, reason) from error


class _Room:
    """A folder on disk, there for as long as somebody refers to it."""

    name = ""
    closed = False

    def __init__(self, parent: str | Path | None) -> None:
        parent = Path(parent if parent is not None else _system())
        sweep(parent)
        self.folder = parent / new_name()
        self.name = str(self.folder)
        self.users: dict[int, weakref.ref[ScratchFiles]] = {}
        # Known before it is there, so that no interrupt can leave it behind.
        _rooms[self.name] = weakref.ref(self)
        _at_exit_of_children()
        self._make(parent)

    def _make(self, parent: Path) -> None:
        for attempt in range(ATTEMPTS):
            try:
                parent.mkdir(parents=True, exist_ok=True)
                self.folder.mkdir(mode=0o700, exist_ok=True)
                self._lock = locked(self.folder)
            except FileNotFoundError:  # somebody removes what is made here
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def __del__(self) -> None:
        _remove(self.name)

    def is_used(self) -> bool:
        """Whether some call has files here."""
        return any(user() is not None for user in list(self.users.values()))

    def leave(self, files: ScratchFiles) -> None:
        """A call ends: the last one after `close()`, or after our hook at the end of the process, removes the folder.

        Not only `__del__` does: a traceback, or a daemon thread, which is never ended, may refer to this for long.
        """
        self.users.pop(id(files), None)
        if self.is_used():
            return
        if self.closed:
            _remove(self.name)
        elif _Exit.begun and self.name in _rooms:
            with contextlib.suppress(OSError):  # files that were lent live on
                os.rmdir(self.name)
                _rooms.pop(self.name, None)

    def let_go(self) -> None:
        """Close the lock that a fork inherited."""
        lock = getattr(self, "_lock", None)
        if lock is not None:
            lock.close()


class ScratchFiles:
    """A scratch folder during one call: the files that it named are removed at its end, if they are still there."""

    def __init__(self, room: _Room) -> None:
        self._names: list[str] = []
        self._room = room
        room.users[id(self)] = weakref.ref(self)

    def __truediv__(self, name: str) -> Path:
        """The file of this name, as with the folder's path; from now on it is one to be removed."""
        file = f"{self._room.name}/{name}"
        self._names.append(file)
        return Path(file)

    def remove(self) -> None:
        """Remove what is left; what an interrupt leaves of it is done when nobody refers to this."""
        while self._names:
            name = self._names[-1]
            # Half the price of an unlink that fails, as it would after a rename.
            if os.access(name, os.F_OK, follow_symlinks=False):
                with contextlib.suppress(OSError):
                    os.unlink(name)
            with contextlib.suppress(IndexError):
                self._names.pop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()
        self._room.leave(self)

    def __del__(self) -> None:
        room = getattr(self, "_room", None)  # None where an interrupt came first
        if room is not None:
            self.remove()
            room.users.pop(id(self), None)


class ScratchFile:
    """One temporary file, as a context manager."""

    def __init__(self, files: ScratchFiles, suffix: str) -> None:
        self._files = files
        self._suffix = suffix

    def __enter__(self) -> Path:
        return self._files / f"{next(_numbers)}.tmp{self._suffix}"

    def __exit__(self, *exc_info: object) -> None:
        self._files.__exit__()


# Every folder that this process made and has not removed yet, by name.
_rooms: dict[str, weakref.ref[_Room]] = {}


def _remove(name: str) -> None:
    if name in _rooms:
        with contextlib.suppress(OSError):
            # `shutil.rmtree` keeps descriptors that an interrupt would lose; there are hardly ever folders here.
            for entry in os.scandir(name):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
            os.rmdir(name)
        _rooms.pop(name, None)


def _remove_dropped() -> None:
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
        _remove(name)


class _Children:
    """Whether children of multiprocessing, which end without `atexit`, are told to clean up: once a process."""

    told = 0


def _at_exit_of_children() -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _Children.told != os.getpid():
        _Children.told = os.getpid()
        util.Finalize(None, _remove_all, exitpriority=0)


def _forget_inherited() -> None:
    for name in list(_rooms):
        inherited = _rooms.get(name)
        room = inherited() if inherited is not None else None
        if room is not None:
            room.let_go()
    _rooms.clear()  # the parent's to remove


atexit.register(_remove_all)
os.register_at_fork(after_in_child=_forget_inherited)
