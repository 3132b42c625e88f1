"""Where numbers lie: on the device on which they were, or on the CPU where this machine lacks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from autostore.errors import TooLargeError
from autostore.optional import loaded_type

__all__ = ["moved_or_here"]

T = TypeVar("T")


def moved_or_here(move: Callable[[], T], here: T, device: str) -> T:
    """What `move()` makes; `here` where there is no such device. A device whose memory is full is an error."""
    try:
        return move()
    except (RuntimeError, AssertionError) as error:  # PyTorch without CUDA asserts that it has it
        full = loaded_type("torch", "OutOfMemoryError")
        if full is not None and isinstance(error, full):
            raise TooLargeError(
                f"{device} has no room for it. Free memory there, or hide the device (CUDA_VISIBLE_DEVICES=) to read "
                "it on the CPU."
            ) from error
        return here
