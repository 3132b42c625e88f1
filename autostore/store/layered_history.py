"""The past of a branch's keys: its own, then its base's."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata
from autostore.errors import StorageFileNotFoundError
from autostore.keys import Key
from autostore.naming.layering import LayeredBackend
from autostore.naming.resolution import Resolver
from autostore.naming.versions import in_nanoseconds
from autostore.store.history import Fetches, History, ReadOld
from autostore.store.version import Version

__all__ = ["LayeredHistory"]


class LayeredHistory:
    """As `History`, of a branch; `own` is the branch's, `base` the base's, `layered` and `resolver` see both."""

    def __init__(
        self, own: History | LayeredHistory, layered: LayeredBackend, base: History | LayeredHistory, resolver: Resolver
    ) -> None:
        self._own = own
        self._layered = layered
        self._base = base
        self._resolver = resolver

    def note(self, written: FileMetadata, note: str) -> None:
        """Beside the branch's versions."""
        self._own.note(written, note)

    def versions(self, key: Key) -> list[Version]:
        """The branch's, newest first, then the base's; current is what a read gives."""
        own, base = self._own.versions(key), self._base.versions(key)
        if base and (any(version.current for version in own) or not self._resolver.exists(key)):
            base = [dataclasses.replace(version, current=False) for version in base]
        return own + base

    def load(self, key: Key, name: str | None, at: datetime | None, read: ReadOld) -> Any:
        """Of the branch, else of the base; not of that at a moment when the branch had its own, or none by deletion."""
        try:
            return self._own.load(key, name, at, read)
        except StorageFileNotFoundError:
            if at is not None and self._layered.stood(key.text, in_nanoseconds(at)):
                raise
            return self._base.load(key, name, at, read)

    def restore(self, key: Key, name: str) -> FileMetadata:
        """Into the branch, also from the base."""
        try:
            return self._own.restore(key, name)
        except StorageFileNotFoundError:
            return self.adopt(key, name, self._base)

    def adopt(self, key: Key, name: str, other: Fetches) -> FileMetadata:
        """Restore into the branch what lies in another store."""
        return self._own.adopt(key, name, other)

    def fetch(self, key: Key, name: str, file: Path) -> tuple[str, str]:
        """The bytes of a version, for a branch over this one."""
        try:
            return self._own.fetch(key, name, file)
        except StorageFileNotFoundError:
            return self._base.fetch(key, name, file)
