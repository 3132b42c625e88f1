"""How long somebody waits for others, and by chance how long until the next try, so that rivals do not meet again."""

from __future__ import annotations

import random
import time

__all__ = ["Patience", "chance"]

chance = random.SystemRandom().uniform
"""Not of the module's generator, whose numbers are the program's: a seed must give it the same ones each time."""


class Patience:
    """Seconds to wait in all, by the clock; where tests have stopped that (freezegun), by what was slept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = time.monotonic()
        self._slept = 0.0

    def left(self) -> float:
        """How many of them are left; none or less once they are over."""
        now = time.monotonic()
        return self._seconds - (self._slept if now == self._began else now - self._began)

    def sleep(self, seconds: float) -> None:
        """Wait for the next try, and no longer than what is left."""
        time.sleep(max(0.0, min(seconds, self.left())))
        self._slept += seconds
