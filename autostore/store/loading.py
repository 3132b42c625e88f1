"""Reading: from a key to the object, looking again where a file was replaced in between."""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

from autostore.backend import FileMetadata, StorageBackend, not_found
from autostore.cache.copies import Copies
from autostore.errors import StorageFileNotFoundError, StorageIOError, compose
from autostore.handlers.registry import HandlerRegistry
from autostore.handlers.verdicts import FileGone
from autostore.keys import Key, where
from autostore.naming.resolution import Listed, Resolver

__all__ = ["Loaded", "Loader"]

ATTEMPTS = 50
"""How often a read looks again when the file it found was replaced before it was opened."""

COPIES = 3
"""How often a copy that somebody removed before it was read is fetched anew."""

PATIENT_ATTEMPTS = 25
PAUSE = 0.01


class Loaded(NamedTuple):
    """An object and, where asked for, the version of its file, which is not newer than it."""

    value: Any
    version: FileMetadata | None


class Loader:
    """Reads objects of one store."""

    def __init__(self, backend: StorageBackend, registry: HandlerRegistry, resolver: Resolver, copies: Copies) -> None:
        self._backend = backend
        self._registry = registry
        self._resolver = resolver
        self._copies = copies

    def load(self, key: Key, as_type: Any = None, *, versioned: bool = False) -> Loaded:
        """The object; with `versioned` also its version."""
        if key.names_file is None:
            with contextlib.suppress(StorageFileNotFoundError, FileGone):
                return self.load_file(key.text, key.text, key.extension, as_type, versioned=versioned)
        for attempt in range(ATTEMPTS):
            path = self._path(key, as_type)
            try:
                extension = key.extension_of(path)
                if extension not in key.answers and not key.extension:  # `x.typed`, of an older version
                    extension = self._registry.split(path)[1]
                return self.load_file(key.text, path, extension, as_type, versioned=versioned)
            except (StorageFileNotFoundError, FileGone):
                # Deleted, or replaced by another format, since it was found.
                self._resolver.forget(key)
                if key.names_file:
                    break
                if attempt >= PATIENT_ATTEMPTS:
                    time.sleep(PAUSE)
        raise not_found(key.text, self._backend.uri)

    def _path(self, key: Key, as_type: Any) -> str:
        try:
            return self._resolver.path(key)
        except StorageFileNotFoundError:
            # The bytes of any file that lies there, whatever its name says.
            if as_type is bytes and self._resolver.is_file(key.text):
                return key.text
            raise

    def load_listed(self, listed: Listed) -> Any:
        """The object of a file that a listing named."""
        try:
            return self.load_file(listed.key, listed.file.path, listed.extension).value
        except (StorageFileNotFoundError, FileGone):
            return self.load(self._registry.parse(listed.key, self._backend.uri)).value

    def able_to(self, extension: str, registry: HandlerRegistry) -> Loader:
        """This one, or where its own registry does not know the extension, one that reads with another."""
        if self._registry.knows(extension):
            return self
        able = copy(self)
        vars(able).update(_registry=registry)
        return able

    def open(self, path: str, extension: str) -> AbstractContextManager[tuple[Path, FileMetadata | None]]:
        """A file of this machine with these bytes, see `Copies.open`."""
        return self._copies.open(path, extension)

    def load_file(self, key: str, path: str, extension: str, as_type: Any = None, *, versioned: bool = False) -> Loaded:
        """The object of exactly this file; `FileGone` or `StorageFileNotFoundError` where it is not there."""
        gone = None
        for _ in range(COPIES):
            with self._copies.open(path, extension) as (file, downloaded):
                # Taken before reading, so that the version is never newer than the value.
                version = downloaded or (self._backend.get_metadata(path) if versioned else None)
                try:
                    value = self._registry.decode(file, extension, as_type, where(key, self._backend.uri))
                except FileGone as error:
                    if downloaded is None:
                        raise  # the place's own file: it says so itself
                    gone = error
                else:
                    return Loaded(value, version)
        problem = "The local copy was removed again and again before it was read"
        remedy = "Leave temp_dir and cache_dir to this library, then try again."
        raise StorageIOError(compose(problem, key=key, uri=self._backend.uri, remedy=remedy)) from gone
