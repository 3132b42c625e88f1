"""The bytes of one version of a file, in pieces: what a place hands to whoever wants only parts of a table.

Whoever reads pins one version: where another lies there by now, each read fails and says so.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple

from autostore.errors import PreconditionFailedError
from autostore.holding.positions import read_at

__all__ = ["REACH", "FileRanges", "Ranges", "Span", "Tail"]

REACH = 64 << 10
"""How many of the last bytes are brought at once: most footers are shorter."""

Span = tuple[int, int]
"""First byte, and the one behind the last."""


class Tail(NamedTuple):
    """What was seen of a version: its ETag, the size of the whole, and its last bytes."""

    etag: str
    size: int
    data: bytes


class Ranges(ABC):
    """One version of a file. Many threads may read from it.

    Attributes:
        tail: the version, and those of its last bytes that came at once; perhaps none.
        file: the whole file, where it lies open on this machine; else None.
    """

    tail: Tail
    file: BinaryIO | None = None

    @abstractmethod
    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each span, several at once; `PreconditionFailedError` where the file is another, or gone."""

    def check(self) -> None:  # noqa: B027 - only what lies on a disk can change under its reader
        """`PreconditionFailedError` where somebody overwrote `file` in place since it was opened."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what was opened for it."""


class FileRanges(Ranges):
    """A file on this machine, held open: replaced or removed, it still is what it was."""

    def __init__(self, file: BinaryIO, etag: str, stale: Callable[[], PreconditionFailedError]) -> None:
        self.file = file
        self._stale = stale
        self._state = self._look()
        self.tail = Tail(etag, self._state[0], b"")

    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """No system call but one for each span."""
        assert self.file is not None
        found = [read_at(self.file.fileno(), stop - start, start) for start, stop in spans]
        self.check()
        return found

    def check(self) -> None:
        """Size and time tell."""
        if self._look() != self._state:
            raise self._stale()

    def close(self) -> None:
        """Close the file."""
        assert self.file is not None
        self.file.close()

    def again(self) -> FileRanges:
        """The same version, for somebody who reads on when this one is closed."""
        assert self.file is not None
        other = FileRanges.__new__(FileRanges)
        other.file = os.fdopen(os.dup(self.file.fileno()), "rb")
        other.tail, other._state, other._stale = self.tail, self._state, self._stale  # noqa: SLF001 - the same class
        return other

    def _look(self) -> tuple[int, int]:
        assert self.file is not None
        status = os.fstat(self.file.fileno())
        return status.st_size, status.st_mtime_ns
