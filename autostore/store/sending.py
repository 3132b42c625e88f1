"""Objects between two stores, of any two places: copied or moved as files, never loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from autostore.backend import FileMetadata
from autostore.errors import InvalidConfigError
from autostore.keys import Key
from autostore.store.transferring import Side, checksum, relocate, transfer

__all__ = ["SendingInterface"]


class SendingInterface(ABC):
    """What a store does together with another."""

    @abstractmethod
    def _side(self) -> Side:
        """What a transfer needs of this store."""

    @abstractmethod
    def _key(self, key: object) -> Key:
        """The key, checked and parsed."""

    @abstractmethod
    def _writable(self, key: object) -> Key:
        """The same, of a store that may be written."""

    @abstractmethod
    def _own(self, file: FileMetadata) -> FileMetadata:
        """The metadata with the path as this store names it."""

    def copy_to(self, other: Self, source: str, target: str | None = None, *, if_absent: bool = False) -> FileMetadata:
        """Copy an object into another store, wherever that is; its file, type and format stay.

        Where both are on one S3, reached by the same settings, the server copies: one request in place of a read and a
        write. Else the file is read once and written once, through the disk. A transfer that fails or is stopped leaves
        the target as it was. What the other store had under the key is replaced, as a write does.

        Args:
            other: the store to copy into.
            source: key in this store.
            target: key in the other; None: the same, bare only where the object was written under a bare key.
            if_absent: only where nothing is stored there.

        Raises:
            StorageFileNotFoundError: nothing is stored under `source`.
            AmbiguousKeyError: another file, not written under the key, answers to it there.
            PreconditionFailedError: `if_absent` did not hold.
        """
        _check_store(other, "copy_to")
        other._writable(target if target is not None else source)
        return other._own(transfer(self._side(), self._key(source), other._side(), target, if_absent=if_absent).target)

    def move_to(self, other: Self, source: str, target: str | None = None) -> FileMetadata:
        """As `copy_to`, and then remove the source, if it still is what was copied; a crash leaves it in both.

        Raises:
            PreconditionFailedError: the source was changed meanwhile: it stays, and the copy holds what it was.
        """
        _check_store(other, "move_to")
        key = self._writable(source)
        other._writable(target if target is not None else source)
        return other._own(relocate(self._side(), key, other._side(), target).target)

    def checksum(self, key: str) -> str:
        """SHA-256 of the stored file, in hexadecimal; costs as reading it as bytes, in flat memory."""
        return checksum(self._side(), self._key(key))


def _check_store(other: object, name: str) -> None:
    if not isinstance(other, SendingInterface):
        problem = f"{name} takes the other store first, and {other!r:.80} is none"
        raise InvalidConfigError(f"{problem}. Pass the store, then the key: {name}(other, key).")
