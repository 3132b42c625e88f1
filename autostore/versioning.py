"""What a place offers that keeps versions of its files by itself, as a bucket with versioning does.

A store with `history="native"` reads its past there and keeps nothing of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from autostore.backend import FileMetadata
    from autostore.mark import Mark

__all__ = ["Stored", "Versioning"]


class Stored(NamedTuple):
    """One version of a file, or a marker that says that the file was deleted.

    Attributes:
        path: of the file.
        id: the place's own, of this version among those of the file.
        size: bytes.
        etag: of the version.
        time: when it was written, by the place's clock, as exactly as a listing tells.
        latest: whether nothing came after it, so that it is what the file is now.
        deleted: whether it is such a marker.
    """

    path: str
    id: str
    size: int
    etag: str
    time: datetime
    latest: bool
    deleted: bool


class Versioning(ABC):
    """The versions of one place's files. What is absent is not found, as everywhere."""

    @abstractmethod
    def check(self) -> None:
        """`InvalidConfigError` unless the place keeps versions now; 1 request."""

    @abstractmethod
    def listed(self, prefix: str, *, deep: bool) -> Iterator[Stored]:
        """All of files whose path begins so, newest first of each; `deep`: of those in folders below, too."""

    @abstractmethod
    def latest(self, path: str) -> tuple[str, FileMetadata]:
        """The id of the version that the file is now, and what is known of it; 1 request."""

    @abstractmethod
    def metadata(self, path: str, version: str) -> FileMetadata:
        """What is known of a version; 1 request."""

    @abstractmethod
    def download(self, path: str, version: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """As `StorageBackend.download`, of a version."""

    @abstractmethod
    def copy(self, path: str, version: str, target: str, mark: Mark | None) -> FileMetadata:
        """Write the bytes of a version to `target`, without moving them."""

    @abstractmethod
    def remove(self, path: str, version: str) -> None:
        """Remove exactly this version or marker; an absent one is not an error."""
