"""A file system of fsspec as this process reaches it: made late, anew after a fork, asked by one thread at a time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from autostore.backends.bridge.http import named, spelt, staying
from autostore.backends.bridge.promises import modified_of
from autostore.backends.bridge.translated import translated
from autostore.backends.local.root import absolute
from autostore.config import FsspecConfig, StorageConfig
from autostore.errors import (
    MissingDependencyError,
    StorageConnectionError,
    StorageError,
    UnsupportedSchemeError,
    compose,
)
from autostore.guard.secrecy import quieted
from autostore.holding.turns import Turns
from autostore.optional import require

__all__ = ["FileSystem", "is_of_this_machine", "over"]

_turns: dict[str, Turns] = {}

MOST_REMOVED = 10_000
_removed: dict[tuple[str, str], float] = {}
"""When the files had been written that this process removed, by server and name: the last ones."""


def _forget_inherited() -> None:
    for turns in _turns.values():
        turns.forget()


os.register_at_fork(after_in_child=_forget_inherited)


def over(fs: Any, root: str | os.PathLike[str], config: StorageConfig | None) -> tuple[str, FsspecConfig]:
    """The URI and the settings of a store over a file system that was made already."""
    settings = FsspecConfig.adapt(config)
    told = {name: getattr(settings, name) for name in settings.__dataclass_fields__} | {"fs": fs, "options": {}}
    protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
    return f"fsspec+{protocol}://{os.fspath(root)}", FsspecConfig(**told)


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
        if found is not None and found[0] == os.getpid() and _has_hung_up(found[1]):
            self._drop()
            found = self._opened
        if found is None or found[0] != os.getpid():
            self._opening = self._opening if found is None else Turns()
            with self._opening.take(), translated(self._uri, ""):
                found = self._opened
                if found is None or found[0] != os.getpid():  # nobody did meanwhile
                    fs, root = self._reached()
                    if is_of_this_machine(fs):
                        root = absolute(root or "/")
                    if hasattr(fs, "ftp"):  # of SFTP, which would wait for ever
                        fs.ftp.get_channel().settimeout(self._settings.timeout)
                    self._opened = found = os.getpid(), fs, str(root).rstrip("/")
        return found[1], found[2]

    def spelt(self, path: str) -> str:
        """A path below the root as the file system is asked for it."""
        return spelt(self._protocol, path)

    def named(self, found: str) -> str:
        """The path of what the file system lists."""
        return named(self._protocol, found)

    def identity(self) -> str:
        """What the file system was made with, hashed; fsspec's own token is of one thread of one process."""
        fs, _ = self.opened()
        made_with = [getattr(fs, "storage_args", ()), getattr(fs, "storage_options", {})]
        text = json.dumps(made_with, sort_keys=True, default=lambda value: type(value).__qualname__)
        return hashlib.sha256(text.encode()).hexdigest()

    def turn(self) -> AbstractContextManager[Any]:
        """Of all stores of this process on the same server, whatever else it was reached with."""
        return _turns.setdefault(self._server(), Turns()).take()

    def _server(self) -> str:
        fs, _ = self.opened()
        port = getattr(fs, "storage_options", {}).get("port", "")
        return f"{self._protocol} {getattr(fs, 'host', '')} {port}"

    def move_on(self, beside: str, full: str, old: Any | None) -> None:
        """Let a file be later than what it replaces, and than what was removed there: its time tells the two apart.

        SFTP tells whole seconds; a folder's clock may stand still for some milliseconds, and inodes are used again.
        """
        fs, _ = self.opened()
        step = 1.0 if hasattr(fs, "ftp") else 0.001
        if not hasattr(fs, "ftp") and not is_of_this_machine(fs):
            return
        gone = _removed.pop((self._server(), full), None)
        least = max([time for time in (gone, old and modified_of(old).timestamp()) if time is not None], default=None)
        if least is None or modified_of(fs.info(beside)).timestamp() >= least + step:
            return
        later = int(least + step) if hasattr(fs, "ftp") else least + step
        (fs.ftp.utime if hasattr(fs, "ftp") else os.utime)(beside, (later, later))

    def removes(self, full: str, info: Any) -> None:
        """Take note of a file that is about to be removed, for `move_on`."""
        while len(_removed) >= MOST_REMOVED:
            del _removed[next(iter(_removed))]
        _removed[self._server(), full] = modified_of(info).timestamp()

    @contextlib.contextmanager
    def kept_whole(self) -> Iterator[None]:
        """Let nobody use a connection on which a call broke off: what the server still answers is another call's."""
        try:
            yield
        except BaseException as error:
            if isinstance(error, StorageConnectionError) or not isinstance(error, StorageError):
                self._drop()
            raise

    def close(self) -> None:
        """Fsspec itself keeps file systems for whoever else uses them."""
        self._opened = None

    def _drop(self) -> None:
        """Connect anew at the next call, if it is ours and has a connection."""
        found = self._opened
        if found is None or found[0] != os.getpid() or self._settings.fs is not None or not hasattr(found[1], "ftp"):
            return
        self._opened = None
        with contextlib.suppress(Exception):  # it is broken
            found[1].client.close()

    def _reached(self) -> tuple[Any, Any]:
        """What is missing here is no key: an archive, or the file of an SSH key."""
        try:
            return self._made()
        except (FileNotFoundError, KeyError) as error:
            quieted(error)
            problem = "The file system cannot be opened, as something that its options name is missing"
            remedy = "Check its options, such as the path of an archive or of a key file."
            raise StorageConnectionError(compose(problem, uri=self._uri, remedy=remedy)) from error

    def _made(self) -> tuple[Any, Any]:
        if self._settings.fs is not None:
            fs = self._settings.fs
            return fs, fs._strip_protocol(self._rest) if self._rest else ""  # noqa: SLF001 - as fsspec's functions do
        _check_known(self._protocol)
        options = {**staying(self._protocol, self._settings), "skip_instance_cache": True}
        if self._protocol == "sftp":
            options = {"timeout": self._settings.timeout, **options}
        try:
            fs, root = require("fsspec.core").url_to_fs(f"{self._protocol}://{self._rest}", **options)
        except BaseException:
            options = {}  # a crash report shows locals
            raise
        return fs, root


def is_of_this_machine(fs: Any) -> bool:
    """Whether names are those of this machine's files, where links may lead anywhere."""
    return isinstance(fs, require("fsspec.implementations.local").LocalFileSystem)


def _has_hung_up(fs: Any) -> bool:
    """Whether an SSH server ended the connection, as many do where nothing is asked for a while."""
    transport = fs.client.get_transport() if hasattr(fs, "ftp") and hasattr(fs, "client") else None
    return transport is not None and not transport.is_active()


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
