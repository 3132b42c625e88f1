"""One object on its way: a line at INFO when it arrived, a span where OpenTelemetry is used, a bar if it takes a while.

The logger is `autostore`; each line has the fields `operation`, `path`, `uri`, `bytes`, `seconds` and `outcome`, that
of a copy `source` too. Where nobody listens a transfer costs one question.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol, Self, TypeVar

from autostore.keys import is_ours
from autostore.telling import spans
from autostore.telling.bars import Bar, shows
from autostore.telling.units import plain

__all__ = ["Place", "Told", "log", "moved_by", "transfer"]

LARGE = 8 << 20
"""A file of so many bytes has a bar although nothing is counted: not every library tells how far it is."""

log = logging.getLogger("autostore")
log.addHandler(logging.NullHandler())

Found = TypeVar("Found")

_current: ContextVar[Callable[[int], None] | None] = ContextVar("_current", default=None)


class Place(Protocol):
    """Where bytes move from or to."""

    uri: str

    @property
    def config(self) -> Any:
        """Its settings."""


class Told(Protocol):
    """A transfer that may be listened to."""

    def __enter__(self) -> Self:
        """It begins."""

    def __exit__(self, *exc_info: object) -> None:
        """It is over."""

    def of(self, found: Found) -> Found:
        """What the place said of the file, which is given back; None: it had not changed, and nothing moved."""


class _Quiet:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def of(self, found: Found) -> Found:
        return found


_QUIET = _Quiet()


def transfer(
    operation: str, place: Place, path: str, size: int | None = None, *, bar: bool = True, source: str = ""
) -> Told:
    """Tell of one, "read", "write" or "copy", which has a `source` and whose bytes move elsewhere.

    `size` is what is known before, `bar` whether it may take a while.
    """
    if log.isEnabledFor(logging.INFO) or spans.are_used() or (bar and shows(place.config.progress)):
        return _QUIET if is_ours(path) else _Transfer(operation, place, path, size, source)
    return _QUIET


def moved_by() -> Callable[[int], None]:
    """Counts bytes for the transfer that this thread is in, from any thread."""
    return _current.get() or _nobody


def _nobody(count: int) -> None:
    del count


class _Transfer:
    def __init__(self, operation: str, place: Place, path: str, size: int | None, source: str) -> None:
        self._fields: dict[str, Any] = {"operation": operation, "path": path, "uri": place.uri}
        self._fields |= {"source": source} if source else {}
        self._bytes = size or 0
        self._outcome = "done"
        waits = bool(source) or self._bytes >= LARGE
        self._bar = Bar(f"{operation} {path}", size, unit="bytes", progress=place.config.progress, waits=waits)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        self._span = self._stack.enter_context(spans.span(f"autostore.{self._fields['operation']}", self._fields))
        self._stack.enter_context(self._bar)
        self._token = _current.set(self._bar.step)
        return self

    def of(self, found: Found) -> Found:
        self._bytes = getattr(found, "size", 0)
        if found is None:
            self._outcome = "unchanged"
        return found

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._token)
        kind = exc_info[0] if exc_info else None
        if isinstance(kind, type):
            self._outcome, self._bytes = kind.__name__, 0  # its message says more than a log may keep
        seconds = time.perf_counter() - self._started
        fields = self._fields | {"bytes": self._bytes, "seconds": round(seconds, 6), "outcome": self._outcome}
        spans.end(self._span, self._bytes, self._outcome if kind is not None else "")
        self._stack.close()
        text = "%(operation)s %(path)s: %(bytes)d bytes in %(seconds).3f s, %(outcome)s"
        log.info(text, fields | {"path": plain(fields["path"])}, extra=fields)
