"""The bytes of an open file into another: by the file system itself where it can, which may share them, else read."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

from autostore.holding.descriptors import are_numbers_real

__all__ = ["duplicate"]

AT_ONCE = 64 << 20
"""Bytes between two moments at which Ctrl-C is heard."""


def duplicate(source: BinaryIO, file: Path) -> None:
    """Write a source, from where it stands to its end, into a file."""
    copy_range = getattr(os, "copy_file_range", None) if are_numbers_real() else None  # Linux only
    with open(file, "wb") as target:
        # Refused between some file systems, and then nothing or a whole piece was copied: the rest is read.
        with contextlib.suppress(OSError):
            while copy_range is not None and copy_range(source.fileno(), target.fileno(), AT_ONCE):
                pass
        shutil.copyfileobj(source, target, 1 << 20)  # some say that there is nothing, and there is
