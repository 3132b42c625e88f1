"""A thread with an event loop of its own: what runs there can be taken back, where obstore's plain calls cannot.

A signal that interrupts the caller cancels the request; a write that was given up does not land later.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Loop"]


class Loop:
    """Begun by the first use, ended by `close`; whoever uses it may be in a running event loop, as in a notebook."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: it waits for work, and must not keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="autostore-obstore-loop", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._loop.close()
            raise

    def result(self, make: Callable[[], Awaitable[Any]]) -> Any:
        """What the awaitable gives; cancelled where the caller is interrupted."""

        async def awaited() -> Any:
            return await make()

        # In a context of its own: the caller's would stay with the thread for a moment after the answer.
        future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, awaited(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # nothing where it is done

    def close(self) -> None:
        """Let the thread end; no waiting."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
