"""Temporary folders that never outlive their use: private, locked while in use, swept after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
import weakref
from pathlib import Path

__all__ = ["Scratch"]

SWEEP_AFTER = 24 * 3600.0
"""Seconds after which a folder that nobody holds a lock on is what a killed process left."""

_PREFIX = "autostore-"


class _Guard:
    """Makes one folder at a time; renewed in a forked child, where its holder may not exist."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.lock = threading.Lock()


_guard = _Guard()
os.register_at_fork(after_in_child=_guard.renew)


class Scratch:
    """One private folder, made at the first use in each process and removed by `close()`.

    The folder is made below `parent` (None: the system's temporary folder). The process
    holds `flock` on it; a folder that is a day old and unlocked is swept by the next user.
    """

    def __init__(self, parent: str | Path | None) -> None:
        self._parent = parent
        self._pid = 0
        self._folder: Path | None = None
        self._finalizer: weakref.finalize[..., Scratch] | None = None

    def folder(self) -> Path:
        """The folder of this process; made again after `close()`, after a fork, or if it was removed."""
        folder = self._folder
        if folder is not None and self._pid == os.getpid() and os.path.isdir(folder):
            return folder
        with _guard.lock:
            if self._folder is None or self._pid != os.getpid() or not self._folder.is_dir():
                self._open()
            assert self._folder is not None
            return self._folder

    def holds(self, file: Path) -> bool:
        """Whether a file lies directly in the folder of this process."""
        # As text: the parent of a path costs as much as a system call.
        return self._folder is not None and os.path.dirname(file) == str(self._folder) and self._pid == os.getpid()

    def close(self) -> None:
        """Remove the folder and everything in it; another process's folder is left alone."""
        with _guard.lock:
            if self._finalizer is not None and self._pid == os.getpid():
                self._finalizer()
            self._folder, self._finalizer = None, None

    def _open(self) -> None:
        parent = Path(self._parent) if self._parent is not None else Path(tempfile.gettempdir())
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = parent / f"{_PREFIX}{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        descriptor = _locked(folder)
        if self._finalizer is not None:
            self._finalizer.detach()  # inherited by fork: the parent's to remove
        self._finalizer = weakref.finalize(self, _remove, folder, descriptor, os.getpid())
        # Children of multiprocessing end without running weakref's finalizers.
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.Finalize(self, self._finalizer, exitpriority=0)
        self._folder, self._pid = folder, os.getpid()


def _remove(folder: Path, descriptor: int | None, pid: int) -> None:
    if pid != os.getpid():
        return
    shutil.rmtree(folder, ignore_errors=True)
    if descriptor is not None:
        os.close(descriptor)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock; None where somebody else does or locks do not work."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(parent: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.name.startswith(_PREFIX) and _abandoned(entry):
                    descriptor = _locked(Path(entry.path))
                    if descriptor is not None:
                        shutil.rmtree(entry.path, ignore_errors=True)
                        os.close(descriptor)


def _abandoned(entry: os.DirEntry[str]) -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    status = entry.stat(follow_symlinks=False)
    return status.st_uid == os.getuid() and time.time() - status.st_mtime > SWEEP_AFTER
