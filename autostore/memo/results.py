"""Results as objects of a store: found, kept and forgotten, below `_cache/<function>/`."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autostore.backend import StorageBackend
from autostore.errors import CorruptDataError, StorageFileNotFoundError, UnsupportedFormatError
from autostore.handlers.names import classes_named
from autostore.handlers.registry import HandlerRegistry

if TYPE_CHECKING:
    from autostore.autostore import AutoStore

__all__ = ["FOLDER", "MISSING", "MemoInfo", "Memory"]

FOLDER = "_cache"
MISSING: Any = object()
LONGEST_NAME = 150


@dataclass(frozen=True, kw_only=True)
class MemoInfo:
    """How a memoized function fares.

    Attributes:
        name: of the function, with its module.
        hits: calls of this process that found their result.
        misses: calls of this process that computed it.
        results: how many the store holds, also those of older code.
        size: of all their files, bytes.
    """

    name: str
    hits: int
    misses: int
    results: int
    size: int

    @property
    def hit_rate(self) -> float | None:
        """Part of the calls of this process that found their result; None before the first."""
        calls = self.hits + self.misses
        return self.hits / calls if calls else None

    def __str__(self) -> str:
        rate = "" if self.hit_rate is None else f", {self.hit_rate:.0%} hits"
        return f"{self.name}: {self.hits} hits, {self.misses} misses{rate}; {self.results} results, {self.size} bytes"


@dataclass(frozen=True)
class Memory:
    """Where a function's results lie.

    Attributes:
        store: that keeps them.
        place: of the store, for claims.
        name: of the function.
        root: of the store in the whole one, whose claims it shares.
        expires: seconds after which a result counts no more; None: never.
        changes: formats that were added to or removed from the store.
        gives_back: whether a file of this extension gives a value back as it is.
    """

    store: AutoStore
    place: StorageBackend
    name: str
    root: str
    expires: float | None
    changes: Callable[[], Any]
    gives_back: Callable[[Any, str], bool]

    @property
    def prefix(self) -> str:
        """Of the results' keys, ending in `/`."""
        return f"{FOLDER}/{folder_of(self.name)}/"

    def find(self, key: str) -> Any:
        """The result, or `MISSING`; one that is damaged or has expired is none."""
        try:
            if self.expires is not None:
                age = time.time() - self.store.get_metadata(key).modified_time.timestamp()
                if age >= self.expires:
                    return MISSING
            return self.store.read(key)
        except (StorageFileNotFoundError, CorruptDataError):
            return MISSING

    def keep(self, key: str, value: Any) -> Any:
        """Keep a result; what can be gone through once, is not computed yet, or is drawn, is given as it was kept."""
        if self.store.config.read_only:
            return value
        written = self.store.write(key, value)
        extension = written.path.rpartition("/")[2].removeprefix(key.rpartition("/")[2])
        return value if self.gives_back(value, extension) else self.store.read(key)

    def forget(self, key: str) -> bool:
        """Remove a result; False where there is none."""
        try:
            del self.store[key]
        except StorageFileNotFoundError:
            return False
        return True

    def forget_all(self, older: float | None) -> int:
        """Remove the function's results, or those that are so many seconds old; how many."""
        now, removed = time.time(), 0
        for entry in list(self.store.entries(self.prefix)):
            if older is None or now - entry.modified_time.timestamp() >= older:
                removed += self.forget(entry.key)
        return removed

    def held(self) -> tuple[int, int]:
        """How many results there are, and their bytes."""
        sizes = [entry.size for entry in self.store.entries(self.prefix)]
        return len(sizes), sum(sizes)

    def encode(self, value: Any) -> tuple[bytes, list[type]]:
        """The digest of the file that a value would be, never a pickle, and the classes that it names."""
        return file_digest(self.place, self.store.config, self.changes(), value)


def file_digest(place: StorageBackend, config: Any, changes: Any, value: Any) -> tuple[bytes, list[type]]:
    """Of a value written in its plain format, to a temporary file; what is only drawn there is refused."""
    registry = HandlerRegistry(dataclasses.replace(config, allow_pickle=False))
    registry.apply(changes)
    with place.scratch_files() as files, classes_named() as named:
        file, extension = registry.encode(value, files, "", "an argument")
        try:
            if registry.is_lossy(value, extension):
                raise UnsupportedFormatError(f"A {extension} file does not say all of it.")
            with open(file, "rb") as stream:
                hashed = hashlib.file_digest(stream, lambda: hashlib.blake2b(extension.encode(), digest_size=16))
                return hashed.digest(), named
        finally:
            os.unlink(file)


def folder_of(name: str) -> str:
    """A function's name as a segment of keys."""
    plain = re.sub(r"[^\w.-]", "_", name.replace("<", "").replace(">", ""))
    if len(plain.encode()) <= LONGEST_NAME and plain == name.replace("<", "").replace(">", ""):
        return plain
    ascii_only = plain.encode("ascii", "replace").decode().replace("?", "_")
    return f"{ascii_only[:LONGEST_NAME]}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
