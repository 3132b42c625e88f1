"""Marks: what a place keeps beside a file to say that it was written under a bare key."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

__all__ = ["Mark"]


@dataclass(frozen=True)
class Mark:
    """Says of a file that it was written under a bare key, so that the key may replace it.

    The greatest (time_ns, id) is the value where a crash left two files of one key. `key` is
    the bare key while writing; a mark that was read back need not name it.
    """

    time_ns: int
    id: str
    key: str = ""

    @classmethod
    def fresh(cls, key: str, *, after: int = 0) -> Mark:
        """A mark of this moment, later than `after` (ns) even if the clock says otherwise."""
        return cls(max(time.time_ns(), after + 1), os.urandom(8).hex(), key)

    def renewed(self, key: str) -> Mark:
        """A mark of this one's time, for a write that replaces exactly the version that bears it."""
        return Mark(self.time_ns, os.urandom(8).hex(), key)
