"""Which backend serves which kind of URI: built in by name, registered, or installed as a plugin."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from autostore.backend import StorageBackend
from autostore.config import StorageConfig
from autostore.errors import BrokenPluginError, InvalidConfigError, UnsupportedSchemeError
from autostore.holding.turns import Turns
from autostore.optional import pip_install

__all__ = ["backend_class", "over_file_system", "register", "supported", "unregister"]

# By name, so that a backend's library is loaded only where its scheme is used.
_BUILT_IN = {
    "az": "autostore.backends.cloud.azure.backend:AzureBackend",
    "file": "autostore.backends.local.backend:LocalFileBackend",
    "gs": "autostore.backends.bridge.gcs:GcsBackend",
    "memory": "autostore.backends.memory:MemoryBackend",
    "s3": "autostore.backends.cloud.s3:S3Backend",
}
_BRIDGE = "fsspec+"
"""With the name of a file system of fsspec behind it."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class _Changes(NamedTuple):
    """What this process registered, and what it removed; a new one for each change."""

    registered: Mapping[str, type[StorageBackend]]
    removed: frozenset[str]


_changes = _Changes({}, frozenset())
_turns = Turns()

os.register_at_fork(after_in_child=_turns.forget)


def register(scheme: str, cls: type[StorageBackend]) -> None:
    """Serve `scheme://` URIs by this class from now on, in this process."""
    if not (isinstance(cls, type) and issubclass(cls, StorageBackend)):
        raise InvalidConfigError(f"{cls!r} is not a backend. Pass a subclass of StorageBackend.")
    if not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme):
        raise InvalidConfigError(f"{scheme!r:.100} is not a scheme. Pass a name such as 's3'.")
    name = scheme.lower()
    with _turns.take():
        _set(_Changes({**_changes.registered, name: cls}, _changes.removed - {name}))


def unregister(scheme: str) -> None:
    """Serve `scheme://` URIs no longer; `UnsupportedSchemeError` where nothing did."""
    gone = scheme.lower()
    with _turns.take():
        backend_class(gone)
        kept = {name: cls for name, cls in _changes.registered.items() if name != gone}
        _set(_Changes(kept, _changes.removed | {gone}))


def _set(changes: _Changes) -> None:
    global _changes  # noqa: PLW0603 - one assignment, so that readers in other threads see the old table or the new
    _changes = changes


def supported() -> list[str]:
    """The schemes that can be opened, sorted."""
    plugins = {point.name for point in importlib.metadata.entry_points(group="autostore.backends")}
    changes = _changes
    return sorted(({*_BUILT_IN} | {*changes.registered} | plugins) - changes.removed)


def backend_class(scheme: str) -> type[StorageBackend]:
    """The class that serves this scheme."""
    changes = _changes
    if scheme in changes.registered:
        return changes.registered[scheme]
    if scheme not in changes.removed:
        if scheme.startswith(_BRIDGE):
            return _named("autostore.backends.bridge.backend:FsspecBackend")
        if scheme in _BUILT_IN:
            return _named(_BUILT_IN[scheme])
        for point in importlib.metadata.entry_points(group="autostore.backends", name=scheme):
            return _loaded(point)
    raise UnsupportedSchemeError(
        f"No backend serves {scheme}:// URIs. {_hint(scheme)}Register one with "
        f"AutoStore.register_backend({scheme!r}, cls); supported are {', '.join(supported())}."
    )


def _hint(scheme: str) -> str:
    """What a scheme of another tool is called here."""
    if scheme in ("http", "https"):
        return "A server of S3 is named by S3StorageConfig(endpoint_url=...), with s3://bucket/prefix/ as the URI. "
    if importlib.util.find_spec("fsspec") is None:
        return f"If fsspec has it: {_BRIDGE}{scheme}://..., after {pip_install('fsspec')}. "
    known = importlib.import_module("fsspec.registry").known_implementations
    return f"fsspec has it: {_BRIDGE}{scheme}://... " if scheme in known else ""


def over_file_system(fs: Any, root: str | os.PathLike[str], config: StorageConfig | None) -> tuple[str, StorageConfig]:
    """The URI and the settings of a store over a file system of fsspec that was made already."""
    over = importlib.import_module("autostore.backends.bridge.opening").over
    return cast("tuple[str, StorageConfig]", over(fs, root, config))


def _named(place: str) -> type[StorageBackend]:
    module, _, name = place.partition(":")
    return cast("type[StorageBackend]", getattr(importlib.import_module(module), name))


def _loaded(point: importlib.metadata.EntryPoint) -> type[StorageBackend]:
    name = f"The installed plugin {point.name} ({point.value}) of the group autostore.backends"
    try:
        cls = point.load()
    except Exception as error:  # an import runs anything
        raise BrokenPluginError(f"{name} cannot be loaded: {type(error).__name__}: {error}. Mend it.") from error
    if not (isinstance(cls, type) and issubclass(cls, StorageBackend)):
        raise BrokenPluginError(f"{name} is no subclass of StorageBackend. Mend it.")
    return cls
