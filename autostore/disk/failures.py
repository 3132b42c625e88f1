"""Turns what libraries say of a failing disk into the operating system's own error.

Some libraries report it as an error of their own; taken for a refusal, it would send the
value on to the next format, and hide the reason.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from autostore.errors import StorageError, from_machine_error
from autostore.guard.behind import all_behind
from autostore.guard.foreign import let_pass, users_own

__all__ = ["disk_errors_are_typed", "failing_disk_is_an_os_error", "raise_exhaustion"]

_RUST = re.compile(r"\(os error (\d+)\)")
# What Polars says without a number, and NumPy of a short write, whose reason it does not know.
_FULL = ("No space left", "Disk quota exceeded", "Not enough free space")
_SHORT = re.compile(r"\d+ requested and \d+ written")
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
_NOTHING_LEFT = 64 * 1024


@contextlib.contextmanager
def disk_errors_are_typed(where: str) -> Iterator[None]:
    """Raise what the operating system says of temporary files as a `StorageError`; `where` names key and uri."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        let_pass(error)
        raise from_machine_error(error, where) from error


def raise_exhaustion(error: BaseException) -> None:
    """Raise what a library says in its own words of descriptors that ran out, or of a disk that cannot be read."""
    found = _RUST.search(str(error))
    if found and int(found[1]) in _EXHAUSTED:
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from error


@contextlib.contextmanager
def failing_disk_is_an_os_error(file: Path) -> Iterator[None]:
    """Turn any error that the disk caused while `file` was written into an `OSError` with its number."""
    handled = sys.exc_info()[1]  # the caller's: it stands behind every error here, and is none of the disk's
    try:
        yield
    except Exception as error:
        number = None if users_own(error, handled) is not None else _number(error, handled, file)
        if number is None or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise OSError(number, os.strerror(number)) from error


def _number(error: BaseException, handled: BaseException | None, file: Path) -> int | None:
    """The `errno` behind an error; None where the disk is not to blame."""
    # PyTorch complains of its own position first, and keeps what the file said behind it.
    for behind in all_behind(error, handled):
        if isinstance(behind, OSError) and behind.errno is not None:
            return behind.errno
    text = str(error)
    if found := _RUST.search(text):
        return int(found[1])
    if any(phrase in text for phrase in _FULL) or _is_full(file):
        return errno.ENOSPC
    return errno.EIO if _SHORT.search(text) else None


def _is_full(file: Path) -> bool:
    # The part that was written is still there.
    usage = os.statvfs(file.parent)
    return usage.f_bavail * usage.f_frsize < _NOTHING_LEFT
