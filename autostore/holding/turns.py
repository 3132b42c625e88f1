"""One thread at a time: a lock that is free once the frame that took it ended, whether or not it was released."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from types import FrameType

from autostore.holding.frames import has_ended, owning_frame

__all__ = ["Turn", "Turns"]

FIRST_PAUSE = 0.00005
LONGEST_PAUSE = 0.002


class Turns:
    """A re-entrant lock among the threads of this process; each `with turns.take():` waits for those before it."""

    def __init__(self) -> None:
        # In the order of coming. Weak, so that a turn whose frame is gone is gone.
        self._waiting: list[weakref.ref[Turn]] = []

    def take(self) -> Turn:
        """A turn, as a context manager."""
        return Turn(self._waiting)

    def forget(self) -> None:
        """Start anew in a forked child, where the threads that waited do not exist."""
        self._waiting.clear()


class Turn:
    """A thread's place in the line."""

    def __init__(self, line: list[weakref.ref[Turn]]) -> None:
        self._line = line
        self.thread = threading.get_ident()
        self._frame: FrameType | None = None
        self._place = weakref.ref(self)
        self._over = False

    def __enter__(self) -> None:
        self._frame = owning_frame()
        pause = FIRST_PAUSE
        self._line.append(self._place)
        while self._must_wait():
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def __exit__(self, *exc_info: object) -> None:
        self._over = True
        _leave(self._line, self._place)
        self._frame = None

    def is_over(self) -> bool:
        """Whether the block that it protects has ended."""
        return self._over or has_ended(self._frame)

    def _must_wait(self) -> bool:
        """Whether another thread is before this one; turns that are over are taken out of the line."""
        for place in self._line[:]:
            turn = place()
            if turn is self or (turn is not None and turn.thread == self.thread and not turn.is_over()):
                return False
            if turn is not None and not turn.is_over():
                return True
            _leave(self._line, place)
        return False


def _leave(line: list[weakref.ref[Turn]], place: weakref.ref[Turn]) -> None:
    with contextlib.suppress(ValueError):  # somebody else took it out, or a fork emptied the line
        line.remove(place)
