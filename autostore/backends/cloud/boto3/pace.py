"""Answers that come too slowly end: the timeout of a socket begins anew with each byte, of a header as of a body."""

from __future__ import annotations

import errno
import io
import time
from typing import Any

__all__ = ["keep_pace"]

SLOWEST = 1 << 10
"""Bytes a second: what comes slower uses up the time that is waited for an answer."""


def keep_pace(session: Any, seconds: float) -> None:
    """Let a session of botocore give up an answer of which so many seconds of waiting brought too little."""
    classes = getattr(session, "_pool_classes_by_scheme", {})  # the one way to the connections
    for scheme, pool in list(classes.items()):
        members = {"ConnectionCls": _paced(pool.ConnectionCls, seconds)}
        classes[scheme] = type(pool.__name__, (pool,), members)


def _paced(connection: Any, seconds: float) -> type:
    class Paced(connection):  # type: ignore[misc] # botocore's own, of either scheme
        sock: Any

        def connect(self) -> None:
            super().connect()
            self.sock = _Socket(self.sock, seconds)

    return Paced


class _Socket:
    """A socket, whose readers keep count."""

    def __init__(self, socket: Any, seconds: float) -> None:
        self._socket = socket
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def makefile(self, mode: str, buffering: int = -1) -> Any:
        """What one answer is read from."""
        reader = _Reader(self._socket.makefile(mode, 0), self._seconds)
        return reader if buffering == 0 else io.BufferedReader(reader)


class _Reader(io.RawIOBase):
    """One answer; the time that its consumer takes does not count."""

    def __init__(self, raw: Any, seconds: float) -> None:
        self._raw = raw
        self._seconds = self._left = seconds

    def readable(self) -> bool:
        """For the buffer around it."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As the socket's; `TimeoutError` where time is up, as if nothing had come."""
        begun = time.monotonic()
        count: int | None = self._raw.readinto(buffer)
        self._left = min(self._seconds, self._left + (count or 0) / SLOWEST - (time.monotonic() - begun))
        if self._left < 0:
            raise TimeoutError(errno.ETIMEDOUT, "the answer came too slowly")  # a bare one would be a time limit's
        return count

    def close(self) -> None:
        """With the socket, where that was left to its reader."""
        self._raw.close()
        super().close()
