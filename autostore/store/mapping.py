"""What a dict offers beside `[]` and `del`, built on a store's own `read` and `write`.

Not a `MutableMapping`: its mixins would load every object to compare two stores, and empty a
bucket with `clear()`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, overload

from autostore.backend import FileMetadata
from autostore.config import StorageConfig
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.naming.resolution import Listed
from autostore.parallel import in_order
from autostore.telling.bars import counted

__all__ = ["DictInterface"]


class _Missing:
    """Stands for a default that was not given; None is a value."""

    def __repr__(self) -> str:
        return "<none>"


_MISSING: Any = _Missing()

Object = TypeVar("Object")
Default = TypeVar("Default")


class DictInterface(ABC):
    """What a dict offers, over a store's own operations."""

    config: StorageConfig
    __reversed__ = None  # or Python would ask for the numbers up to `len`, as of a sequence

    @abstractmethod
    def read(self, key: str, *, as_type: Any = None) -> Any:
        """See `AutoStore.read`."""

    @abstractmethod
    def write(self, key: str, data: Any, *, if_absent: bool = False) -> FileMetadata:
        """See `AutoStore.write`."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """See `AutoStore.exists`."""

    @abstractmethod
    def _entries(self, prefix: str) -> Iterator[Listed]:
        """What is stored."""

    @abstractmethod
    def _load_listed(self, listed: Listed) -> Any:
        """The object of a listed file; `StorageFileNotFoundError` if the key is gone meanwhile."""

    @abstractmethod
    def _take(self, key: str, as_type: Any) -> Any:
        """Read and remove one version of an object."""

    @property
    @abstractmethod
    def _width(self) -> int:
        """How many transfers are worth having in flight."""

    def __contains__(self, key: object) -> bool:
        """One request; a refused or broken connection raises."""
        return self.exists(key)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        """The keys; a listing, one request per 1,000 objects."""
        return self.keys()

    def __len__(self) -> int:
        """The number of keys: a whole listing, which `list(store)` asks for too; `list(store.keys())` does not."""
        return sum(1 for _ in self._entries(""))

    def __bool__(self) -> bool:
        """A store is a place: true even while it is empty, and asking costs nothing."""
        return True

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that begins with `prefix`, each once; 1 request per 1,000 objects, flat memory.

        `prefix` is a plain string, in which `*` is itself: patterns are those of `list_files`. A file that somebody
        laid there has the shortest key that reads it: `t` for `t.csv`, and `t.xlsx` for `t.xlsx` (docs/store.md).
        Where several files could answer to a bare key, each has its full name, also the one that was written under it.
        """
        return (listed.key for listed in self._entries(prefix))

    def values(self, prefix: str = "") -> Iterator[Any]:
        """The objects in the order of `keys()`; see `items`."""
        return (value for _, value in self.items(prefix))

    def items(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """`(key, object)` in the order of `keys()`; the first unreadable file raises, a key that vanished is left out.

        Costs a listing and a GET for each; `max_concurrency` + 1 objects are in memory, fewer where they are large:
        the files of those that nobody has taken yet are some 256 MiB together, or one.
        """

        def load(listed: Listed) -> tuple[str, Any]:
            try:
                return listed.key, self._load_listed(listed)
            except StorageFileNotFoundError:
                return listed.key, _MISSING  # deleted since it was listed

        entries = self._entries(prefix)
        loading = in_order(load, entries, self._width, size=lambda listed: listed.file.size)
        loaded = counted("read", loading, None, self.config.progress)
        return (item for item in loaded if item[1] is not _MISSING)

    @overload
    def get(self, key: str, default: None = None) -> Any | None: ...
    @overload
    def get(self, key: str, default: Any) -> Any: ...
    @overload
    def get(self, key: str, default: None = None, *, as_type: type[Object]) -> Object | None: ...
    @overload
    def get(self, key: str, default: Default, *, as_type: type[Object]) -> Object | Default: ...
    def get(self, key: str, default: Any = None, *, as_type: Any = None) -> Any:
        """The object, or `default` where nothing is stored; every other failure raises. The rest as `read`."""
        try:
            return self.read(key, as_type=as_type)
        except StorageFileNotFoundError:
            return default

    @overload
    def pop(self, key: str, default: Any = ...) -> Any: ...
    @overload
    def pop(self, key: str, *, as_type: type[Object]) -> Object: ...
    @overload
    def pop(self, key: str, default: Default, *, as_type: type[Object]) -> Object | Default: ...
    def pop(self, key: str, default: Any = _MISSING, *, as_type: Any = None) -> Any:
        """Remove the key and return exactly what was removed; what cannot be read `as_type` stays.

        Costs a read, a look for the file and a DELETE.
        """
        try:
            return self._take(key, as_type)
        except StorageFileNotFoundError:
            if default is _MISSING:
                raise
            return default

    @overload
    def setdefault(self, key: str, default: Any = None) -> Any: ...
    @overload
    def setdefault(self, key: str, default: Default, *, as_type: type[Object]) -> Object | Default: ...
    def setdefault(self, key: str, default: Any = None, *, as_type: Any = None) -> Any:
        """The object; where nothing is stored, `default` is written first, by one writer at most.

        `as_type`: see `read`; a `default` that was written is returned as it is. Costs a read, and where
        nothing is stored a conditional write.
        """
        try:
            return self.read(key, as_type=as_type)
        except StorageFileNotFoundError:
            pass
        try:
            self.write(key, default, if_absent=True)
        except PreconditionFailedError:
            return self.read(key, as_type=as_type)
        return default

    def update(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **objects: Any) -> None:
        """Write many objects, `max_concurrency` at a time, each as `write`; on a failure those already written stay."""
        pairs = dict(other, **objects)
        written = in_order(lambda key: self.write(key, pairs[key]), pairs, self._width)
        for _ in counted("write", written, len(pairs), self.config.progress):
            pass
