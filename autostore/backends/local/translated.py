"""The one place where the operating system's errors become this library's, for a store in a folder."""

from __future__ import annotations

import os

from autostore.backend import not_found
from autostore.backends.local import files
from autostore.backends.local.own import in_the_way
from autostore.errors import StorageError, from_os_error
from autostore.guard.foreign import let_pass
from autostore.keys import where

__all__ = ["Translated"]


class Translated:
    """Names key and uri in what the system says; a class and no generator, since every call passes through it."""

    __slots__ = ("_path", "_uri")

    def __init__(self, path: str, uri: str) -> None:
        self._path = path
        self._uri = uri

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            let_pass(error, by_client=True)
            if isinstance(error, FileNotFoundError) and self._is_absent(error):
                raise not_found(self._path, self._uri) from error
            ours = in_the_way(error, self._path, self._uri, self._uri.partition("://")[2])
            raise (ours or from_os_error(error, where(self._path, self._uri))) from error

    def _is_absent(self, error: OSError) -> bool:
        """Whether it is the stored file that is missing, and none of ours beside it."""
        folder, last = os.path.split(f"{self._uri.partition('://')[2]}/{self._path}")
        return files.names_missing(error, f"{os.path.realpath(folder)}/{last}")
