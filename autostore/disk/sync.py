"""What must be on the disk before the power may go: files and folders, forced there one by one."""

from __future__ import annotations

import contextlib
import os

from autostore.holding.descriptors import opened

__all__ = ["fsync", "make_folders"]


def fsync(name: str) -> None:
    """Force a file, or the names in a folder, to the disk."""
    with opened(name, os.O_RDONLY) as descriptor:
        os.fsync(descriptor.fileno())


def make_folders(folder: str, *, durable: bool) -> None:
    """Make a folder and those above it that are missing; `durable` forces each to the disk."""
    missing = []
    while folder and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for name in reversed(missing):
        with contextlib.suppress(FileNotFoundError):  # pruned meanwhile: the caller tries again
            with contextlib.suppress(FileExistsError):
                os.mkdir(name)
            if durable:
                fsync(os.path.dirname(name))
