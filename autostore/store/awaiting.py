"""The calls of a store where an event loop runs: `await store.aread(...)` and its like, each in a thread.

Whoever is cancelled while a call is under way waits until that is done or undone, as it would be in a thread of its
own: nothing stays half done, and nothing goes on behind the caller's back. A call that waits for its thread still is
not made then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, overload

from autostore.backend import FileMetadata
from autostore.info.values import Info
from autostore.parallel import in_thread

__all__ = ["AsyncInterface"]

Object = TypeVar("Object")

BATCH = 500
"""How many keys are listed at once."""


class AsyncInterface(ABC):
    """The same calls, awaited: arguments, costs and errors are those of the call without the `a`."""

    @abstractmethod
    def read(self, key: str, *, as_type: Any = None) -> Any:
        """See `AutoStore.read`."""

    @abstractmethod
    def write(self, key: str, data: Any) -> FileMetadata:
        """See `AutoStore.write`."""

    @abstractmethod
    def modify(self, key: str, fn: Callable[[Any], object], *, as_type: Any = None) -> FileMetadata:
        """See `AutoStore.modify`."""

    @abstractmethod
    def update(self, other: Any = (), /, **objects: Any) -> None:
        """See `AutoStore.update`."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """See `AutoStore.exists`."""

    @abstractmethod
    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `AutoStore.keys`."""

    @abstractmethod
    def copy(self, source: str, target: str) -> FileMetadata:
        """See `AutoStore.copy`."""

    @abstractmethod
    def move(self, source: str, target: str) -> FileMetadata:
        """See `AutoStore.move`."""

    @abstractmethod
    def info(self, key: str) -> Info:
        """See `AutoStore.info`."""

    @abstractmethod
    def path(self, key: str) -> Path:
        """See `AutoStore.path`."""

    @abstractmethod
    def __delitem__(self, key: str) -> None:
        """See `AutoStore.__delitem__`."""

    @overload
    async def aread(self, key: str, *, as_type: type[Object], **options: Any) -> Object: ...
    @overload
    async def aread(self, key: str, *, as_type: None = None, **options: Any) -> Any: ...
    async def aread(self, key: str, *, as_type: Any = None, **options: Any) -> Any:
        """As `read`."""
        return await in_thread(self.read, key, as_type=as_type, **options)

    async def awrite(self, key: str, data: Any, **options: Any) -> FileMetadata:
        """As `write`; leave the object alone until it is written."""
        return await in_thread(self.write, key, data, **options)

    async def amodify(self, key: str, fn: Callable[[Any], object], *, as_type: Any = None) -> FileMetadata:
        """As `modify`; `fn` is called in a thread."""
        return await in_thread(self.modify, key, fn, as_type=as_type)

    async def aupdate(self, other: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **objects: Any) -> None:
        """As `update`."""
        await in_thread(self.update, other, **objects)

    async def adelete(self, key: str) -> None:
        """As `del store[key]`."""
        await in_thread(self.__delitem__, key)

    async def aexists(self, key: str) -> bool:
        """As `exists`."""
        return await in_thread(self.exists, key)

    async def akeys(self, prefix: str = "") -> AsyncIterator[str]:
        """As `keys`: `async for key in store.akeys():`."""
        listed = self.keys(prefix)
        while batch := await in_thread(lambda: list(islice(listed, BATCH))):
            for key in batch:
                yield key

    async def acopy(self, source: str, target: str) -> FileMetadata:
        """As `copy`."""
        return await in_thread(self.copy, source, target)

    async def amove(self, source: str, target: str) -> FileMetadata:
        """As `move`."""
        return await in_thread(self.move, source, target)

    async def ainfo(self, key: str) -> Info:
        """As `info`."""
        return await in_thread(self.info, key)

    async def apath(self, key: str) -> Path:
        """As `path`."""
        return await in_thread(self.path, key)
