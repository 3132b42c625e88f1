"""A temporary file that an interrupt does not leave behind, not even one that comes while it is removed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Self

__all__ = ["Temporary"]


class Temporary:
    """A name whose file is removed at the end of a `with` block if it is there; or when nobody refers to this.

    Attributes:
        path: the file, which whoever has this makes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_left = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()

    def __del__(self) -> None:
        if getattr(self, "_is_left", False):  # not there where an interrupt came first
            self.remove()

    def remove(self) -> None:
        """Remove the file, if it is there."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        self._is_left = False
