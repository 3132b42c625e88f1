"""What somebody else's handler left behind: one whole file of its own, closed, under an extension that is its own.

Looked at before anything is published; this library's own handlers are held by their tests, and cost no look.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autostore.errors import BrokenPluginError
from autostore.guard.foreign import noted
from autostore.handler import DataHandler
from autostore.holding.descriptors import opened

__all__ = ["check_written", "chosen_extension", "discard", "handles", "is_foreign"]


def is_foreign(handler: DataHandler) -> bool:
    """Whether a handler is not this library's own."""
    return not type(handler).__module__.startswith("autostore.")


def handles(handler: DataHandler, data: Any) -> bool:
    """Whether a handler says that a value is of its family."""
    if not is_foreign(handler):
        return handler.can_handle_data(data)
    try:
        return bool(handler.can_handle_data(data))
    except Exception as error:
        noted(error, f"raised while {type(handler).__qualname__} was asked for a value's type")
        raise


def chosen_extension(handler: DataHandler, data: Any, is_own: Callable[[str], bool]) -> str:
    """The extension that a handler gives a value, if it is one of its own."""
    if not is_foreign(handler):
        return handler.extension_for(data)
    try:
        chosen: object = handler.extension_for(data)
    except Exception as error:
        noted(error, f"raised while {type(handler).__qualname__} was asked for an extension")
        raise
    if not isinstance(chosen, str) or not is_own(chosen):
        raise _broken(handler, f"gives the extension {chosen!r:.100}, which it was not registered with")
    return chosen


def check_written(handler: DataHandler, file: Path) -> None:
    """Refuse what is no whole file of its own: missing, a folder, a link, or still open."""
    if not is_foreign(handler):
        return
    try:
        status = os.lstat(file)
    except FileNotFoundError:
        raise _broken(handler, "wrote nothing into the file that it was given") from None
    if not stat.S_ISREG(status.st_mode):
        raise _broken(handler, "made something else than a file where it was to write one")
    if status.st_nlink > 1:
        raise _broken(handler, "linked another file instead of writing one, so that both would change together")
    if _is_open(file):
        raise _broken(handler, "still has the file open that it wrote, so that parts may be missing")


def discard(file: Path) -> None:
    """Remove what a handler made, whatever it is."""
    with contextlib.suppress(OSError):
        try:
            file.unlink()
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(file, ignore_errors=True)


def _is_open(file: Path) -> bool:
    """Whether this process has a file open for writing, or mapped; Linux only tells."""
    with contextlib.suppress(PermissionError), opened(file, os.O_RDONLY) as descriptor:
        try:
            # Only granted where nobody has it open for writing; it ends when the descriptor is closed.
            fcntl.fcntl(descriptor.fileno(), fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN and _is_among_ours(file, descriptor.fileno())
        except AttributeError:  # another system
            return False
    return False


def _is_among_ours(file: Path, but: int) -> bool:
    # A child that was forked meanwhile may have it open too, and never writes.
    wanted = os.stat(file)
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError, ValueError):
            number = int(name)
            found = os.fstat(number)
            if number != but and (found.st_ino, found.st_dev) == (wanted.st_ino, wanted.st_dev):
                return True
    return False


def _broken(handler: DataHandler, did: str) -> BrokenPluginError:
    name = f"{type(handler).__module__}.{type(handler).__qualname__}"
    return BrokenPluginError(f"The handler {name} {did}. Mend it, or unregister it; what is stored is as it was.")
