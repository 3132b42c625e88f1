"""A place that is only read: the proof that what stands on it never changes it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NoReturn

from autostore.backend import FileMetadata, StorageBackend
from autostore.backends.passing import PassingBackend
from autostore.errors import StoragePermissionError, compose
from autostore.mark import Mark

__all__ = ["ReadingBackend"]


class ReadingBackend(PassingBackend):
    """All that reads passes on, all else is refused."""

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Refused, as everything here."""
        self._refuse(path)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Refused."""
        self._refuse(path)

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Refused."""
        self._refuse(target)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Refused."""
        self._refuse(target)

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """Nothing."""
        return False

    def drop_own(self, path: str) -> None:
        """Refused."""
        self._refuse(path)

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """Refused."""
        self._refuse(paths[0])

    def sweep(self) -> None:
        """Nothing: it is not ours to sweep."""

    def close(self) -> None:
        """Nothing: whoever opened it closes it."""

    def _refuse(self, path: str) -> NoReturn:
        problem, remedy = "A base is not written to through a layer", "promote() writes there."
        raise StoragePermissionError(compose(problem, key=path, uri=self.uri, remedy=remedy))
