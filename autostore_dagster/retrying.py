"""When a transfer is tried again: transient failures of the place, so that no step has to compute its value twice."""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg

from autostore import StorageConnectionError

__all__ = ["Retry", "call"]

Retry = Callable[[Callable[[], Any]], Any]
"""Does something, as often as it takes."""

Result = TypeVar("Result")
LONGEST_WAIT = 30.0


def call(action: Callable[[], Result], *, retries: int, wait: float, log: dg.DagsterLogManager) -> Result:
    """Do it, again after `wait`, 2 `wait`, 4 `wait` ... seconds while the place cannot be reached."""
    for attempt in range(retries):
        try:
            return action()
        except StorageConnectionError as error:
            # Jitter, so that the steps of a big run do not all come back at the same moment.
            pause = min(LONGEST_WAIT, wait * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311  # no secret
            log.warning("Attempt %s of %s failed, next in %.1f s: %s", attempt + 1, retries + 1, pause, error)
            time.sleep(pause)
    return action()
