"""Which file answers to a key: the decisions, pure, and the resolver that remembers them for a minute.

A key that ends in a registered extension names exactly that file. Any other key, a bare one,
is answered by the files `key + extension`: the only one there is, or the one whose mark says
that it was written last under the bare key. Several files without a mark are ambiguous.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from autostore.backend import FileMetadata, StorageBackend, changed, not_found
from autostore.errors import (
    AmbiguousKeyError,
    InvalidKeyError,
    StorageFileNotFoundError,
    UnsupportedFormatError,
    compose,
)
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import can_be_key, check_path

__all__ = ["Resolver", "ambiguous", "name_keys", "newest_marked"]

REMEMBERED_SECONDS = 60.0
REMEMBERED_KEYS = 65_536


def newest_marked(files: Iterable[FileMetadata]) -> FileMetadata | None:
    """The file that was written last under its bare key; None where none was."""
    marked = [(file.mark.time_ns, file.mark.id, file) for file in files if file.mark is not None]
    return max(marked, key=lambda entry: entry[:2])[2] if marked else None


def ambiguous(key: str, uri: str, files: Iterable[FileMetadata], doing: str) -> AmbiguousKeyError:
    """The error that lists who answers, and what to do."""
    names = sorted(repr(file.path) for file in files)
    fact = "answers to this key and was" if len(names) == 1 else "answer to this key and were"
    remedy = "Use a full name, or delete what you do not need."
    return AmbiguousKeyError(
        compose(f"Cannot {doing}: {', '.join(names)} {fact} not written under it", key=key, uri=uri, remedy=remedy)
    )


def name_keys(
    paths: Iterable[str], split: Callable[[str], tuple[str, str]], is_bare: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """`(key, path)` of every path with a registered extension, each once, in flat memory.

    `paths` come sorted. A stem with one file is listed as the bare key, one with several by
    full names. Files of one stem need not be neighbours (`k.csv`, `k.d/x.json`, `k.json`),
    but all between begin with `k.`, so a stack of open stems is enough.
    """
    opened: list[tuple[str, list[str]]] = []

    def close() -> Iterator[tuple[str, str]]:
        stem, files = opened.pop()
        if len(files) == 1 and is_bare(stem):
            yield stem, files[0]
        else:
            yield from zip(files, files, strict=True)

    for path in paths:
        while opened and not path.startswith(opened[-1][0] + "."):
            yield from close()
        stem, extension = split(path)
        if not extension:
            continue
        if opened and opened[-1][0] == stem:
            opened[-1][1].append(path)
        else:
            opened.append((stem, [path]))
    while opened:
        yield from close()


class Resolver:
    """Finds the file of a key; remembers the answer for a minute, and never an absence."""

    def __init__(self, backend: StorageBackend, registry: HandlerRegistry) -> None:
        self._backend = backend
        self._registry = registry
        self._memory: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def path(self, key: str) -> str:
        """The path to read; at most one request, none where it is known."""
        extension = self._registry.split(key)[1]
        if extension and not self._registry.may_be_stem(key):
            return key
        remembered = self._memory.get(key)
        if remembered is not None and time.monotonic() < remembered[1]:
            return remembered[0]
        if extension and self.is_file(key):
            return key
        path = self.choose(key, self.among(key)).path
        self.remember(key, path)
        return path

    def names_file(self, key: str) -> bool:
        """Whether the key names one file in full; a bare key is answered by files instead."""
        if not self._registry.split(key)[1]:
            return False
        return not self._registry.may_be_stem(key) or self.is_file(key)

    def locate(self, key: str) -> FileMetadata:
        """The file that holds the object now; one request, more only where several files answer."""
        if self.names_file(key):
            return self._backend.get_metadata(key)
        return self.choose(key, self.among(key))

    def path_for(self, key: str, extension: str) -> str:
        """The path to write: the key itself where it names its extension, else with this one."""
        if self._registry.split(key)[1]:
            return key
        path = check_path(key + extension, key, self._backend.uri)
        if self._registry.split(path) != (key, extension):
            problem = f"With {extension} this would read as {self._registry.split(path)[1]}"
            raise InvalidKeyError(compose(problem, key=key, uri=self._backend.uri, remedy="Choose another key."))
        return path

    def path_beside(self, source: str, target: str) -> str:
        """The path that a copy of the path `source` gets under the key `target`: the format stays."""
        extension = self._registry.split(source)[1]
        wanted = self._registry.split(target)[1]
        if wanted and wanted != extension:
            remedy = "Read it and write it again to convert it."
            problem = f"A copy keeps the format, and this is a {extension} file"
            raise UnsupportedFormatError(compose(problem, key=target, uri=self._backend.uri, remedy=remedy))
        return self.path_for(target, extension)

    def held(self, key: str, etag: str) -> FileMetadata:
        """The file to replace under `if_etag`; an absent or different one has changed."""
        with contextlib.suppress(StorageFileNotFoundError):
            found = self.locate(key)
            if found.etag == etag:
                return found
        raise changed(key, self._backend.uri)

    def agreed_extension(self, key: str, format: str | None, extension: str) -> str:
        """The extension that the key (`extension`) and `format=` agree on; "" where neither says one."""
        if format is None:
            return extension
        wanted = format if format.startswith(".") else f".{format}"
        known = wanted in self._registry.extensions
        if not known or (extension and extension != wanted):
            problem = f"format={format!r} " + (f"contradicts {extension}" if known else "is not registered")
            remedy = f"Registered are {', '.join(sorted(self._registry.extensions))}."
            raise UnsupportedFormatError(compose(problem, key=key, uri=self._backend.uri, remedy=remedy))
        return wanted

    def among(self, key: str) -> list[FileMetadata]:
        """The files among which a bare key's value is, without their marks; at most one listing."""
        return self._own(key, self._backend.find_value(key, self._registry.extensions))

    def candidates(self, key: str) -> list[FileMetadata]:
        """All files that answer to a bare key, without their marks; at most one listing."""
        return self._own(key, self._backend.find(key, self._registry.extensions))

    def _own(self, key: str, found: list[FileMetadata]) -> list[FileMetadata]:
        # `k.pydantic` + `.json` is the file of another key: the longest extension wins.
        return [file for file in found if self._registry.split(file.path)[0] == key]

    def choose(self, key: str, files: list[FileMetadata], doing: str = "read it") -> FileMetadata:
        """The one that holds the value; marks are only looked up where there are several."""
        while len(files) > 1:
            detailed = self.detail(files)
            newest = newest_marked(detailed)
            if newest is not None:
                return newest
            if len(detailed) == len(files):
                raise ambiguous(key, self._backend.uri, files, doing)
            files = self.among(key)  # some vanished: a writer is changing the format
        if not files:
            raise not_found(key, self._backend.uri)
        return files[0]

    def detail(self, files: Iterable[FileMetadata]) -> list[FileMetadata]:
        """The same files with their marks; those that vanished meanwhile are left out."""
        detailed = []
        for file in files:
            try:
                detailed.append(self._backend.get_metadata(file.path))
            except StorageFileNotFoundError:
                continue
        return detailed

    def keys(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """`(key, path)` of everything whose key begins with `prefix`, one listing in all."""
        # Whether a stem has one file or several shows only if all of its files are listed.
        slash = prefix.rfind("/") + 1
        dot = prefix.find(".", slash)
        listed = self._backend.list_files(prefix[:dot] if dot != -1 else prefix)
        named = name_keys((file.path for file in listed), self._registry.split, self._is_bare)
        return (entry for entry in named if entry[0].startswith(prefix))

    def remember(self, key: str, path: str) -> None:
        """Trust this answer for a minute: a reader that then finds nothing looks again."""
        self._memory[key] = path, time.monotonic() + REMEMBERED_SECONDS
        if len(self._memory) > REMEMBERED_KEYS:
            self._memory.popitem(last=False)

    def forget_all(self) -> None:
        """Look again for every key: other extensions count as such now."""
        self._memory.clear()

    def forget(self, key: str) -> None:
        """Look again at the next read."""
        self._memory.pop(key, None)

    def _is_bare(self, stem: str) -> bool:
        return can_be_key(stem) and self._registry.may_be_stem(stem)

    def is_file(self, path: str) -> bool:
        """Whether exactly this path exists; one request."""
        try:
            self._backend.get_metadata(path)
        except StorageFileNotFoundError:
            return False
        return True
