"""Open files that close themselves: a descriptor belongs to an object from the moment that it exists.

An interrupt (Ctrl-C, a signal handler that raises) may come between any two steps of Python. A number that was
returned but not stored yet would then be lost, and with it the file and its locks; an owner that is lost closes.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, Protocol, Self

__all__ = ["Descriptor", "Lasting", "are_numbers_real", "are_scarce", "opened"]


class Descriptor(Protocol):
    """An open file: closed by `close()`, at the end of a `with` block, or when nobody refers to it."""

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    def fileno(self) -> int:
        """Its number; `ValueError` once it is closed."""

    def close(self) -> None:
        """Close it; again does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


def opened(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> Descriptor:
    """Open a file or folder; what this raises is what `os.open` raises."""
    owner = _owner if are_numbers_real() else _Owner
    # One call into C opens and gives it to its owner, so that no interrupt can come in between.
    return next(map(owner, map(os.open, (path,), (flags | os.O_CLOEXEC,), (mode,))))


def are_numbers_real() -> bool:
    """Whether `os.open` is the system's; one that tests make up gives numbers that name other files of the process."""
    return isinstance(os.open, BuiltinFunctionType)


class Lasting:
    """Keeps an open file for longer than a call: who becomes a daemon closes all numbers, and others then get ours."""

    # Of the class, as a module's names are gone at the interpreter's end.
    _keep, _of_c = ctypes.pythonapi.Py_IncRef, ctypes.py_object

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._opened = self._named()

    def close(self) -> None:
        """Close it, unless its number is somebody else's by now: that must never be closed from here."""
        if self._descriptor.closed:
            return
        try:
            is_ours = self._named() == self._opened
        except OSError:
            is_ours = False  # nobody's yet
        if is_ours:
            self._descriptor.close()
        else:
            self._keep(self._of_c(self._descriptor))  # it would close when it is freed

    def _named(self) -> tuple[int, int]:
        """Which file its number names."""
        status = os.fstat(self._descriptor.fileno())
        return status.st_ino, status.st_dev

    def __del__(self) -> None:
        if os is not None and hasattr(self, "_opened"):  # at the interpreter's end modules are gone
            self.close()


def are_scarce(number: int) -> bool:
    """Whether half of the descriptors that this process may have are open; an open one is needed to ask."""
    try:
        # A second one, because the first has the number of what was closed last. It is the lowest that is free.
        with next(map(_owner, map(os.dup, (number,)))) as probe:
            return probe.fileno() >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
    except OSError:
        return True


class _Owner:
    """An owner in Python, where the library has none in C."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._close = os.close  # of now: it closes what is opened now, while tests have replaced `os`

    @property
    def closed(self) -> bool:
        return self._number < 0

    def fileno(self) -> int:
        if self._number < 0:
            raise ValueError("The file is closed.")
        return self._number

    def close(self) -> None:
        number, self._number = self._number, -1
        if number >= 0:
            self._close(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


# Nothing of epoll is used but that its object, written in C, owns any descriptor and closes it when it is
# freed: even its release cannot be interrupted. Other systems have none, and gevent and eventlet take it away.
_epoll: Any = getattr(select, "epoll", None)
_owner: Callable[[int], Descriptor] = _Owner if _epoll is None else _epoll.fromfd
