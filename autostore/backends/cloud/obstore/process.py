"""obstore's connections: made late, one for each process and each set of credentials, never used after a fork.

A process that was forked while its parent had used obstore cannot use it: its threads are not there, and the next
call would wait for them.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from autostore.engine.contract import Declined
from autostore.holding.turns import Turns

if TYPE_CHECKING:
    from autostore.backends.cloud.obstore.loop import Loop

__all__ = ["Connections"]

Result = TypeVar("Result")

_opening = Turns()
_open: weakref.WeakSet[_Opened] = weakref.WeakSet()
_parents: list[Any] = []
"""In a forked child: what its parent had open. To let go of it could wait for threads that are not there."""


class _Process:
    """Whether this process has used obstore, and whether one that it was forked from had."""

    used = False
    forked = False


def _after_fork() -> None:
    _opening.forget()
    _parents.extend(opened.store for opened in list(_open))
    _Process.forked = _Process.forked or _Process.used


os.register_at_fork(after_in_child=_after_fork)


class Connections:
    """One place, as this process reaches it by obstore; a process that cannot is `Declined`.

    Attributes:
        is_off: it does not work with this place, or not in this process.
    """

    def __init__(self) -> None:
        self._opened: _Opened | None = None
        self.is_off = False

    def make(self) -> tuple[Any, Any]:
        """Obstore's store, and what `is_stale` is asked of."""
        raise NotImplementedError

    def is_stale(self, key: Any) -> bool:
        """Whether another one is to be made, for credentials that were changed."""
        return False

    def store(self) -> Any:
        """Obstore's store, with the credentials of this moment."""
        if self.is_off or _Process.forked:
            raise Declined
        opened = self._opened
        if opened is None or self.is_stale(opened.key):
            with _opening.take():
                opened = self._opened
                if opened is None or self.is_stale(opened.key):
                    _Process.used = True
                    self._opened = opened = _Opened(*self.make())
        return opened.store

    def heard(self, read: Callable[[], Result]) -> Result:
        """What the read gives, in another thread if this is the one that signals interrupt: obstore is deaf to them."""
        opened = self._opened
        if opened is None or not _is_main():
            return read()
        try:
            future = opened.threads.submit(read)
        except RuntimeError:  # at the end of the process, or the system refuses threads
            return read()
        return future.result()

    def taken_back(self, write: Callable[[], Any], later: Callable[[], Awaitable[Any]]) -> Any:
        """What the write gives; where a signal interrupts this thread, `later`, the same, is cancelled on its way."""
        opened = self._opened
        if opened is None or not _is_main():
            return write()
        try:
            loop = opened.loop()
        except RuntimeError:  # the system refuses threads
            return write()
        return loop.result(later)

    def close(self) -> None:
        """Drop the connections."""
        self._opened = None


class _Opened:
    """What one process has open."""

    def __init__(self, store: Any, key: Any) -> None:
        self.store = store
        self.key = key
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="autostore-obstore")
        self._loop: Loop | None = None
        self._pid = os.getpid()
        _open.add(self)

    def loop(self) -> Loop:
        """Of the main thread alone, so that no lock is needed; asyncio takes longer to import than a read to do."""
        if self._loop is None:
            from autostore.backends.cloud.obstore.loop import Loop

            self._loop = Loop()
        return self._loop

    def __del__(self) -> None:
        if os is None or getattr(self, "_pid", None) != os.getpid():
            return
        self.threads.shutdown(wait=False)
        if self._loop is not None:
            self._loop.close()


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
