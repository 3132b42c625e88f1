"""Autostore: `store["experiment/results"] = obj`, and the same object back, from a local folder or S3.

Names are loaded when they are first used, so that `import autostore` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autostore.autostore import AutoStore
    from autostore.backend import FileMetadata, StorageBackend
    from autostore.backends.local.backend import LocalFileBackend
    from autostore.config import AzureStorageConfig, FsspecConfig, LocalFileConfig, S3StorageConfig, StorageConfig
    from autostore.errors import (
        AmbiguousKeyError,
        BrokenPluginError,
        CorruptDataError,
        InvalidConfigError,
        InvalidKeyError,
        LeftOutWarning,
        MissingDependencyError,
        PickledWarning,
        PreconditionFailedError,
        SchemaMismatchError,
        StorageConnectionError,
        StorageError,
        StorageFileNotFoundError,
        StorageIOError,
        StoragePermissionError,
        TooLargeError,
        UnhashableInputError,
        UnknownTypeError,
        UnsupportedFormatError,
        UnsupportedSchemeError,
        UntrustedDataError,
    )
    from autostore.handler import DataHandler

__version__ = "0.1.0"

__all__ = [
    "AmbiguousKeyError",
    "AutoStore",
    "AzureStorageConfig",
    "BrokenPluginError",
    "CorruptDataError",
    "DataHandler",
    "FileMetadata",
    "FsspecConfig",
    "InvalidConfigError",
    "InvalidKeyError",
    "LeftOutWarning",
    "LocalFileBackend",
    "LocalFileConfig",
    "MissingDependencyError",
    "PickledWarning",
    "PreconditionFailedError",
    "S3StorageConfig",
    "SchemaMismatchError",
    "StorageBackend",
    "StorageConfig",
    "StorageConnectionError",
    "StorageError",
    "StorageFileNotFoundError",
    "StorageIOError",
    "StoragePermissionError",
    "TooLargeError",
    "UnhashableInputError",
    "UnknownTypeError",
    "UnsupportedFormatError",
    "UnsupportedSchemeError",
    "UntrustedDataError",
]

_HOMES = {
    "AutoStore": "autostore",
    "AzureStorageConfig": "config",
    "DataHandler": "handler",
    "FileMetadata": "backend",
    "FsspecConfig": "config",
    "LocalFileBackend": "backends.local.backend",
    "LocalFileConfig": "config",
    "S3StorageConfig": "config",
    "StorageBackend": "backend",
    "StorageConfig": "config",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'autostore' has no attribute {name!r}")
    try:
        home = importlib.import_module(f"autostore.{_HOMES.get(name, 'errors')}")
    except AttributeError as error:  # Python would say that there is no such name
        raise ImportError(f"autostore.{name} cannot be imported: {error}") from error
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
