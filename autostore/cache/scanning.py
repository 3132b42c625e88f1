"""One look through the cache's folder: which copies there are; what killed processes left goes on the way."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autostore.cache.entry import ENTRY
from autostore.cache.new_file import SUFFIX

__all__ = ["CachedCopy", "is_of_cache", "scan"]

SWEEP_AFTER = 24 * 3600.0
"""Seconds after which an unpublished file is what a killed process left."""


_NAMES = re.compile(r"[0-9a-f]{64}|total|CACHEDIR\.TAG")


def is_of_cache(name: str) -> bool:
    """Whether this is how a cache calls what lies in its root."""
    return _NAMES.fullmatch(name) is not None


@dataclass(frozen=True)
class CachedCopy:
    """A folder as one look found it: when its copy was used (None: it has none), and bytes of it and of new files."""

    folder: str
    used: float | None
    size: int
    pending: int
    files: tuple[str, ...]

    def remove(self) -> bool:
        """Remove it unless it was used since; readers hold descriptors."""
        entry = f"{self.folder}/{ENTRY}"
        try:
            if os.stat(entry).st_mtime != self.used:
                return False
            os.unlink(entry)
        except OSError:
            return False
        for file in self.files:
            with contextlib.suppress(OSError):
                os.unlink(file)
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
        return True


def scan(root: Path) -> Iterator[CachedCopy]:
    """Every folder of the cache; one that vanishes meanwhile is left out."""
    with os.scandir(root) as folders:
        for folder in folders:
            if is_of_cache(folder.name) and folder.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    yield _looked_at(folder.path)


def _looked_at(folder: str) -> CachedCopy:
    """What is in a folder; leftovers of killed processes are removed on the way."""
    used, leftovers = None, []
    kept: dict[str, int] = {}
    others: dict[str, int] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # replaced meanwhile
            if entry.name == ENTRY:
                used = status.st_mtime
            size_of = others if entry.name.endswith(SUFFIX) else kept
            size_of[entry.path] = status.st_size
            if time.time() - status.st_mtime > SWEEP_AFTER:
                leftovers.append(entry.path)
    if used is not None:
        _unlink(file for file in leftovers if file in others)
        return CachedCopy(
            folder, used, sum(kept.values()), sum(others.values()), tuple(kept.keys() - {f"{folder}/{ENTRY}"})
        )
    _unlink(leftovers)
    with contextlib.suppress(OSError):
        os.rmdir(folder)  # fails where something is left
    return CachedCopy(folder, None, 0, sum(others.values()) + sum(kept.values()), ())


def _unlink(files: Iterator[str] | list[str]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            os.unlink(file)
