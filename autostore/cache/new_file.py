"""A file of the cache's while it is written: under a name that nobody reads, gone at the end unless it was moved."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from autostore.disk.temporary import Temporary
from autostore.holding.descriptors import opened

__all__ = ["SUFFIX", "NewFile"]

ATTEMPTS = 20
SUFFIX = ".new"


class NewFile(Temporary):
    """One in the folder of a copy, which goes too where nothing was published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(folder / f"{os.urandom(16).hex()}{SUFFIX}")

    def create(self) -> Path | None:
        """The empty file, while which lies there nobody can remove the folder; None where the disk refuses."""
        for _ in range(ATTEMPTS):
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                if self._folder.is_symlink():
                    return None
                opened(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600).close()
            except FileNotFoundError:
                continue  # somebody removed the empty folder in between
            except OSError:
                return None
            return self.path
        return None

    def remove(self) -> None:
        """Remove the file and the folder, unless something is there."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        with contextlib.suppress(OSError):
            self._folder.rmdir()
        self._is_left = False
