"""Others that write between a look and a change: how long to go on, and when to see that it leads nowhere."""

from __future__ import annotations

import time

from autostore.backend import FileMetadata
from autostore.errors import PreconditionFailedError, StorageConnectionError, compose
from autostore.holding.patience import chance

__all__ = ["Rivals"]

STANDSTILL = 5
"""How often everything may be refused while nothing changes."""


class Rivals:
    """Others that come in between: each time one of them gets on, unless the place refuses everybody."""

    def __init__(self, path: str, uri: str) -> None:
        self._path = path
        self._uri = uri
        self._seen = ""
        self._same = self._times = 0

    def met(self, seen: FileMetadata | None, refusal: PreconditionFailedError) -> None:
        """Wait a little, or give up where nothing changes and everything is refused."""
        now = "" if seen is None else seen.etag
        self._same = self._same + 1 if now == self._seen else 0
        self._seen = now
        if self._same >= STANDSTILL:
            problem = f"Nothing can be replaced here so that what it was is kept: {refusal}"
            remedy = "Try again; where it stays so, history=False writes without keeping."
            raise StorageConnectionError(compose(problem, key=self._path, uri=self._uri, remedy=remedy)) from refusal
        time.sleep(chance(0, 0.001 * 2 ** min(self._times, 7)))
        self._times += 1
