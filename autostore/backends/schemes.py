"""Which backend serves which kind of URI: built in by name, registered, or installed as a plugin."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import cast

from autostore.backend import StorageBackend
from autostore.errors import InvalidConfigError, UnsupportedSchemeError

__all__ = ["backend_class", "register", "supported", "unregister"]

# By name, so that a backend's library is loaded only where its scheme is used.
_BUILT_IN = {
    "file": "autostore.backends.local.backend:LocalFileBackend",
    "memory": "autostore.backends.memory:MemoryBackend",
    "s3": "autostore.backends.cloud.backend:S3Backend",
}
_registered: dict[str, type[StorageBackend]] = {}
_removed: set[str] = set()


def register(scheme: str, cls: type[StorageBackend]) -> None:
    """Serve `scheme://` URIs by this class from now on, in this process."""
    if not (isinstance(cls, type) and issubclass(cls, StorageBackend)):
        raise InvalidConfigError(f"{cls!r} is not a backend. Pass a subclass of StorageBackend.")
    if not isinstance(scheme, str) or not scheme:
        raise InvalidConfigError(f"{scheme!r} is not a scheme. Pass a name such as 's3'.")
    _removed.discard(scheme.lower())
    _registered[scheme.lower()] = cls


def unregister(scheme: str) -> None:
    """Serve `scheme://` URIs no longer; `UnsupportedSchemeError` where nothing did."""
    backend_class(scheme.lower())
    _registered.pop(scheme.lower(), None)
    _removed.add(scheme.lower())


def supported() -> list[str]:
    """The schemes that can be opened, sorted."""
    plugins = {point.name for point in importlib.metadata.entry_points(group="autostore.backends")}
    return sorted(({*_BUILT_IN} | {*_registered} | plugins) - _removed)


def backend_class(scheme: str) -> type[StorageBackend]:
    """The class that serves this scheme."""
    if scheme in _registered:
        return _registered[scheme]
    if scheme not in _removed:
        if scheme in _BUILT_IN:
            module, _, name = _BUILT_IN[scheme].partition(":")
            return cast("type[StorageBackend]", getattr(importlib.import_module(module), name))
        for point in importlib.metadata.entry_points(group="autostore.backends", name=scheme):
            return cast("type[StorageBackend]", point.load())
    raise UnsupportedSchemeError(
        f"No backend serves {scheme}:// URIs. Register one with AutoStore.register_backend({scheme!r}, cls); "
        f"supported are {', '.join(supported())}."
    )
