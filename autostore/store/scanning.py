"""Tables as lazy frames, read where they lie: one object, all below a prefix, or many keys."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autostore.backend import FileMetadata, not_found
from autostore.backends.left_out import LeftOut
from autostore.errors import (
    InvalidConfigError,
    InvalidKeyError,
    StorageFileNotFoundError,
    UnsupportedFormatError,
    compose,
)
from autostore.guard.ceiling import Ceiling
from autostore.handlers.registry import HandlerRegistry
from autostore.handlers.tables.kinds import panics_are_errors
from autostore.handlers.tables.mark import read_mark
from autostore.handlers.tables.polars import read_lazy
from autostore.keys import Key, check_key, where
from autostore.naming.resolution import Resolver
from autostore.optional import require
from autostore.parallel import in_order
from autostore.scans.constants import of_values
from autostore.scans.fetching import Opener
from autostore.scans.footer import footer_of
from autostore.scans.logged import check_log
from autostore.scans.parts import Part, hive, named_damage
from autostore.scans.planning import look, over, planned, typed
from autostore.scans.schemas import schema_of, united
from autostore.scans.source import Source, frame_over
from autostore.store.loading import Loader

__all__ = ["Scanner"]

Result = TypeVar("Result")

ATTEMPTS = 5
"""How often a file that was replaced by one of another format is looked for again."""

NICKNAMES = (".pq", ".parq")
"""Names that other programs give to Parquet."""

OTHER_TABLES = frozenset({".csv"})


class Scanner:
    """Scans of one store."""

    def __init__(self, opener: Opener, registry: HandlerRegistry, resolver: Resolver, loader: Loader) -> None:
        self.opener = opener
        self._backend = opener.backend
        self._registry = registry
        self._resolver = resolver
        self._loader = loader

    def one(self, key: Key) -> Any:
        """The table under a key."""
        try:
            return self.found(key, lambda path, extension: self._one(key, path, extension))
        except StorageFileNotFoundError as error:
            remedy = f"Tables below it, if there are any, are scanned as {key.text + '/'!r}."
            raise StorageFileNotFoundError(f"{error} {remedy}") from error

    def folder(self, prefix: str, *, schema: Any = None, hive_schema: Mapping[str, Any] | None = None) -> Source:
        """All tables below a prefix, in the order of their paths."""
        check_key(prefix.removesuffix("/"), self._backend.uri)
        tables = self._tables(prefix)
        values = [hive(file.path[len(prefix) :]) for file, _ in tables]
        names = list(dict.fromkeys(name for row in values for name in row))
        parts = [
            self._part(file.path, extension, file, {name: row.get(name) for name in names})
            for (file, extension), row in zip(tables, values, strict=True)
        ]
        parts, constants = typed(parts, names, hive_schema or {})
        return over(self.opener, *planned(self.opener, parts, schema), constants)

    def many(self, tables: Mapping[str, Mapping[str, Any]], parse: Callable[[str], Key]) -> Source:
        """Tables of many keys, each with columns that have one value in all of its rows."""
        if not isinstance(tables, Mapping):
            problem, remedy = (
                "Several keys are scanned as a dict, each with its columns",
                "Pass {key: {} for key in keys}.",
            )
            raise InvalidKeyError(compose(problem, uri=self._backend.uri, remedy=remedy))
        if not tables:
            raise StorageFileNotFoundError("A scan of no keys has no columns. Pass at least one key.")
        for key, row in tables.items():
            if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
                problem = f"The columns of {key!r:.80} are no dict of names and values"
                raise InvalidConfigError(f"{problem}. Pass one, such as {{'city': 'Oslo'}}, or {{}}.")
        names = list(dict.fromkeys(name for row in tables.values() for name in row))
        constants = {name: of_values(name, [row.get(name) for row in tables.values()]).dtype for name in names}

        def look_at(item: tuple[str, Mapping[str, Any]]) -> tuple[Part, Mapping[str, Any]]:
            values = {name: item[1].get(name) for name in names}
            return self.found(parse(item[0]), lambda path, ext: look(self.opener, self._part(path, ext, None, values)))

        looked = list(in_order(look_at, tables.items(), self._backend.concurrency))
        stored = united((part.name, schema) for part, schema in looked)
        return over(self.opener, [part for part, _ in looked], stored, constants)

    def found(self, key: Key, act: Callable[[str, str], Result]) -> Result:
        """What `act(path, extension)` makes of the file of a key; looked for again where it is gone by then."""
        if key.names_file is None:
            with contextlib.suppress(StorageFileNotFoundError):
                return act(key.text, key.extension)
        for _ in range(ATTEMPTS):
            path = self._resolver.path(key)
            try:
                return act(path, key.extension_of(path))
            except StorageFileNotFoundError:
                self._resolver.forget(key)
                if key.names_file:
                    break
        raise not_found(key.text, self._backend.uri)

    def is_ranged(self, extension: str) -> bool:
        """Whether pieces of such a file can be read, so that it need not be fetched."""
        return self._registry.in_ranges(extension)

    def _one(self, key: Key, path: str, extension: str) -> Any:
        if not self._registry.in_ranges(extension) or self.opener.is_local(path):
            return self._loader.load(key, require("polars").LazyFrame).value
        with contextlib.closing(self.opener.open(path, extension)) as pinned:
            tail = pinned.tail
            part = Part(path, extension, tail.etag, tail.size, where(path, self._backend.uri), tail=tail)
            with named_damage(part), panics_are_errors():
                schema = schema_of(footer_of(tail, pinned.read))
                whole = io.BytesIO(tail.data) if len(tail.data) == tail.size else pinned.ranges.file
                if whole is not None:
                    return read_lazy(whole, read_mark(whole), Ceiling(None))
                return frame_over(Source(self.opener, [part], schema, {}))

    def _part(self, path: str, extension: str, file: FileMetadata | None, constants: Mapping[str, Any]) -> Part:
        uri = self._backend.uri
        if not self._registry.in_ranges(extension):
            problem, remedy = "Only Parquet can be scanned together with other tables", "Scan this key alone."
            raise UnsupportedFormatError(compose(problem, key=path, uri=uri, remedy=remedy))
        etag, size = ("", 0) if file is None else (file.etag, file.size)
        return Part(path, extension, etag, size, where(path, uri), constants)

    def _tables(self, prefix: str) -> list[tuple[FileMetadata, str]]:
        """The tables below a prefix; names that begin with `_` or `.` are other tools' own. Nicknames are told."""
        found, others, left_out = [], [], LeftOut(self._backend.uri)
        for file in self._backend.list_files(prefix):
            check_log(prefix, file.path, self._backend.uri)
            extension = self._registry.split(file.path)[1]
            if any(segment[:1] in ("_", ".") for segment in file.path[len(prefix) :].split("/")):
                continue
            if self._registry.in_ranges(extension):
                found.append((file, extension))
            elif extension in OTHER_TABLES:
                others.append(file.path)
            elif file.path.endswith(NICKNAMES):
                left_out.add(file.path, "a scan reads .parquet")
        left_out.say()
        if others:
            raise _mixed(prefix, self._backend.uri, [others[0], *(file.path for file, _ in found[:1])])
        if not found:
            remedy = "store.keys() lists what is; one object is scanned by its key, without the '/' at the end."
            problem = "No table lies below this prefix"
            raise StorageFileNotFoundError(compose(problem, key=prefix, uri=self._backend.uri, remedy=remedy))
        return found


def _mixed(prefix: str, uri: str, paths: list[str]) -> UnsupportedFormatError:
    problem = f"Only Parquet is scanned as a folder, and below this prefix lies {' beside '.join(map(repr, paths))}"
    remedy = "Scan a prefix that holds one format, or scan the others by their keys."
    return UnsupportedFormatError(compose(problem, key=prefix, uri=uri, remedy=remedy))
