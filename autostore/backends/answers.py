"""What the answers of somebody else's place must be: the fields of metadata, and pieces of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from autostore.errors import BrokenPluginError
from autostore.mark import Mark
from autostore.pieces.ranges import Ranges, Span

__all__ = ["FITS", "CheckedRanges"]

FITS: dict[str, Callable[[Any], bool]] = {
    "path": lambda path: isinstance(path, str),
    "size": lambda size: isinstance(size, int) and size >= 0,
    "etag": lambda etag: isinstance(etag, str) and bool(etag),
    "modified_time": lambda time: isinstance(time, datetime) and time.tzinfo is not None,
    "content_type": lambda kind: kind is None or isinstance(kind, str),
    "mark": lambda mark: mark is None or (isinstance(mark, Mark) and isinstance(mark.time_ns, int)),
}
"""Whether a field of metadata may have this value."""


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
