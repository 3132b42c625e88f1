"""The bytes of objects and of files on this machine: a small file whole in memory, and an answer's pieces in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autostore.disk.failures import disk_errors_are_typed
from autostore.engine.contract import Declined
from autostore.holding.descriptors import opened
from autostore.holding.positions import write_at
from autostore.telling.transfers import moved_by

__all__ = ["CHUNK", "small_body", "write_body"]

LARGEST_SENT = 8 << 20
"""Bytes of a body that is held in memory while it is sent."""

CHUNK = 1 << 20
"""Bytes of an answer that are held in memory at once."""


def small_body(file: Path, where: str) -> bytes:
    """The whole file; `Declined` where it is too large to be held; `where` names key and URI."""
    with disk_errors_are_typed(where), open(file, "rb") as source:
        if os.fstat(source.fileno()).st_size > LARGEST_SENT:
            raise Declined
        return source.read()


def write_body(pieces: Iterator[Any], size: int, file: Path, where: str) -> bool:
    """Whether the pieces, until None, are so many bytes: these are in `file` then, else it does not exist."""
    position, moved = 0, moved_by()
    with disk_errors_are_typed(where):
        try:
            with opened(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) as descriptor:
                while position < size and (piece := next(pieces, None)):
                    position += _write_piece(descriptor.fileno(), piece, position)
                    moved(len(piece))
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        if position != size:
            file.unlink()
    return position == size


def _write_piece(descriptor: int, piece: Any, position: int) -> int:
    left = memoryview(piece)
    while left:
        left = left[write_at(descriptor, left, position + len(piece) - len(left)) :]
    return len(piece)
