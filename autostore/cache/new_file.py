"""A file of the cache's while it is written: under a name that nobody reads, gone at the end unless it was moved."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Self

from autostore.holding.descriptors import opened

__all__ = ["SUFFIX", "NewFile"]

ATTEMPTS = 20
SUFFIX = ".new"


class NewFile:
    """The name, free as soon as this is entered; what an interrupt leaves is removed when nobody refers to this.

    Attributes:
        path: in the folder of a copy.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / f"{os.urandom(16).hex()}{SUFFIX}"
        self._is_left = True

    def create(self) -> Path | None:
        """An empty file, while which lies there nobody can remove the folder; None where the disk refuses."""
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._remove()

    def __del__(self) -> None:
        if getattr(self, "_is_left", False):  # not there where an interrupt came first
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # where nothing was published
        self._is_left = False
