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
from typing import NamedTuple

from autostore.backend import FileMetadata, StorageBackend, changed
from autostore.errors import (
    AmbiguousKeyError,
    StorageFileNotFoundError,
    UnsupportedFormatError,
    compose,
)
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import RESERVED, Key, can_be_key

__all__ = ["OURS", "Listed", "Resolver", "ambiguous", "latest", "name_keys", "newest_marked", "without_extension"]

OURS = f"{RESERVED}/"

REMEMBERED_SECONDS = 60.0
REMEMBERED_KEYS = 65_536


def newest_marked(files: Iterable[FileMetadata]) -> FileMetadata | None:
    """The file that was written last under its bare key; None where none was."""
    marked = [(file.mark.time_ns, file.mark.id, file) for file in files if file.mark is not None]
    return max(marked, key=lambda entry: entry[:2])[2] if marked else None


def latest(files: Iterable[FileMetadata]) -> int:
    """The time (ns) that the mark of what replaces these files must exceed: of their marks, and of their writes."""
    return max((max(file.mark.time_ns, file.written) for file in files if file.mark is not None), default=0)


def ambiguous(key: str, uri: str, files: Iterable[FileMetadata], doing: str) -> AmbiguousKeyError:
    """The error that lists who answers, and what to do."""
    names = sorted(repr(file.path) for file in files)
    fact = "answers to this key and was" if len(names) == 1 else "answer to this key and were"
    remedy = "Use a full name: each file reads by its own."
    return AmbiguousKeyError(
        compose(f"Cannot {doing}: {', '.join(names)} {fact} not written under it", key=key, uri=uri, remedy=remedy)
    )


def without_extension(prefix: str) -> str:
    """The prefix up to what may be an extension: so begin all files of its stems."""
    dot = prefix.find(".", prefix.rfind("/") + 1)
    return prefix if dot == -1 else prefix[:dot]


class Listed(NamedTuple):
    """One key of a listing, and the file that holds its object."""

    key: str
    file: FileMetadata
    extension: str


def name_keys(
    listed: Iterable[FileMetadata], split: Callable[[str], tuple[str, str]], is_bare: Callable[[str], bool]
) -> Iterator[Listed]:
    """Every file with a registered extension, under its key, each once, in flat memory.

    They come sorted by path. A stem with one file is listed as the bare key, one with several by
    full names. Files of one stem need not be neighbours (`k.csv`, `k.d/x.json`, `k.json`),
    but all between begin with `k.`, so a stack of open stems is enough.
    """
    opened: list[tuple[str, list[tuple[FileMetadata, str]]]] = []

    def close() -> Iterator[Listed]:
        stem, files = opened.pop()
        # A file of this very name, of a shorter stem that is still open, is what the stem reads as.
        named = any(stem == file.path for _, others in opened for file, _ in others)
        bare = len(files) == 1 and not named and is_bare(stem)
        for file, extension in files:
            yield Listed(stem if bare else file.path, file, extension)

    for file in listed:
        while opened and not file.path.startswith(opened[-1][0] + "."):
            yield from close()
        stem, extension = split(file.path)
        if not extension:
            continue
        if opened and opened[-1][0] == stem:
            opened[-1][1].append((file, extension))
        else:
            opened.append((stem, [(file, extension)]))
    while opened:
        yield from close()


