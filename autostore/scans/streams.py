"""A version of a file as a stream that can be sought, for whoever reads a little of it here and there."""

from __future__ import annotations

import io
from typing import BinaryIO

from autostore.scans.fetching import Pinned

__all__ = ["stream_of"]

AHEAD = 64 << 10
"""Bytes that are fetched at once, since a request costs as much as they do."""


def stream_of(pinned: Pinned) -> BinaryIO:
    """The file itself where it lies here, else its pieces as they are read; open for as long as `pinned` is."""
    if pinned.ranges.file is not None:
        pinned.ranges.file.seek(0)
        return pinned.ranges.file
    return io.BufferedReader(_Pieces(pinned), AHEAD)


class _Pieces(io.RawIOBase):
    """Reads what it is asked for, at the place."""

    def __init__(self, pinned: Pinned) -> None:
        self._pinned = pinned
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._pinned.tail.size}[whence]
        if start + offset < 0:
            raise ValueError("A file has nothing before its beginning.")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        end = min(self._at + len(buffer), self._pinned.tail.size)
        if end <= self._at:
            return 0
        piece = self._pinned.read([(self._at, end)])[0]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
