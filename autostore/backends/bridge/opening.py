"""A file system of fsspec as this process reaches it: made late, anew after a fork, asked by one thread at a time."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import AbstractContextManager
from typing import Any

from autostore.backends.bridge.translated import translated
from autostore.config import FsspecConfig
from autostore.errors import MissingDependencyError, UnsupportedSchemeError
from autostore.holding.turns import Turns
from autostore.optional import require

__all__ = ["FileSystem"]

_turns: dict[str, Turns] = {}


def _forget_inherited() -> None:
    for turns in _turns.values():
        turns.forget()


os.register_at_fork(after_in_child=_forget_inherited)


class FileSystem:
    """The file system of one store, and the store's folder in it."""

    def __init__(self, protocol: str, rest: str, settings: FsspecConfig, uri: str) -> None:
        self._protocol = protocol
        self._rest = rest
        self._settings = settings
        self._uri = uri
        self._opening = Turns()
        self._opened: tuple[int, Any, str] | None = None

    def opened(self) -> tuple[Any, str]:
        """Both; connects where nobody did."""
        found = self._opened
        if found is None or found[0] != os.getpid():
            self._opening = self._opening if found is None else Turns()
            with self._opening.take(), translated(self._uri, ""):
                found = self._opened
                if found is None or found[0] != os.getpid():  # nobody did meanwhile
                    fs, root = self._made()
                    if hasattr(fs, "ftp"):  # of SFTP, which would wait for ever
                        fs.ftp.get_channel().settimeout(self._settings.timeout)
                    self._opened = found = os.getpid(), fs, str(root).rstrip("/")
        return found[1], found[2]

    def identity(self) -> str:
        """What the file system was made with, hashed; fsspec's own token is of one thread of one process."""
        fs, _ = self.opened()
        made_with = [getattr(fs, "storage_args", ()), getattr(fs, "storage_options", {})]
        text = json.dumps(made_with, sort_keys=True, default=lambda value: type(value).__qualname__)
        return hashlib.sha256(text.encode()).hexdigest()

    def turn(self) -> AbstractContextManager[Any]:
        """Of all stores of this process on the same server, whatever else it was reached with."""
        fs, _ = self.opened()
        port = getattr(fs, "storage_options", {}).get("port", "")
        server = f"{self._protocol} {getattr(fs, 'host', '')} {port}"
        return _turns.setdefault(server, Turns()).take()

    def move_on(self, beside: str, full: str) -> None:
        """Let the file that replaces one be later: SFTP tells whole seconds, and a time is all that tells two apart."""
        fs, _ = self.opened()
        if not hasattr(fs, "ftp") or not fs.exists(full):
            return
        old, new = (int(fs.info(path)["mtime"].timestamp()) for path in (full, beside))
        if new <= old:
            fs.ftp.utime(beside, (old + 1, old + 1))

    def close(self) -> None:
        """Fsspec itself keeps file systems for whoever else uses them."""
        self._opened = None

    def _made(self) -> tuple[Any, Any]:
        if self._settings.fs is not None:
            fs = self._settings.fs
            return fs, fs._strip_protocol(self._rest) if self._rest else ""  # noqa: SLF001 - as fsspec's functions do
        _check_known(self._protocol)
        options = {**self._settings.options, "skip_instance_cache": True}
        if self._protocol == "sftp":
            options = {"timeout": self._settings.timeout, **options}
        fs, root = require("fsspec.core").url_to_fs(f"{self._protocol}://{self._rest}", **options)
        return fs, root


def _check_known(protocol: str) -> None:
    """Refuse a protocol that fsspec does not know, or whose client is not installed, which no network mends."""
    try:
        require("fsspec").get_filesystem_class(protocol)
    except ImportError as error:
        said = require("fsspec.registry").known_implementations.get(protocol, {}).get("err", str(error))
        raise MissingDependencyError(
            f"The file system {protocol} of fsspec is not installed. {said.rstrip('.')}."
        ) from error
    except ValueError as error:
        problem = f"fsspec has no file system {protocol!r}"
        raise UnsupportedSchemeError(f"{problem}. `fsspec.available_protocols()` lists what it has.") from error
