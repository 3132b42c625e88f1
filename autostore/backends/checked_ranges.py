"""Pieces of a file that somebody else's place hands out, looked at before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autostore.errors import BrokenPluginError
from autostore.ranges import Ranges, Span

__all__ = ["CheckedRanges"]


class CheckedRanges(Ranges):
    """Pieces that are looked at."""

    def __init__(self, ranges: Ranges, broken: Callable[[str], BrokenPluginError]) -> None:
        self.tail = ranges.tail
        self._ranges = ranges
        self._broken = broken

    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """As the place."""
        found = self._ranges.read(spans)
        lengths = [len(piece) for piece in found]
        if lengths != [stop - start for start, stop in spans]:
            raise self._broken(f"gave pieces of {lengths!s:.200} bytes for the ranges {list(spans)!s:.200}")
        return found

    def close(self) -> None:
        """As the place."""
        self._ranges.close()
