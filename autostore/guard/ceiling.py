"""How much memory a read may take: `max_read_bytes`, or a share of what this process may have.

Formats ask before they take it, from what a file's header claims, so that a small file that
unfolds is refused and not tried.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from autostore.errors import TooLargeError

__all__ = ["Ceiling", "read_whole"]

SHARE = 2
"""By default one read may take one part in so many of what the process may have."""

NEVER_TOO_LARGE = 64 << 20
"""Bytes that no default refuses, so that small reads need not ask the machine."""


class Ceiling:
    """The bytes that one read may take in memory."""

    def __init__(self, max_read_bytes: int | None) -> None:
        self._set = max_read_bytes

    @property
    def is_set(self) -> bool:
        """Whether the user chose it."""
        return self._set is not None

    def allows(self, needed: int) -> bool:
        """Whether a read of so many bytes may be tried."""
        if self._set is not None:
            return needed <= self._set
        return needed <= NEVER_TOO_LARGE or needed <= _may_have() // SHARE

    def check(self, needed: int, what: str) -> None:
        """Refuse what would take more; `what` names it, such as "this table of 3 columns"."""
        if self.allows(needed):
            return
        most = self._set if self._set is not None else _may_have() // SHARE
        chosen = "max_read_bytes" if self._set is not None else "half of what this process may have (max_read_bytes)"
        raise TooLargeError(
            f"{what} would take {needed:,} bytes of memory, and one read may take {most:,}: {chosen}. "
            "If you trust the file and have the memory, raise max_read_bytes; else read it lazily or in parts."
        )


def read_whole(file: str | os.PathLike[str], ceiling: Ceiling) -> bytes:
    """All bytes of a file, if the ceiling allows them; opened once, and read in one piece."""
    with open(file, "rb", buffering=0) as stream:  # a buffer would cost three system calls
        size = os.fstat(stream.fileno()).st_size
        ceiling.check(size, "The file")
        content = stream.read(size + 1)  # one call, which a whole file ends short of what was asked for
        return content if len(content) == size else content + stream.readall()


def _may_have() -> int:
    """Bytes of memory that this process may have at most: the machine's, its control group's, its own limit."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return _machine() if limit == resource.RLIM_INFINITY else min(limit, _machine())


@functools.cache
def _machine() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([memory, *_groups()])


def _groups() -> list[int]:
    """The limits of the control groups that this process is in, and of those above them (Linux)."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        v2 = not controllers
        if not v2 and "memory" not in controllers.split(","):
            continue
        root, name = (Path("/sys/fs/cgroup"), "memory.max") if v2 else (
            Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        )  # fmt: skip
        folder = root / group.lstrip("/")
        # In a container the path may be the host's, and its own limit stands at the root.
        found += [_number(place / name) for place in (folder, *folder.parents) if place.is_relative_to(root)]
    return [limit for limit in found if limit]


def _number(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # not there, or "max"
        return 0
