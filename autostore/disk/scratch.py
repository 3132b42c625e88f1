"""Temporary folders that never outlive their use: private, locked while in use, swept after a crash.

A folder goes once its store is closed *and* nobody works in it: a call that runs beside `close()` ends in peace.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Self

from autostore.disk.room import Room, remove_dropped

__all__ = ["Scratch", "ScratchFile", "ScratchFiles"]

_numbers = itertools.count()
"""Names of new files: a scratch folder is private to one process, so a number is as good as a uuid, at no cost."""


class Scratch:
    """One private folder, made at the first use in each process and removed by `close()`.

    The folder is made below `parent` (None: the system's temporary folder), unless `check` refuses. The process
    holds `flock` on it; a folder that is a day old and unlocked is swept by the next user.
    """

    def __init__(self, parent: str | Path | None, check: Callable[[], None] = lambda: None) -> None:
        self._parent, self._check = parent, check
        self._rooms: dict[int, Room] = {}

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
            room.close()
        remove_dropped()

    def _current(self) -> Room:
        process = os.getpid()
        room = self._rooms.get(process)
        if room is not None and os.path.isdir(room.name):
            return room
        # No lock: a signal handler may come here while this very thread is here.
        if room is not None:
            self._rooms.pop(process, None)
        self._check()
        return self._rooms.setdefault(process, Room(self._parent))


class ScratchFiles:
    """A scratch folder during one call: the files that it named are removed at its end, if they are still there."""

    def __init__(self, room: Room) -> None:
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
