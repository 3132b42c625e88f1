"""A file of this machine for whoever wants a name: the place's own, or a copy that lives while the store is open."""

from __future__ import annotations

import itertools
import os
import shutil
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

from autostore.backend import FileMetadata
from autostore.disk.failures import disk_errors_are_typed
from autostore.errors import CorruptDataError, StorageFileNotFoundError
from autostore.handlers.files.folder import extract
from autostore.keys import Key, where
from autostore.store.history import Old, ReadOld
from autostore.store.transferring import Side, on_found

__all__ = ["LendingInterface", "asks_for_file"]

Opening = AbstractContextManager[tuple[Path, FileMetadata | None]]
"""What `Copies.open` gives."""

_numbers = itertools.count()

_HOLD_PATHS = frozenset((".typed.json", ".bundle.zip", ".pkl"))
"""Formats of which a path is a value: read as one, it is that."""


def asks_for_file(as_type: object) -> bool:
    """Whether `read` is asked for a file of this machine."""
    return as_type is Path or as_type is type(Path())


class LendingInterface(ABC):
    """What a store hands to libraries that read files themselves."""

    @abstractmethod
    def _side(self) -> Side:
        """What handing out a file needs of this store."""

    @abstractmethod
    def _key(self, key: object) -> Key:
        """The key, checked and parsed."""

    def path(self, key: str) -> Path:
        """A file on this machine that holds the object's bytes, for a library that wants a file's name.

        Of a store in a folder it is the stored file itself, there until the key is written or deleted: read it, never
        change it, and ask again rather than keep the path. Of any other place, and of a base, it is a copy under the
        file's own name (`model.pt`), one for each call, as the object is now: it is yours until the store is closed or
        the process ends, and what you change in it changes nothing stored. Costs as reading it as bytes; disk for each.

        Raises:
            StorageFileNotFoundError: nothing is stored under the key.
        """
        side, parsed = self._side(), self._key(key)
        return on_found(side, parsed, lambda found: _lent(side, parsed, found))

    def _as_path(self, key: str) -> Path | None:
        """The object as a file, or a folder of a .tar; None of one whose format holds paths as values."""
        side, parsed = self._side(), self._key(key)

        def once(found: FileMetadata) -> Path | None:
            extension = parsed.extension_of(found.path)
            if extension in _HOLD_PATHS:
                return None
            if extension != ".tar":
                return _lent(side, parsed, found)
            return _unpacked(side, parsed, side.copies.open(found.path, extension), found.path)

        return on_found(side, parsed, once)

    def _read_old(self, key: Key, as_type: Any) -> ReadOld:
        """How a version is read: as a value, or as a file, always a copy: a prune may remove what it was made of."""

        def value(old: Old) -> Any:
            return old.loader.load_file(key.text, old.path, old.extension, as_type).value

        def file(old: Old) -> Any:
            if old.extension in _HOLD_PATHS:
                return value(old)
            made = _unpacked if old.extension == ".tar" else _copied
            return made(self._side(), key, old.loader.open(old.path, old.extension), old.name)

        return file if asks_for_file(as_type) else value


def _lent(side: Side, key: Key, found: FileMetadata) -> Path:
    own = side.backend.local_file(found.path)
    if own is not None and own.is_file():
        return own
    extension = key.extension_of(found.path)
    return _copied(side, key, side.copies.open(found.path, extension), found.path.rpartition("/")[2])


def _copied(side: Side, key: Key, opening: Opening, called: str) -> Path:
    """A file of the caller's, there until the store is closed."""
    at = where(key.text, side.backend.uri)
    # Held until the end of the call, so that a store that is closed beside it takes the copy along.
    with side.backend.scratch_files(), opening as (name, fetched), disk_errors_are_typed(at):
        folder = side.backend.scratch() / f"path-{next(_numbers)}"
        folder.mkdir(exist_ok=True)
        target = folder / called
        try:
            if fetched is not None and not name.is_symlink():
                os.replace(name, target)  # a download of our own
            else:
                shutil.copyfile(name, target)
        except FileNotFoundError as error:
            raise StorageFileNotFoundError(str(error)) from error  # replaced meanwhile: it is looked for again
    return target


def _unpacked(side: Side, key: Key, opening: Opening, called: str) -> Path:
    """A folder of the caller's, there until the store is closed."""
    at = where(key.text, side.backend.uri)
    with side.backend.scratch_files(), opening as (name, _), disk_errors_are_typed(at):
        folder = side.backend.scratch() / f"path-{next(_numbers)}" / PurePosixPath(called).stem
        folder.mkdir(parents=True, exist_ok=True)
        try:
            extract(name, folder)
        except CorruptDataError as error:
            shutil.rmtree(folder.parent, ignore_errors=True)
            raise CorruptDataError(f"{at}: {error}") from error
        except FileNotFoundError as error:
            raise StorageFileNotFoundError(str(error)) from error  # replaced meanwhile: it is looked for again
    return folder
