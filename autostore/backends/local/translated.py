"""The one place where the operating system's errors become this library's, for a store in a folder."""

from __future__ import annotations

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
            let_pass(error)
            raise from_os_error(error, where(self._path, self._uri)) from error
