"""One scan on its way: a line at INFO when it is over, a span where OpenTelemetry is used, a bar if it takes a while.

Its rows are asked for from any thread of Polars, so nothing of it belongs to one.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any, Self

from autostore.telling import spans
from autostore.telling.bars import Bar, shows
from autostore.telling.transfers import Place, log
from autostore.telling.units import plain

__all__ = ["Scanned", "scanned"]


class Scanned:
    """A scan that nobody listens to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def step(self, size: int, rows: int) -> None:
        """So many bytes of tables more were gone through, and so many rows."""


def scanned(place: Place, path: str, tables: int, size: int) -> Scanned:
    """Tell of a scan of tables at or below `path`, which have `size` bytes."""
    if log.isEnabledFor(logging.INFO) or spans.are_used() or shows(place.config.progress):
        return _Told(place, path, tables, size)
    return Scanned()


class _Told(Scanned):
    def __init__(self, place: Place, path: str, tables: int, size: int) -> None:
        self._fields: dict[str, Any] = {"operation": "scan", "path": path, "uri": place.uri, "tables": tables}
        self._bytes = self._rows = 0
        self._bar = Bar(f"scan {path}", size, unit="bytes", progress=place.config.progress, waits=True)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        self._span = self._stack.enter_context(spans.apart("autostore.scan", self._fields))
        self._stack.enter_context(self._bar)
        return self

    def step(self, size: int, rows: int) -> None:
        self._bytes += size
        self._rows += rows
        self._bar.step(size)

    def __exit__(self, *exc_info: object) -> None:
        kind = exc_info[0] if exc_info else None
        # Whoever has enough rows lets go of the rest.
        failure = kind.__name__ if isinstance(kind, type) and kind is not GeneratorExit else ""
        spans.end(self._span, self._bytes, failure)
        self._stack.close()
        seconds = round(time.perf_counter() - self._started, 6)
        told = {"bytes": self._bytes, "rows": self._rows, "seconds": seconds, "outcome": failure or "done"}
        text = "%(operation)s %(path)s: %(rows)d rows of %(bytes)d bytes in %(seconds).3f s, %(outcome)s"
        fields = self._fields | told
        log.info(text, fields | {"path": plain(fields["path"])}, extra=fields)
