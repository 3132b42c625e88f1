"""What was seen of each object, and when: saves asking again for what an answer told a moment ago."""

from __future__ import annotations

import time
from typing import NamedTuple

from autostore.backend import FileMetadata

__all__ = ["JUST_NOW", "Look", "Looks"]

MOST = 4096
JUST_NOW = 1.0
"""Seconds for which another look would tell hardly more than the last one."""


class Look(NamedTuple):
    """What was seen of an object, and when (monotonic, seconds)."""

    found: FileMetadata
    time: float
    written: int
    """The latest time (ns) at which a store with history is known to have written there; else 0."""


class Looks:
    """The last look at each path, of the latest few thousand."""

    def __init__(self) -> None:
        self._seen: dict[str, Look] = {}

    def last(self, path: str) -> Look | None:
        """The last look at a path; None where there was none, or it is forgotten."""
        return self._seen.get(path)

    def noted(self, found: FileMetadata) -> FileMetadata:
        """The same, kept in mind; a listing does not tell when it was written, so what was known of that stays."""
        before = self._seen.get(found.path)
        written = max(found.written, 0 if before is None else before.written)
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[found.path] = Look(found, time.monotonic(), written)
        return found
