"""A full disk, in the words of the operating system.

Some libraries report it as an error of their own; taken for a refusal, it would send the
value on to the next format, and hide the reason.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["full_disk_is_an_os_error"]

# What Polars (from Rust) and NumPy (from its own check) say.
_PHRASES = ("No space left", "Disk quota exceeded", "Not enough free space", "requested and")
_NOTHING_LEFT = 64 * 1024


@contextlib.contextmanager
def full_disk_is_an_os_error(file: Path) -> Iterator[None]:
    """Turn any error that a full disk caused while `file` was written into `OSError(ENOSPC)`."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, OSError) and error.errno is not None
        if known or not (any(phrase in str(error) for phrase in _PHRASES) or _is_full(file)):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def _is_full(file: Path) -> bool:
    # The part that was written is still there.
    usage = os.statvfs(file.parent)
    return usage.f_bavail * usage.f_frsize < _NOTHING_LEFT
