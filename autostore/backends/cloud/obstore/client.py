"""obstore's connections: made late, one for each process and each set of credentials, never used after a fork.

A process that was forked while its parent had used obstore cannot use it: its threads are not there, and the next
call would wait for them. Such a process leaves everything to boto3.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from autostore.backends.cloud.boto3.client import credential_source
from autostore.backends.cloud.boto3.endpoints import named_here
from autostore.backends.cloud.obstore.settings import client_options, needs_profile, retries
from autostore.config import S3StorageConfig
from autostore.engine.contract import Declined, Engine
from autostore.guard.foreign import let_pass
from autostore.holding.turns import Turns
from autostore.optional import require

if TYPE_CHECKING:
    from autostore.backends.cloud.obstore.loop import Loop

__all__ = ["ObstoreClient"]

Result = TypeVar("Result")

_opening = Turns()
_open: weakref.WeakSet[_Opened] = weakref.WeakSet()
_parents: list[Any] = []
"""In a forked child: what its parent had open. To let go of it could wait for threads that are not there."""


class _Process:
    """Whether this process has used obstore, and whether one that it was forked from had."""

    used = False
    forked = False


def _after_fork() -> None:
    _opening.forget()
    _parents.extend(opened.store for opened in list(_open))
    _Process.forked = _Process.forked or _Process.used


os.register_at_fork(after_in_child=_after_fork)


class ObstoreClient:
    """One bucket, as this process reaches it by obstore; every call may be `Declined`.

    Attributes:
        is_off: it does not work with this place, or not in this process.
    """

    def __init__(self, bucket: str, config: S3StorageConfig, complete: Engine) -> None:
        self._bucket = bucket
        self._config = config
        self._complete = complete
        self._opened: _Opened | None = None
        self._source: Any = None
        self.is_off = False

    def store(self) -> Any:
        """Obstore's store, with the credentials of this moment."""
        if self.is_off or _Process.forked:
            raise Declined
        opened = self._opened
        if opened is None or self._rotated(opened):
            with _opening.take():
                opened = self._opened
                if opened is None or self._rotated(opened):
                    self._opened = opened = self._open()
        return opened.store

    def heard(self, read: Callable[[], Result]) -> Result:
        """What the read gives, in another thread if this is the one that signals interrupt: obstore is deaf to them."""
        opened = self._opened
        if opened is None or not _is_main():
            return read()
        try:
            future = opened.threads.submit(read)
        except RuntimeError:  # at the end of the process, or the system refuses threads
            return read()
        return future.result()

    def taken_back(self, write: Callable[[], Any], later: Callable[[], Awaitable[Any]]) -> Any:
        """What the write gives; where a signal interrupts this thread, `later`, the same, is cancelled on its way."""
        opened = self._opened
        return write() if opened is None or not _is_main() else opened.loop().result(later)

    def close(self) -> None:
        """Drop the connections."""
        self._opened = None

    def _rotated(self, opened: _Opened) -> bool:
        # Compared, never kept in a local variable: a crash report may show those.
        return self._source is not None and opened.key != self._source.get_frozen_credentials()

    def _open(self) -> _Opened:
        _Process.used = True
        try:
            self._find_source()
            return _Opened(self._make(), None if self._source is None else self._source.get_frozen_credentials())
        except Exception as error:
            let_pass(error)
        self.is_off = True  # boto3 says what is wrong
        raise Declined

    def _find_source(self) -> None:
        if self._source is None and not self._has_own():
            self._source = credential_source(self._config)
            if self._source is None:
                raise Declined

    def _has_own(self) -> bool:
        """Whether no chain need be asked."""
        config = self._config
        in_environment = os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")
        return bool(config.anonymous or config.aws_access_key_id or (in_environment and not config.profile_name))

    def _make(self) -> Any:
        config = self._config
        if config.aws_access_key_id and not config.aws_session_token and os.environ.get("AWS_SESSION_TOKEN"):
            raise Declined  # obstore would add the token to another key
        endpoint, region = named_here(config), config.region_name or os.environ.get("AWS_DEFAULT_REGION")
        if needs_profile(config):
            told = self._complete.storage_options("polars")
            endpoint, region = told.get("aws_endpoint_url"), told["aws_region"]
        place = {"endpoint": endpoint} if endpoint else {}
        return require("obstore.store").S3Store(
            self._bucket,
            config={
                **place,
                "region": region or "us-east-1",
                "virtual_hosted_style_request": not endpoint and config.addressing_style != "path",
                "skip_signature": config.anonymous,
                # SeaweedFS stores an empty object for a client that dies after the headers, unless this differs.
                "checksum_algorithm": "SHA256",
                **self._secrets(),
            },
            client_options=client_options(config, endpoint or f"https://s3.{region or 'us-east-1'}.amazonaws.com"),
            retry_config=retries(config),
        )

    def _secrets(self) -> dict[str, str]:
        """What no header can hold boto3 names; in a function of its own, so that no traceback shows a secret."""
        found = self._found()
        if not all(value.isascii() and value.isprintable() for value in found.values()):
            raise Declined
        return found

    def _found(self) -> dict[str, str]:
        names = ("access_key_id", "secret_access_key", "session_token")
        if self._source is not None:
            found = self._source.get_frozen_credentials()
            return {name: value for name, value in zip(names, found[:3], strict=True) if value}
        if self._config.anonymous:
            return {}
        if self._config.aws_access_key_id:
            return {n: getattr(self._config, f"aws_{n}") for n in names if getattr(self._config, f"aws_{n}")}
        return {name: os.environ[f"AWS_{name.upper()}"] for name in names if os.environ.get(f"AWS_{name.upper()}")}


class _Opened:
    """What one process has open."""

    def __init__(self, store: Any, key: Any) -> None:
        self.store = store
        self.key = key
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="autostore-obstore")
        self._loop: Loop | None = None
        self._pid = os.getpid()
        _open.add(self)

    def loop(self) -> Loop:
        """Of the main thread alone, so that no lock is needed; asyncio takes longer to import than a read to do."""
        if self._loop is None:
            from autostore.backends.cloud.obstore.loop import Loop

            self._loop = Loop()
        return self._loop

    def __del__(self) -> None:
        if os is None or getattr(self, "_pid", None) != os.getpid():
            return
        self.threads.shutdown(wait=False)
        if self._loop is not None:
            self._loop.close()


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
