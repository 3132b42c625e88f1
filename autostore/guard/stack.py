"""Whether the stack ran out as a call came from deep in it: such a failure says nothing of the value or the file."""

from __future__ import annotations

import sys

from autostore.guard.behind import all_behind

__all__ = ["stack_ran_out"]

NEEDED = 500
"""Levels that a format may take: JSON nests 400 deep, and whoever reads or writes it stands a few above."""


def stack_ran_out(error: BaseException, handled: BaseException | None) -> bool:
    """Whether a `RecursionError` stands behind an error, and the caller left fewer levels than a format may take.

    `handled` is what the caller was handling already. With more levels left, the value or the file is too deep.
    """
    ran_out = any(isinstance(behind, RecursionError) for behind in all_behind(error, handled))
    return ran_out and _levels_left() < NEEDED


def _levels_left() -> int:
    frame, levels = sys._getframe(), 0  # noqa: SLF001 - documented, and nothing else counts without making frames
    while frame.f_back is not None:
        frame, levels = frame.f_back, levels + 1
    return sys.getrecursionlimit() - levels
