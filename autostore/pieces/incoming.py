"""A file that is sent while it is made: what a format writes into, and a place publishes when it is whole.

Until then nobody sees anything of it, and where it is discarded nothing of it is left.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import TYPE_CHECKING, Self

from autostore.mark import Mark

if TYPE_CHECKING:
    from autostore.backend import FileMetadata

__all__ = ["Incoming"]


class Incoming(io.RawIOBase):
    """A binary stream that only takes bytes, from any thread.

    Attributes:
        mark: what already stands beside the bytes that left, so that publishing keeps it where it is late enough.
        failure: what the place raised while it took bytes; a library may have hidden it behind an error of its own.
    """

    mark: Mark | None = None
    failure: BaseException | None = None

    def writable(self) -> bool:
        """Always."""
        return True

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Take all of `data`; may wait until earlier bytes have left."""

    @abstractmethod
    def publish(self, mark: Mark | None) -> FileMetadata:
        """Make what was written the file at its path, atomically, under this mark."""

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing behind, if it was not published; never raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()
