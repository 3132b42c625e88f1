"""From what was typed to a store and a key: where a store begins, and which keys a pattern means.

A word is an address (`s3://bucket/data/flights`, `./data/flights`) or, with -s, -p, AUTOSTORE_URI or a `uri` in the
settings, a key. Of an address the store is the longest configured one that is its beginning, else the nearest folder
above that holds `.autostore/`, else the folder of the key.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from autostore import (
    AutoStore,
    InvalidConfigError,
    InvalidKeyError,
    StorageConfig,
    StorageError,
    StorageFileNotFoundError,
)
from autostore.backends.schemes import backend_class
from autostore.cli.settings import Settings, config_from
from autostore.info.values import Entry
from autostore.keys import parse_uri

__all__ = ["Place", "Places", "matching", "near"]

_PATHS = ("./", "../", "/", "~")
WILD = "*?["
MOST_NEAR = 1000
BELOW = {False: "-r", None: "'folder/**'"}


@dataclass(frozen=True)
class Place:
    """A store, and what of it was meant: a key, a pattern, or with an end in `/` (or nothing at all) a folder."""

    store: AutoStore
    key: str

    @property
    def is_folder(self) -> bool:
        """Whether only a folder can be meant."""
        return not self.key or self.key.endswith("/")

    @property
    def is_pattern(self) -> bool:
        """Whether several keys are meant."""
        return any(sign in self.key for sign in WILD)

    @property
    def folder(self) -> str:
        """The prefix of what lies below: it ends in `/`, or is ""."""
        return self.key if self.is_folder else self.key + "/"


@dataclass
class Places:
    """Opens stores, each once."""

    settings: Settings
    default: str | None
    _open: dict[str, AutoStore] = field(default_factory=dict)
    _configs: list[StorageConfig] = field(default_factory=list)

    def find(self, word: str, *, may_be_store: bool = False) -> Place:
        """The store and the key; a word that `may_be_store` is one where a store begins there, also without a `/`."""
        if not _is_address(word):
            if self.default is not None:
                return Place(self.store(self.default), word)
            word = "./" + word
        return self._address(word, may_be_store=may_be_store)

    def store(self, uri: str) -> AutoStore:
        """The store that begins at `uri`."""
        if uri not in self._open:
            kind = backend_class(parse_uri(uri).scheme).config_class
            told = dict(self.settings.common)
            for beginning, own in self.settings.stores.items():
                if _below(uri, beginning) is not None:
                    told |= own
            told["progress"] = False  # the commands have bars of their own
            self._open[uri] = AutoStore(uri, self._config(kind, told))
        return self._open[uri]

    def _config(self, kind: type[StorageConfig], told: dict[str, Any]) -> StorageConfig:
        """One object for equal settings: stores that share it share their connections."""
        made = config_from(kind, told)
        self._configs.append(made)
        return next(one for one in self._configs if one == made)

    def close(self) -> None:
        """Close all of them."""
        for store in self._open.values():
            store.close()

    def _address(self, word: str, *, may_be_store: bool) -> Place:
        configured = [uri for uri in (self.default, *self.settings.stores) if uri is not None]
        below = {uri: rest for uri in configured if (rest := _below(word, uri)) is not None}
        if below:
            uri = max(below, key=lambda one: len(_normal(one)))
            return Place(self.store(uri), below[uri])
        address = _normal(word, keep_end=True)
        if may_be_store and "://" in address and not (address.endswith("/") or any(sign in address for sign in WILD)):
            itself = self.store(address + "/")  # of a folder on this machine that is seen without asking
            if itself.begins_here():
                return Place(itself, "")
        return self._nearest(address)

    def _nearest(self, address: str) -> Place:
        """The nearest folder that holds `.autostore/`, else that of the key."""
        scheme, separator, rest = address.rpartition("://")
        is_local = scheme in ("", "file")
        if is_local and not rest.endswith("/") and os.path.isdir(rest):
            rest += "/"
        folder = rest[: _fixed(rest)]
        if not folder:
            raise InvalidConfigError(f"{address!r} names no folder. Write 's3://bucket/data/' or './data/'.")
        top = 1 if is_local else rest.find("/") + 1
        for one in _upwards(folder, top):
            if self.store(scheme + separator + one).begins_here():
                folder = one
                break
        return Place(self.store(scheme + separator + folder), rest[len(folder) :])


def near(error: StorageFileNotFoundError, place: Place) -> StorageFileNotFoundError:
    """The error, with the key that was perhaps meant: one like it among the first of its folder."""
    if place.is_folder or place.is_pattern or f"key {place.key!r}" not in str(error):
        return error
    folder = place.key[: place.key.rfind("/") + 1]
    with contextlib.suppress(StorageError):
        known = [entry.key for entry in itertools.islice(place.store.entries(folder), MOST_NEAR)]
        known = known or [entry.key for entry in itertools.islice(place.store.entries(), MOST_NEAR)]
        if like := difflib.get_close_matches(place.key, known, 1):
            return type(error)(f"{error} Did you mean {like[0]!r}?")
    return error


def matching(place: Place, *, recursive: bool | None = False) -> Iterator[Entry]:
    """The keys that are meant: one, those that a pattern names, with `recursive` also all below a folder.

    `*` and `?` stay within a segment, `**` crosses them. `StorageFileNotFoundError` where none is there; with
    `recursive=None` of a command that has no -r.
    """
    store, key = place.store, place.key
    found = False
    if place.is_pattern:
        pattern = _compiled(key)
        for entry in store.entries(key[: min(key.find(sign) for sign in WILD if sign in key)]):
            if key in (entry.key, entry.path) or pattern.fullmatch(entry.key) or pattern.fullmatch(entry.path):
                found = True
                yield entry
    else:
        if not place.is_folder:
            exact = [entry for entry in _alike(store, key) if key in (entry.key, entry.path)]
            found = bool(exact)
            yield from exact[:1]
        if recursive:
            for entry in store.entries(place.folder):
                found = True
                yield entry
    if not found:
        remedy = "" if recursive or place.is_pattern else f" {BELOW[recursive]} means all below a folder;"
        nothing = f"Nothing is stored here (key {key!r} in {store.uri}).{remedy} `autostore ls` lists what is."
        raise near(StorageFileNotFoundError(nothing), place)


def _alike(store: AutoStore, key: str) -> Iterator[Entry]:
    """The entry of one key, as it is listed; a bare key that several files answer to comes by one look."""
    try:
        found = store.get_metadata(key)
    except StorageFileNotFoundError:
        return
    known = {extension for one in store.formats() for extension in one.extensions}
    extension = max((one for one in known if found.path.lower().endswith(one)), key=len, default="")
    yield Entry(
        key=key, path=found.path, format=extension, size=found.size, modified_time=found.modified_time, etag=found.etag
    )


def _upwards(folder: str, top: int) -> Iterator[str]:
    """The folder and those above it, down to a length of `top`."""
    while len(folder) >= top:
        yield folder
        if len(folder) == top:
            return
        folder = folder[: folder.rstrip("/").rfind("/") + 1]


def _fixed(rest: str) -> int:
    """Where the folder of the key ends: before the segment of the first wildcard."""
    wild = min((rest.find(sign) for sign in WILD if sign in rest), default=len(rest))
    return rest.rfind("/", 0, wild) + 1


def _is_address(word: str) -> bool:
    return "://" in word or word in (".", "..", "~") or word.startswith(_PATHS)


def _below(address: str, uri: str) -> str | None:
    """What follows `uri` in an address; None where it begins otherwise."""
    whole, beginning = _normal(address, keep_end=True), _normal(uri) + "/"
    if whole.startswith(beginning):
        return whole[len(beginning) :]
    return "" if whole + "/" == beginning else None


def _normal(address: str, *, keep_end: bool = False) -> str:
    """The address absolute, without a slash at its end; local ones without a scheme."""
    end = "/" if keep_end and address.endswith("/") else ""
    if "://" in address and not address.startswith("file://"):
        return address.rstrip("/") + end
    plain = os.path.expanduser(address.removeprefix("file://"))
    return (os.path.abspath(plain).rstrip("/") or "") + end


def _compiled(pattern: str) -> re.Pattern[str]:
    words = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}

    def said(part: str) -> str:
        if part[:1] == "[" and part[-1:] == "]":
            return part.replace("[!", "[^", 1)
        return words.get(part) or re.escape(part)

    try:
        return re.compile("".join(map(said, re.split(r"(\*\*/?|\*|\?|\[[^]]*\])", pattern))), re.DOTALL)
    except re.error as error:
        raise InvalidKeyError(f"{pattern!r} is no pattern: {error}. Use *, ?, ** and [abc].") from error
