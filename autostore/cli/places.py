"""From what was typed to a store and a key: where a store begins, and whether what it loses is kept.

A word is an address (`s3://bucket/data/flights`, `./data/flights`) or, with -s, -p, AUTOSTORE_URI or a `uri` in the
settings, a key. Of an address the store is the longest configured one that is its beginning, else the nearest folder
above that holds `.autostore/`, else the folder of the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from autostore import AutoStore, InvalidConfigError, StorageConfig
from autostore.backends.schemes import backend_class
from autostore.cli.settings import Settings, config_from
from autostore.keys import parse_uri

__all__ = ["WILD", "Place", "Places"]

_PATHS = ("./", "../", "/", "~")
WILD = "*?["


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

    @property
    def part(self) -> AutoStore:
        """What lies below, as a store of its own."""
        return self.store / self.folder if self.folder else self.store


@dataclass
class Places:
    """Opens stores, each once."""

    settings: Settings
    default: str | None
    _open: dict[str, AutoStore] = field(default_factory=dict)
    _kept: dict[str, AutoStore] = field(default_factory=dict)
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
            self._open[uri] = self._opened(uri, self._told(uri))
        return self._open[uri]

    def keeping(self, place: Place, *, always: bool = False) -> Place:
        """The same, which keeps what it replaces and removes; unless `always`, where versions lie already.

        Who set `history` for those that write here may have set nothing for this shell; `history = false` is heard.
        """
        store, uri = place.store, place.store.uri
        if store.config.history:
            return place
        if uri not in self._kept:
            told = self._told(uri)
            keeps = always or ("history" not in told and store.keeps_versions())
            self._kept[uri] = self._opened(uri, {**told, "history": True}) if keeps else store
        return replace(place, store=self._kept[uri])

    def _told(self, uri: str) -> dict[str, Any]:
        """What the settings say of the store."""
        told = dict(self.settings.common)
        for beginning, own in self.settings.stores.items():
            if _below(uri, beginning) is not None:
                told |= own
        return told

    def _opened(self, uri: str, told: dict[str, Any]) -> AutoStore:
        kind = backend_class(parse_uri(uri).scheme).config_class
        # The commands have bars of their own.
        return AutoStore(uri, self._config(kind, {**told, "progress": False}))

    def _config(self, kind: type[StorageConfig], told: dict[str, Any]) -> StorageConfig:
        """One object for equal settings: stores that share it share their connections."""
        made = config_from(kind, told)
        self._configs.append(made)
        return next(one for one in self._configs if one == made)

    def close(self) -> None:
        """Close all of them."""
        for store in (*self._open.values(), *self._kept.values()):
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
