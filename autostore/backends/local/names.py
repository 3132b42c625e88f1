"""Which names a local folder holds, known without looking for each: an aid for many writes in a row.

A writer must know whether a file of another format answers to its key, which costs a look per
extension. While it holds the folder's lock it may instead trust a listing, if the folder's
modification time is still the odd nanosecond that was set after our own last change: whatever
anyone else adds or removes sets another one. The listing is trusted for two seconds at most.
"""

from __future__ import annotations

import os
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

__all__ = ["FolderNames"]

TRUSTED_SECONDS = 2.0
LARGEST = 4096
"""A larger folder is not listed: looking for each extension is cheaper then."""

FOLDERS, ASKED = 64, 256
"""How many listings are kept, and of how many folders it is known when one was last wanted."""


@dataclass
class _Known:
    names: set[str]
    mtime_ns: int
    until: float


class FolderNames:
    """Listings of the folders that one backend writes to; every method needs the folder's lock held."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._asked: dict[str, float] = {}

    def look(self, folder: str) -> AbstractSet[str] | None:
        """The names in the folder, or None where looking for single names is the better way."""
        self.confirm(folder)
        known, now = self._known.get(folder), time.monotonic()
        if known is not None:
            return known.names
        # One write alone does not pay for a listing; the second in a row does.
        asked, self._asked[folder] = self._asked.get(folder, 0.0), now
        if now - asked > TRUSTED_SECONDS:
            if len(self._asked) > ASKED:
                self._asked = {folder: now}
            return None
        return self._list(folder, now)

    def confirm(self, folder: str) -> None:
        """Forget the folder if anyone else changed it; called before each change of our own."""
        known = self._known.get(folder)
        if known is not None and (time.monotonic() > known.until or os.stat(folder).st_mtime_ns != known.mtime_ns):
            self._known.pop(folder, None)  # gone where a signal handler forgot it in this moment

    def added(self, folder: str, name: str) -> None:
        """Take note of a file that was just published here."""
        known = self._known.get(folder)
        if known is not None:
            known.names.add(name)
            known.mtime_ns = _stamp(folder)

    def forget(self, folder: str) -> None:
        """Look again after a removal."""
        self._known.pop(folder, None)

    def _list(self, folder: str, now: float) -> AbstractSet[str] | None:
        # Stamped first: what anyone else does from here on shows.
        mtime_ns, names = _stamp(folder), set()
        if mtime_ns == -1:
            self._asked.pop(folder, None)
            return None
        with os.scandir(folder) as entries:
            for entry in entries:
                names.add(entry.name)
                if len(names) > LARGEST:
                    self._asked.pop(folder, None)
                    return None
        if len(self._known) >= FOLDERS:
            self._known.clear()
        self._known[folder] = _Known(names, mtime_ns, now + TRUSTED_SECONDS)
        return names


def _stamp(folder: str) -> int:
    """Give the folder a time of our own; -1, which no folder has, where that does not work."""
    # Never a round time, which is what file systems that keep less than nanoseconds would give to anyone's change, and
    # never the same twice, where tests have stopped the clock: it lies by chance within the last 16 milliseconds.
    ago, odd = divmod(int.from_bytes(os.urandom(3)), 998)
    mtime_ns = (time.time_ns() // 1_000 - ago) * 1_000 + 1 + odd
    try:
        os.utime(folder, ns=(mtime_ns, mtime_ns))
        return mtime_ns if os.stat(folder).st_mtime_ns == mtime_ns else -1
    except OSError:
        return -1
