"""What killed processes left: temporary folders that nobody holds a lock on, removed once they are a day old."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from pathlib import Path

from autostore.holding.descriptors import Descriptor, opened

__all__ = ["SWEEP_AFTER", "locked", "new_name", "sweep"]

# A folder that somebody else calls autostore-something is not ours.
_OURS = re.compile(r"autostore-[0-9a-f]{32}")

SWEEP_AFTER = 24 * 3600.0
"""Seconds after which a folder that nobody holds a lock on is what a killed process left."""


def new_name() -> str:
    """Name of a temporary folder that was never given before."""
    return f"autostore-{os.urandom(16).hex()}"


def locked(folder: Path) -> Descriptor | None:
    """A descriptor that holds the lock; None where somebody else does or locks do not work."""
    descriptor = opened(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        descriptor.close()
        return None
    return descriptor


def sweep(parent: Path) -> None:
    """Remove what was abandoned below a folder; what cannot be removed stays."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if _OURS.fullmatch(entry.name) and _abandoned(entry):
                    descriptor = locked(Path(entry.path))
                    if descriptor is not None:
                        shutil.rmtree(entry.path, ignore_errors=True)
                        descriptor.close()


def _abandoned(entry: os.DirEntry[str]) -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    status = entry.stat(follow_symlinks=False)
    return status.st_uid == os.getuid() and time.time() - status.st_mtime > SWEEP_AFTER
