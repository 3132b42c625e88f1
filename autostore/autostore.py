"""The store: `AutoStore`, a dict over a folder, a bucket or memory that keeps every type.

A face and no more, long because each public call says here what it does and costs.

write: object -> handler (by type, or by the key's extension) -> a file in scratch -> backend
read:  key -> path (at most one listing) -> a local file -> handler -> object
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Self, TypeVar, overload

from autostore.backend import FileMetadata, StorageBackend
from autostore.backends import schemes
from autostore.backends.checked import checked
from autostore.cache.copies import Copies
from autostore.config import StorageConfig
from autostore.errors import (
    StoragePermissionError,
    compose,
)
from autostore.handler import DataHandler
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key, check_key, parse_uri, uri_below
from autostore.naming.publishing import Publisher
from autostore.naming.resolution import Listed, Resolver
from autostore.preview import Preview
from autostore.store.changing import Changer
from autostore.store.describing import Describer
from autostore.store.loading import Loader
from autostore.store.looking import LookingInterface
from autostore.store.mapping import DictInterface
from autostore.store.sending import SendingInterface
from autostore.store.transferring import Side

__all__ = ["AutoStore", "DataHandler"]

Object = TypeVar("Object")


class AutoStore(DictInterface, LookingInterface, SendingInterface):
    """A store of objects under one URI.

    Args:
        uri: a folder (`"./data"`, a `Path`), `"s3://bucket/prefix/"`, or `"memory://"`.
        config: settings; a backend takes those that it knows.

    One store serves many threads; it works after fork, and pickles by reopening (the pickle
    then holds the configuration's secrets).
    """

    def __init__(self, uri: str | os.PathLike[str], config: StorageConfig | None = None) -> None:
        parsed = parse_uri(uri)
        cls = schemes.backend_class(parsed.scheme)
        self.config = cls.config_class.adapt(config)
        self._backend: StorageBackend = checked(cls(parsed, self.config))
        self._registry = HandlerRegistry(self.config)
        self._resolver = Resolver(self._backend, self._registry)
        self._publisher = Publisher(self._backend, self._resolver)
        self._copies = Copies(self._backend, self.config)
        self._loader = Loader(self._backend, self._registry, self._resolver, self._copies)
        self._changer = Changer(self._backend, self._registry, self._resolver, self._publisher, self._loader)
        self._describer = Describer(self._backend, self._registry, self._resolver, self._copies)
        self._root = ""

    @property
    def uri(self) -> str:
        """Where the store begins, absolute."""
        return uri_below(self._backend.uri, self._root)

    def __truediv__(self, prefix: str) -> AutoStore:
        """The store below a prefix: `(store / "flights")["day"]` is `store["flights/day"]`; no request.

        It shares settings, formats, cache, connections and the place of marks with this one.
        """
        root = self._key(prefix.removesuffix("/") if isinstance(prefix, str) else prefix).text + "/"
        below = copy(self)
        below._root = root
        below._describer = Describer(self._backend, self._registry, self._resolver, self._copies, root)
        return below

    @property
    def _width(self) -> int:
        return self._backend.concurrency

    def __setitem__(self, key: str, data: Any) -> None:
        """Keep `data` under `key`: a bare key gets the extension of its type's format.

        `store["a/b"] = df` puts the bytes at `a/b.parquet` below the URI; a key that ends in
        a registered extension (`a/b.csv`) names file and format itself. Costs as `write`.
        """
        self.write(key, data)

    def __getitem__(self, key: str) -> Any:
        """The object as it was written, of the same type. Costs as `read`."""
        return self.read(key)

    def __delitem__(self, key: str) -> None:
        """Remove exactly this object. On S3 2 requests: one finds the file, one removes it."""
        self._publisher.remove(self._writable(key))

    def write(
        self, key: str, data: Any, *, format: str | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Keep `data` under `key`; all or nothing.

        On S3 1 request where the key names its file, 2 where it is bare (a look for other formats), a
        few more where its format changes; from `multipart_threshold` on one per part and two more.
        The file is encoded to disk first, so memory holds the object and little else.

        Args:
            key: where; see `__setitem__`.
            data: any object that a registered format holds exactly.
            format: the extension to use for a bare key, such as `"csv"`; None: by type.
            if_etag: write only while the object still has this ETag; keeps its format.
            if_absent: write only where nothing is stored.

        Raises:
            UnsupportedFormatError: the format cannot hold the value; nothing was written.
            AmbiguousKeyError: another file, not written under this key, answers to it.
            PreconditionFailedError: `if_etag` or `if_absent` did not hold.
        """
        return self._own(
            self._changer.write(self._writable(key), data, format=format, if_etag=if_etag, if_absent=if_absent)
        )

    @overload
    def read(self, key: str, *, as_type: type[Object]) -> Object: ...
    @overload
    def read(self, key: str, *, as_type: None = None) -> Any: ...
    def read(self, key: str, *, as_type: Any = None) -> Any:
        """The object under `key`.

        On S3 1 request where its file is known (the key names it, or was used within a minute), which
        moves no bytes where the cache holds them; else 2. Large local arrays are mapped, not loaded.

        Args:
            key: which.
            as_type: None for the type that was recorded; a type that the format can be read
                into (`pl.LazyFrame`, another model, `dict` for a model's fields); `bytes`
                for the raw file.

        Raises:
            StorageFileNotFoundError: nothing is stored here (also a KeyError).
            AmbiguousKeyError: several files answer, and none was written under this key.
            CorruptDataError: the bytes are damaged.
            UntrustedDataError: reading would run code that this store does not allow.
        """
        return self._loader.load(self._key(key), as_type).value

    @overload
    def modify(self, key: str, fn: Callable[[Object], object], *, as_type: type[Object]) -> FileMetadata: ...
    @overload
    def modify(self, key: str, fn: Callable[[Any], object], *, as_type: None = None) -> FileMetadata: ...
    def modify(self, key: str, fn: Callable[[Any], object], *, as_type: Any = None) -> FileMetadata:
        """Replace the object by `fn(object)`, again and again until nobody else wrote meanwhile.

        The format stays, so it must hold what `fn` returns. `as_type`: see `read`. A round costs a read
        and a write; nothing is locked while `fn` runs.
        """
        return self._own(self._changer.modify(self._writable(key), fn, as_type))

    def exists(self, key: str) -> bool:
        """Whether something is stored under `key`; 1 request, and every failure but absence raises."""
        return self._resolver.exists(self._key(key))

    def get_metadata(self, key: str) -> FileMetadata:
        """Path, size in bytes, ETag and time of the file that holds the object; 1 request."""
        return self._own(self._resolver.locate(self._key(key)))

    def get_size(self, key: str) -> int:
        """Size of the stored file, bytes; 1 request."""
        return self.get_metadata(key).size

    def list_files(self, pattern: str = "*") -> Iterator[str]:
        """Paths below the URI that match `pattern` as a whole (`*` crosses `/`), whatever their extension.

        1 request per 1,000 files that begin as the pattern does before its first wildcard; flat memory.
        """
        wild = min((pattern.find(c) for c in "*?[" if c in pattern), default=len(pattern))
        listed = self._backend.list_files(self._root + pattern[:wild])
        paths = (file.path[len(self._root) :] for file in listed)
        return (path for path in paths if fnmatchcase(path, pattern))

    def copy(self, source: str, target: str) -> FileMetadata:
        """Copy an object without reading it; onto itself nothing happens.

        On S3 1 request for the copy, which moves no bytes here, after 1 for the source and 1 for a bare target.
        """
        return self._own(self._publisher.copy(self._key(source), self._writable(target)))

    def move(self, source: str, target: str) -> FileMetadata:
        """Rename an object; a crash leaves it under one key or both, onto itself nothing happens.

        Locally one rename, on S3 as `copy` and 1 request more.
        """
        return self._own(self._publisher.move(self._writable(source), self._writable(target)))

    def preview(self, data: Any, *, format: str | None = None) -> Preview:
        """What a person would look at first in a value, such as a table's head; at most 200,000 characters.

        The first handler that handles it is asked, so a plugin's value shows what the plugin says. No request is
        made and no file read; frames, arrays and tensors are looked through once in memory, and a LazyFrame is
        computed twice. Errors of the value's own code are raised as they are.

        Args:
            data: any value, stored or not.
            format: what `write` was given; None: by type.
        """
        return self._registry.preview(data, "" if format is None else f".{format.removeprefix('.')}")

    def register_handler(self, handler: DataHandler) -> None:
        """Add a format to this store; no request."""
        self._registry.register(handler)
        self._resolver.forget_all()

    def unregister_handler(self, handler_class: type[DataHandler]) -> None:
        """Remove a format, built-in or added, from this store."""
        self._registry.unregister(handler_class)
        self._resolver.forget_all()

    def begins_here(self) -> bool:
        """Whether a store was begun at this URI: marks, versions or claims lie below its `.autostore/`; 1 LIST."""
        return not self._root and self._backend.begins_here()

    register_backend = staticmethod(schemes.register)
    unregister_backend = staticmethod(schemes.unregister)
    get_supported_backends = staticmethod(schemes.supported)

    def cleanup_cache(self) -> None:
        """Drop cached copies that expired or exceed the limit, and what killed writers left a day ago.

        A look through the cache's folder, and on S3 1 request per 1,000 unfinished uploads.
        """
        self._copies.cleanup()
        if not self.config.read_only:
            self._backend.sweep()

    def close(self) -> None:
        """Remove temporary files and drop connections; the next use opens them again. 1 LIST where parts were sent."""
        self._backend.close()

    cleanup = close

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._copies.cleanup()
        self.close()

    def __repr__(self) -> str:
        return f"AutoStore({self.uri!r})"

    def __getstate__(self) -> dict[str, Any]:
        told = {"uri": self._backend.uri, "config": self.config, "handlers": self._registry.changes()}
        return {**told, "root": self._root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["uri"], state["config"])  # type: ignore[misc]
        self._registry.apply(state["handlers"])
        if state.get("root"):
            self.__dict__ = (self / state["root"]).__dict__

    def _key(self, key: object) -> Key:
        if self._root and isinstance(key, str):
            check_key(key, self.uri)
            key = self._root + key
        return self._registry.parse(key, self._backend.uri)

    def _side(self) -> Side:
        return Side(self._backend, self._registry, self._resolver, self._publisher, self._copies, self._root)

    def _own(self, file: FileMetadata) -> FileMetadata:
        return replace(file, path=file.path[len(self._root) :]) if self._root else file

    def _writable(self, key: object) -> Key:
        parsed = self._key(key)
        if self.config.read_only:
            problem, remedy = "This store is read-only", "Open it without read_only to write."
            raise StoragePermissionError(compose(problem, key=parsed.text, uri=self.uri, remedy=remedy))
        return parsed

    def _entries(self, prefix: str) -> Iterator[Listed]:
        listed = self._resolver.keys(self._root + prefix)
        return listed if not self._root else (one._replace(key=one.key[len(self._root) :]) for one in listed)

    def _load_listed(self, listed: Listed) -> Any:
        return self._loader.load_listed(listed if not self._root else listed._replace(key=self._root + listed.key))

    def _take(self, key: str, as_type: Any) -> Any:
        return self._changer.take(self._writable(key), as_type)
