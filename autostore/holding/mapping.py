"""Private memory maps that hold no descriptor: as many at once as there is room for, whatever `ulimit -n` says.

Python's own `mmap` keeps a descriptor of the file for as long as the map lives (before 3.13 always), so that a
process with 256 could not hold 300 arrays. A map itself needs none, and keeps the file's bytes all the same.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import weakref
from typing import Any, BinaryIO

from autostore.holding.descriptors import are_numbers_real

__all__ = ["mapped"]

_FAILED = ctypes.c_void_p(-1).value


def mapped(file: BinaryIO, offset: int, length: int) -> memoryview:
    """The bytes of an open file from `offset` on (a multiple of the page size), writable; writing changes only them.

    `OSError` where the system refuses. What is after the file's end kills the process that looks at it.
    """
    if not are_numbers_real():
        file.seek(offset)
        return memoryview(bytearray(file.read(length)))
    library = _library()
    address = library.mmap(
        None, length, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, file.fileno(), ctypes.c_long(offset)
    )
    if address == _FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    buffer = (ctypes.c_char * length).from_address(address)
    weakref.finalize(buffer, library.munmap, address, length).atexit = False
    return memoryview(buffer).cast("B")


@functools.cache
def _library() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library
