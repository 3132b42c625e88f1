"""Open files that close themselves: a descriptor belongs to an object from the moment that it exists.

An interrupt (Ctrl-C, a signal handler that raises) may come between any two steps of Python. A number that was
returned but not stored yet would then be lost, and with it the file and its locks; an owner that is lost closes.
"""

from __future__ import annotations

import os
import resource
import select
from collections.abc import Callable
from typing import Any, Protocol, Self

__all__ = ["Descriptor", "are_scarce", "opened"]


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
    # One call into C opens and gives it to its owner, so that no interrupt can come in between.
    return next(map(_owner, map(os.open, (path,), (flags | os.O_CLOEXEC,), (mode,))))


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
            os.close(number)

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
