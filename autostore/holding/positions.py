"""Reading and writing an open file at a place in it, also where tests have made up `os`, which then lacks these calls.

What it lacks is the system's own, to which such a number is another file of the process.
"""

from __future__ import annotations

import os
import threading

from autostore.holding.descriptors import are_numbers_real

__all__ = ["read_at", "write_at"]

_moving = threading.Lock()
"""For the time between two calls that are one in the system."""


def read_at(number: int, length: int, position: int) -> bytes:
    """As `os.pread`."""
    if are_numbers_real():
        return os.pread(number, length, position)
    with _moving:
        os.lseek(number, position, os.SEEK_SET)
        return os.read(number, length)


def write_at(number: int, data: bytes | memoryview, position: int) -> int:
    """As `os.pwrite`."""
    if are_numbers_real():
        return os.pwrite(number, data, position)
    with _moving:
        os.lseek(number, position, os.SEEK_SET)
        return os.write(number, bytes(data))