class Resolver:
    """Finds the file of a key; remembers the answer for a minute, and never an absence."""

    def __init__(self, backend: StorageBackend, registry: HandlerRegistry) -> None:
        self._backend = backend
        self._registry = registry
        self._memory: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def path(self, key: Key) -> str:
        """The path to read, of a bare key or as of one; at most one request, none where it is known."""
        if key.names_file:
            return key.text
        remembered = self._memory.get(key.text)
        if remembered is not None and time.monotonic() < remembered[1]:
            return remembered[0]
        try:
            path = self.choose(key, self.among(key)).path
        except StorageFileNotFoundError:
            older = self.older(key)
            if older is None:
                raise
            return older
        self.remember(key, path)
        return path

    def older(self, key: Key) -> str | None:
        """The plain JSON that a version without `.typed.json` wrote under `x.typed`; it can only be read."""
        path = key.text + ".json"
        return path if key.text.endswith(".typed") and self.is_file(path) else None

    def names_file(self, key: Key) -> bool:
        """Whether the key names one file in full; a bare key is answered by files instead."""
        return self.is_file(key.text) if key.names_file is None else key.names_file

    def is_file(self, path: str) -> bool:
        """Whether exactly this path exists; one request."""
        try:
            self._backend.get_metadata(path)
        except StorageFileNotFoundError:
            return False
        return True

    def locate(self, key: Key) -> FileMetadata:
        """The file that holds the object now; one request, more only where several files answer."""
        if key.names_file:
            return self._backend.get_metadata(key.text)
        if key.names_file is None:
            with contextlib.suppress(StorageFileNotFoundError):
                return self._backend.get_metadata(key.text)
        return self.choose(key, self.among(key))

    def exists(self, key: Key) -> bool:
        """Whether anything answers to the key; one request."""
        return (
            self.is_file(key.text)
            if key.names_file
            else self.names_file(key) or bool(self.among(key) or self.older(key))
        )

    def held(self, key: Key, etag: str) -> FileMetadata:
        """The file to replace under `if_etag`; an absent or different one has changed."""
        with contextlib.suppress(StorageFileNotFoundError):
            found = self.locate(key)
            if found.etag == etag:
                return found
        raise changed(key.text, self._backend.uri)

    def path_beside(self, source: Key, path: str, target: Key) -> str:
        """The path that a copy of the file of `source` at `path` gets under `target`: the format stays."""
        extension = source.extension_of(path)
        if target.extension and target.extension != extension:
            remedy = "Read it and write it again to convert it."
            problem = f"A copy keeps the format, and this is a {extension} file"
            raise UnsupportedFormatError(compose(problem, key=target.text, uri=self._backend.uri, remedy=remedy))
        return target.path(extension, self._backend.uri)

    def among(self, key: Key) -> list[FileMetadata]:
        """The files among which a bare key's value is, without their marks; at most one listing."""
        return self._backend.find_value(key.text, key.answers)

    def candidates(self, key: Key) -> list[FileMetadata]:
        """All files that answer to a bare key, without their marks; at most one listing."""
        return self._backend.find(key.text, key.answers)

    def choose(self, key: Key, files: list[FileMetadata], doing: str = "read it") -> FileMetadata:
        """The one that holds the value; marks are only looked up where there are several."""
        while len(files) > 1:
            detailed = self.detail(files)
            newest = newest_marked(detailed)
            if newest is not None:
                return newest
            if len(detailed) == len(files):
                raise ambiguous(key.text, self._backend.uri, files, doing)
            files = self.among(key)  # some vanished: a writer is changing the format
        if not files:
            # Not looked for: a file of another name beside it would cost each miss a request.
            remedy = "store.keys() lists what is, store.list_files() also files that no format here reads."
            raise StorageFileNotFoundError(
                compose("Nothing is stored here", key=key.text, uri=self._backend.uri, remedy=remedy)
            )
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

    def keys(self, prefix: str = "") -> Iterator[Listed]:
        """Everything whose key begins with `prefix`, in one listing."""
        named = name_keys(self._below(prefix), self._registry.split, self._is_bare)
        return (entry for entry in named if entry.key.startswith(prefix))

    def _below(self, prefix: str) -> Iterator[FileMetadata]:
        # Whether a stem has one file or several shows only if all of its files are listed.
        listed = self._backend.list_files(without_extension(prefix))
        return (file for file in listed if not file.path.startswith(OURS))

    def remember(self, key: Key, path: str) -> None:
        """Trust this answer for a minute: a reader that then finds nothing looks again."""
        self._memory[key.text] = path, time.monotonic() + REMEMBERED_SECONDS
        if len(self._memory) > REMEMBERED_KEYS:
            self._memory.popitem(last=False)

    def agree(self, key: Key, path: str) -> None:
        """Look again at the next read, unless it would read this path: that was written just now."""
        remembered = self._memory.get(key.text)
        if remembered is not None and remembered[0] != path:
            self.forget(key)

    def forget_all(self) -> None:
        """Look again for every key: other extensions count as such now."""
        self._memory.clear()

    def forget(self, key: Key) -> None:
        """Look again at the next read."""
        self._memory.pop(key.text, None)

    def _is_bare(self, stem: str) -> bool:
        return can_be_key(stem) and self._registry.may_be_bare(stem)
