"""The store: `AutoStore`, a dict over a folder, a bucket or memory that keeps every type.

A face and no more, long because each public call says here what it does and costs.

write: object -> handler (by type, or by the key's extension) -> a file in scratch -> backend
read:  key -> path (at most one listing) -> a local file -> handler -> object
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from autostore.backend import FileMetadata, StorageBackend
from autostore.backends import schemes
from autostore.backends.checked import checked
from autostore.config import StorageConfig
from autostore.errors import (
    InvalidConfigError,
    StoragePermissionError,
    compose,
)
from autostore.handler import DataHandler
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key, check_key, check_prefix, parse_uri, uri_below
from autostore.memo.interface import MemoInterface
from autostore.naming.resolution import OURS, Listed
from autostore.naming.versions import has_versions
from autostore.preview import Preview
from autostore.scans.source import frame_over
from autostore.store.assembly import Parts, assembled, layered
from autostore.store.awaiting import AsyncInterface
from autostore.store.branching import BranchInterface
from autostore.store.changing import Changer
from autostore.store.defaulting import UNSAID, default_uri
from autostore.store.describing import Describer
from autostore.store.layers import check_bases, stricter
from autostore.store.lending import LendingInterface, asks_for_file
from autostore.store.looking import LookingInterface
from autostore.store.mapping import DictInterface
from autostore.store.misplaced import refuses_settings
from autostore.store.pruning import Pruned
from autostore.store.scanning import Scanner
from autostore.store.sending import SendingInterface
from autostore.store.tables import Tables, asks_for_scan, listed, selected
from autostore.store.transferring import Side
from autostore.store.version import Version, check_note, name_of

if TYPE_CHECKING:
    import polars as pl

    from autostore.memo.results import Memory

__all__ = ["AutoStore", "DataHandler"]

Object = TypeVar("Object")
Located = TypeVar("Located", FileMetadata, Version)


class AutoStore(
    DictInterface, LookingInterface, SendingInterface, LendingInterface, BranchInterface, MemoInterface, AsyncInterface
):
    """A store of objects under one URI: a dict that gives back what was put in, of the same type.

        store["a/b"] = frame            store["a/b"]          del store["a/b"]
        "a/b" in store, keys, len       get pop setdefault    update items values
        write read modify               preview get_metadata  get_size exists
        info entries tree show formats  copy move checksum    copy_to move_to
        scan path url storage_options   over base diff        promote discard
        versions restore prune          list_files            store / "prefix"
        cache (memoizes functions)      register_handler      aread awrite ...
        close cleanup_cache

    Args:
        uri: a folder (`"./data"`, a `Path`), `"s3://bucket/prefix/"`, or `"memory://"`; left out, the environment's
            `AUTOSTORE_URI`, else a folder of the user's data, which a warning names.
        config: settings; a backend takes those that it knows.
        base: another store, or a URI that is opened with the same settings: what is not here is read there, and
            nothing is ever written there but by `promote`.
        fs: in place of the URI a file system of fsspec (docs/places.md says what it keeps).
        root: a folder of that file system.

    One store serves many threads; it works after fork, and pickles by reopening (the pickle
    then holds the configuration's secrets).
    """

    @refuses_settings
    def __init__(
        self,
        uri: str | os.PathLike[str] = UNSAID,
        config: StorageConfig | None = None,
        *,
        base: AutoStore | str | os.PathLike[str] | None = None,
        fs: Any = None,
        root: str | os.PathLike[str] = "",
    ) -> None:
        self._root = ""
        uri, config = (uri, config) if fs is None else schemes.over_file_system(fs, root, config)
        parsed = parse_uri(default_uri() if uri is UNSAID else uri)
        cls = schemes.backend_class(parsed.scheme)
        self.config = cls.config_class.adapt(config)
        self._registry = HandlerRegistry(self.config)
        self._place: StorageBackend = checked(cls(parsed, self.config))
        self._base, self._owns_base = self._opened_base(base), not isinstance(base, AutoStore)
        self._parts = parts = self._assembled()
        self._backend, self._resolver, self._publisher = parts.backend, parts.resolver, parts.publisher
        self._loader, self._copies, self._history = parts.loader, parts.copies, parts.history
        self._scanner = Scanner(parts.opener, self._registry, self._resolver, self._loader)
        self._tables = Tables(self.uri, self._scanner, self._loader, self.config.max_read_bytes)
        self._changer = Changer(self._backend, self._registry, self._resolver, self._publisher, self._loader)
        self._pruner = parts.pruner
        self._describer = Describer(parts.opener, self._registry, self._resolver)

    def _opened_base(self, base: AutoStore | str | os.PathLike[str] | None) -> AutoStore | None:
        if base is None:
            return None
        opened = base if isinstance(base, AutoStore) else AutoStore(base, self.config)
        if opened._root:  # noqa: SLF001 - of a store as this one
            problem, remedy = "A base is a whole store, and this is a part of one", "Open its URI, and take that."
            raise InvalidConfigError(compose(problem, uri=opened.uri, remedy=remedy))
        bases: list[str] = []
        below: AutoStore | None = opened
        while below is not None:
            bases.append(below.uri)
            below = below.base
        check_bases(self._place.uri, bases)
        return opened

    def _assembled(self) -> Parts:
        if self._base is None:
            return assembled(self._place, self._registry, self.config)
        strict = stricter(self._base.config, self.config)
        reader = self._base if strict is None else AutoStore(self._base.uri, strict, base=self._base.base)
        base, read = self._base._parts, reader._parts  # noqa: SLF001 - of stores as this one
        if read is not base:
            read.registry.apply(base.registry.changes())
        return layered(self._place, self._registry, self.config, base, read)

    def _base_parts(self) -> Parts | None:
        return None if self._base is None else self._base._parts  # noqa: SLF001 - of a store as this one

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
        below._describer = Describer(self._parts.opener, self._registry, self._resolver, root)
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
        self,
        key: str,
        data: Any,
        *,
        format: str | None = None,
        if_etag: str | None = None,
        if_absent: bool = False,
        note: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> FileMetadata:
        """Keep `data` under `key`; all or nothing.

        On S3 1 request where the key names its file, 2 where it is bare (a look for other formats), up to
        9 where its format changes; from `multipart_threshold` on one per part and two more. A condition,
        history or a base costs more (docs/design.md has the table).
        The file is encoded to disk first, so memory holds the object and little else. A `pl.LazyFrame`, and what gives
        tables one by one (a generator of frames, a `pyarrow.RecordBatchReader`, anything with `__arrow_c_stream__`), is
        never whole anywhere: to S3 its parts leave while it is computed, some 100 MB of memory; with a condition,
        history or a base it is on this disk first.

        Args:
            key: where; see `__setitem__`.
            data: any object that a registered format holds exactly.
            format: the extension to use for a bare key, such as `"csv"`; None: by type.
            if_etag: write only while the object still has this ETag; keeps its format.
            if_absent: write only where nothing is stored.
            options: how a Parquet file is laid out: `compression`, `compression_level`, `row_group_size`, `statistics`.
            note: why, for `versions`; at most 2,000 characters, with history only; 1 request more.

        Raises:
            UnsupportedFormatError: the format cannot hold the value; nothing was written.
            AmbiguousKeyError: another file, not written under this key, answers to it.
            PreconditionFailedError: `if_etag` or `if_absent` did not hold.
        """
        if note is not None:
            check_note(note, history=bool(self.config.history))
        written = self._changer.write(
            self._writable(key), data, format=format, if_etag=if_etag, if_absent=if_absent, options=options
        )
        if note:
            self._history.note(written, note)
        return self._own(written)

    @overload
    def read(
        self,
        key: str,
        *,
        as_type: type[Object],
        columns: Sequence[str] | None = None,
        version: str | Version | None = None,
        at: datetime | None = None,
    ) -> Object: ...
    @overload
    def read(
        self,
        key: str,
        *,
        as_type: None = None,
        columns: Sequence[str] | None = None,
        version: str | Version | None = None,
        at: datetime | None = None,
    ) -> Any: ...
    def read(
        self,
        key: str,
        *,
        as_type: Any = None,
        columns: Sequence[str] | None = None,
        version: str | Version | None = None,
        at: datetime | None = None,
    ) -> Any:
        """The object under `key`.

        On S3 1 request where its file is known (the key names it, or was used within a minute), which
        moves no bytes where the cache holds them; else 2. Large local arrays are mapped, not loaded.
        Of a Parquet file a `pl.LazyFrame`, and `columns`, move what is needed, as `scan` does.

        Args:
            key: which; or a prefix that ends in `/`, for all Parquet files below it as one table of the kind `as_type`.
            as_type: None for the type that was recorded; a type that the format can be read
                into (`pl.LazyFrame`, another model, `dict` for a model's fields); `bytes`
                for the raw file; `Path` for a local file with these bytes, as `path` gives it, of a `.tar` a folder;
                with `version` or `at` always a copy, yours until the store is closed.
            columns: of a table only these, in this order; a frame of pandas keeps its index.
            version: one of its `versions`, or the `id` of one; 1 request more.
            at: an aware moment: what was stored then, as far as history was kept; costs as `versions` and a read.

        Raises:
            StorageFileNotFoundError: nothing is stored here (also a KeyError), or was then.
            AmbiguousKeyError: several files answer, and none was written under this key.
            CorruptDataError: the bytes are damaged.
            UntrustedDataError: reading would run code that this store does not allow.
        """
        columns = listed(columns)
        if version is not None or at is not None:
            parsed = self._key(key)
            value = self._history.load(parsed, name_of(version), at, self._read_old(parsed, as_type))
            return value if columns is None else self._tables.cut(value, columns, key)
        if columns is None and asks_for_file(as_type) and (file := self._as_path(key)) is not None:
            return file
        in_place = as_type is not None and (asks_for_scan(as_type) or (isinstance(key, str) and key.endswith("/")))
        if columns is None and not in_place:
            return self._loader.load(self._key(key), as_type).value
        if isinstance(key, str) and key.endswith("/"):
            return self._tables.folder(self._root + key, as_type, columns)
        return self._tables.read(self._key(key), as_type, columns)

    @overload
    def modify(self, key: str, fn: Callable[[Object], object], *, as_type: type[Object]) -> FileMetadata: ...
    @overload
    def modify(self, key: str, fn: Callable[[Any], object], *, as_type: None = None) -> FileMetadata: ...
    def modify(self, key: str, fn: Callable[[Any], object], *, as_type: Any = None) -> FileMetadata:
        """Replace the object by `fn(object)`, again and again until nobody else wrote meanwhile.

        The format stays, so it must hold what `fn` returns. `as_type`: see `read`. A round costs a read
        and a write; nothing is locked while `fn` runs, which must not write the key itself.
        """
        return self._own(self._changer.modify(self._writable(key), fn, as_type))

    def scan(
        self,
        key: str | Mapping[str, Mapping[str, Any]],
        *,
        columns: Sequence[str] | None = None,
        schema: Literal["all"] | Mapping[str, Any] | None = None,
        hive_schema: Mapping[str, Any] | None = None,
    ) -> pl.LazyFrame:
        """A table as a lazy frame that reads where it lies; or many tables as one.

        On S3 a scan asks once for a Parquet file's last 64 KiB, and when it runs for the columns and row groups that
        the query needs, in windows of 16 MiB, two of them in memory. All is of the version that was planned; where
        another lies there by then, the query fails (`PreconditionFailedError`), and is to be planned again. With the
        cache on, no range of a version is fetched twice. A local file is opened at once and stays what it is. Other
        formats are fetched whole and then read lazily. The frame pickles with cloudpickle (of a local file not at
        all), and it cannot be collected in a forked child: use spawn.

        Args:
            key: a key; a prefix that ends in `/`, for all Parquet files below it in the order of their paths, with the
                `name=value` folders as columns of text; or keys, each with such columns.
            columns: only these, in this order.
            schema: of a prefix's files. None: of 16 of them, spread over all, each 1 request, so that a query on
                folders asks for nothing else; a file that does not fit is then refused when it is read. "all": of
                each, 1 request a file, wanted where they differ. A mapping: this one, and only 1 request per 1,000.
            hive_schema: dtypes of folders' columns, such as `{"date": pl.Date}`.

        Raises:
            StorageFileNotFoundError: nothing is stored here, or no table below the prefix.
            SchemaMismatchError: a column has types that no number type holds both of; numbers widen, and a
                column that a file lacks is null there.
            UnsupportedFormatError: no table, or tables of several formats below the prefix.
            CorruptDataError: a file is not what its name says; raised here or when the scan runs.
        """
        columns = listed(columns)
        if isinstance(key, Mapping | list | tuple):
            frame = frame_over(self._scanner.many(key, self._key))
        elif isinstance(key, str) and key.endswith("/"):
            frame = frame_over(self._scanner.folder(self._root + key, schema=schema, hive_schema=hive_schema))
        else:
            frame = self._scanner.one(self._key(key))
        found: pl.LazyFrame = selected(frame, columns, str(key), self.uri)
        return found

    def exists(self, key: str) -> bool:
        """Whether something is stored under `key`; 1 request, and every failure but absence raises."""
        return self._resolver.exists(self._key(key))

    def get_metadata(self, key: str) -> FileMetadata:
        """Path, size in bytes, ETag and time of the file that holds the object; 1 request."""
        return self._own(self._resolver.locate(self._key(key)))

    def get_size(self, key: str) -> int:
        """Size of the stored file, bytes; 1 request."""
        return self.get_metadata(key).size

    def url(self, key: str, *, expires: float | None = None) -> str:
        """The URI of the object's own file, or of a prefix that ends in `/`, for other engines.

        1 request for a bare key, else none. With `expires`, on S3, a URL that anybody who has it may read for so many
        seconds: it is a secret, for as long.
        """
        where = self._where(key) or self._key(key)
        return self._backend.url(where if isinstance(where, str) else self._resolver.path(where), expires=expires)

    def storage_options(self, engine: Literal["polars", "fsspec", "duckdb", "delta", "pyarrow"]) -> dict[str, Any]:
        """How another engine reaches this store, in its own words; no request to the store.

        Empty for a local folder, whichever engine: a path is all that it needs.

        The values hold the credentials, those of botocore's chain as they are now: pass them on, and never print them.

        Args:
            engine: "polars" and "delta" (of object_store), "fsspec" (s3fs), "duckdb" (of CREATE SECRET), "pyarrow"
                (`pyarrow.fs.S3FileSystem`).
        """
        return self._backend.storage_options(engine)

    def list_files(self, pattern: str = "*") -> Iterator[str]:
        """Paths below the URI that match `pattern` as a whole (`*` crosses `/`), whatever their extension.

        1 request per 1,000 files that begin as the pattern does before its first wildcard; flat memory.
        """
        pattern = check_prefix(pattern, self.uri)
        wild = min((pattern.find(c) for c in "*?[" if c in pattern), default=len(pattern))
        found = self._backend.list_files(self._root + pattern[:wild])
        paths = (file.path[len(self._root) :] for file in found if not file.path.startswith(OURS))
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

    def versions(self, key: str) -> list[Version]:
        """Every value that the key had and has, newest first; of a deleted key too, none of one that never was.

        With `history=True` what is replaced or deleted is kept. On S3 1 request for each 1,000 versions, one or two
        for the current value, one for each note.
        """
        found = self._history.versions(self._key(key))
        return found if not self._root else [self._own(version) for version in found]

    def restore(self, key: str, version: str | Version) -> FileMetadata:
        """Make a version the value again: a write like any other, which keeps what it replaces. Costs as `copy`."""
        return self._own(self._history.restore(self._writable(key), name_of(version)))

    def prune(
        self, prefix: str = "", *, keep: int | None = None, days: float | None = None, dry_run: bool = False
    ) -> Pruned:
        """Remove old versions, never a current value; safe beside readers, writers and other pruners.

        A listing of the versions, a look at each key that has some, one request for each file that goes.

        Args:
            prefix: a key, or a prefix that ends in `/`; "": all. Keys of more than 900 bytes only by their name.
            keep: how many values of a key stay, the current one included; None: `history_keep`.
            days: for how long after it was replaced a value stays; None: `history_days`. With both a version
                goes only if both let it go.
            dry_run: remove nothing; a read-only store may, too.
        """
        where = self._where(prefix)
        if not dry_run:
            self._check_writable()
        if keep is None and days is None:
            keep, days = self.config.history_keep, self.config.history_days
        pruned = self._pruner.prune(where, keep, days, dry_run=dry_run)
        return pruned if not self._root else replace(pruned, removed=[self._own(one) for one in pruned.removed])

    @property
    def base(self) -> AutoStore | None:
        """The store that this one reads through to; None of one that is no branch."""
        return self._base / self._root if self._base is not None and self._root else self._base

    def over(self, base: AutoStore | str | os.PathLike[str]) -> AutoStore:
        """This place as a branch: reads look here, then in `base`; writes, `modify`, deletes and moves stay here.

        Only not-found falls through: a base that refuses or cannot be reached raises. Keys are those of both, each
        once. A first write over a value of the base costs 3 requests more, a read of one 2, a listing both listings;
        on S3 each change also claims its key.
        """
        if self._root:
            problem, remedy = "A branch is a whole store, and this is a part of one", "Branch the whole, take its part."
            raise InvalidConfigError(compose(problem, uri=self.uri, remedy=remedy))
        branch = AutoStore(self.uri, self.config, base=base)
        for opened in (branch, branch._base if branch._owns_base else None):
            if opened is not None:
                opened._parts.registry.apply(self._registry.changes())  # noqa: SLF001 - of a store as this one
        return branch

    def preview(self, data: Any, *, format: str | None = None) -> Preview:
        """What a person would look at first in a value, such as a table's head; at most 200,000 characters.

        The first handler that handles it is asked, so a plugin's value shows what the plugin says. No request is
        made and no file read; frames, arrays and tensors are looked through once in memory, and a LazyFrame is
        computed twice. Errors of the value's own code are raised as they are.

        Args:
            data: any value, stored or not.
            format: what `write` was given; None: by type.
        """
        return self._registry.preview(data, format)

    def register_handler(self, handler: DataHandler) -> None:
        """Add a format to this store, and to a base that was given by its URI; no request."""
        self._registry.register(handler)
        self._resolver.forget_all()
        if self._base is not None and self._owns_base:
            self._base.register_handler(handler)

    def unregister_handler(self, handler_class: type[DataHandler]) -> None:
        """Remove a format, built-in or added, from this store, and from a base that was given by its URI."""
        self._registry.unregister(handler_class)
        self._resolver.forget_all()
        if self._base is not None and self._owns_base:
            self._base.unregister_handler(handler_class)

    def begins_here(self) -> bool:
        """Whether a store was begun at this URI: marks, versions or claims lie below its `.autostore/`; 1 LIST."""
        return not self._root and self._backend.begins_here()

    def keeps_versions(self) -> bool:
        """Whether versions lie here, whoever kept them, with `history` in its own settings; 1 LIST."""
        return has_versions(self._backend)

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
        if self._base is not None and self._owns_base:
            self._base.close()

    cleanup = close

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Closed, and its cache tidied."""
        self._copies.cleanup()
        self.close()

    def __dir__(self) -> list[str]:
        """What completion shows: public names, and Python's own."""
        return [name for name in super().__dir__() if not name.startswith("_") or name.startswith("__")]

    def __repr__(self) -> str:
        """Where it is; with a choice of client libraries, by which."""
        if "_backend" not in vars(self):  # what was refused is in a crash report
            return "AutoStore(...)"
        engine = self._place.engine
        return f"AutoStore({self.uri!r}, engine={engine!r})" if engine else f"AutoStore({self.uri!r})"

    def __getstate__(self) -> dict[str, Any]:
        """By what a pickle opens it again."""
        told = {"uri": self._backend.uri, "config": self.config, "handlers": self._registry.changes()}
        return {**told, "base": self._base, "root": self._root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Opened again."""
        self.__init__(state["uri"], state["config"], base=state["base"])  # type: ignore[misc]
        self._registry.apply(state["handlers"])
        if state.get("root"):
            self.__dict__ = (self / state["root"]).__dict__

    def _key(self, key: object) -> Key:
        if self._root and isinstance(key, str):
            key = self._root + check_key(key, self.uri)
        return self._registry.parse(key, self._backend.uri)

    def _memory(self, name: str, expires: float | None) -> Memory:
        from autostore.memo.results import Memory

        changes, gives_back = self._registry.changes, self._registry.gives_back
        return Memory(self, self._place, name, self._root, expires, changes, gives_back)

    def _side(self) -> Side:
        return Side(self._backend, self._registry, self._resolver, self._publisher, self._copies, self._root)

    def _own(self, file: Located) -> Located:
        """The same, as the part of a store names it; what lies in the whole store's own folder keeps its name."""
        return replace(file, path=file.path.removeprefix(self._root)) if self._root else file

    def _writable(self, key: object) -> Key:
        parsed = self._key(key)
        self._check_writable(parsed.text)
        return parsed

    def _check_writable(self, key: str | None = None) -> None:
        if self.config.read_only:
            problem, remedy = "This store is read-only", "Open it without read_only to write."
            raise StoragePermissionError(compose(problem, key=key, uri=self._backend.uri, remedy=remedy))

    def _where(self, prefix: str) -> Key | str:
        if prefix == "":
            return self._root
        is_folder = isinstance(prefix, str) and prefix.endswith("/")
        key = self._key(prefix[:-1] if is_folder else prefix)
        return f"{key.text}/" if is_folder else key

    def _entries(self, prefix: str) -> Iterator[Listed]:
        listed = self._resolver.keys(self._root + check_prefix(prefix, self.uri))
        return listed if not self._root else (one._replace(key=one.key[len(self._root) :]) for one in listed)

    def _load_listed(self, listed: Listed) -> Any:
        return self._loader.load_listed(listed if not self._root else listed._replace(key=self._root + listed.key))

    def _take(self, key: str, as_type: Any) -> Any:
        return self._changer.take(self._writable(key), as_type)
