"""Whether the code that holds something still runs.

`with` alone cannot promise a release: an exception may come after the resource was taken and
before the block begins, or before `__exit__` runs. What a frame holds is free when it has ended.
"""

from __future__ import annotations

import inspect
import sys
from types import FrameType

__all__ = ["has_ended", "owning_frame"]

_SUSPENDED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def owning_frame() -> FrameType | None:
    """For an `__enter__`: the frame of its `with` block, if that holds while it runs; None where nobody can know.

    A generator holds while it is suspended, `__enter__` after it returned, and code outside this
    package may hold what it takes for longer than one call, as `contextlib.ExitStack` does.
    """
    # Not by way of `inspect.currentframe()`: a frame that refers to itself would keep all that it should free.
    frame = sys._getframe(2)  # noqa: SLF001 - the documented way
    own = frame.f_globals.get("__name__", "").startswith("autostore.")
    code = frame.f_code
    return frame if own and code.co_name != "__enter__" and not code.co_flags & _SUSPENDED else None


def has_ended(frame: FrameType | None) -> bool:
    """Whether the frame's call is over; asking clears the variables of one that is."""
    if frame is None:
        return False
    try:
        # The one question that Python answers in a single step, whichever thread the frame runs in.
        frame.clear()
    except RuntimeError:
        return False
    return True
