"""Spans of OpenTelemetry, where the process uses it; it is never imported from here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["apart", "are_used", "end", "span"]

_TRACE = "opentelemetry.trace"


def are_used() -> bool:
    """Whether somebody may look at spans."""
    return _trace() is not None


def _trace() -> Any:
    """OpenTelemetry's module; None where it is not there, or another thread is still importing it."""
    trace: Any = sys.modules.get(_TRACE)
    being_made = getattr(getattr(trace, "__spec__", None), "_initializing", False)
    return None if being_made or not hasattr(trace, "get_tracer") else trace


def span(name: str, told: Mapping[str, str]) -> AbstractContextManager[Any]:
    """A span, the current one of this thread meanwhile; gives None where nobody uses spans."""
    trace = _trace()
    if trace is None:
        return contextlib.nullcontext()
    attributes = {f"autostore.{field}": value for field, value in told.items()}
    tracer = trace.get_tracer("autostore")
    made: AbstractContextManager[Any] = tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    return made


@contextlib.contextmanager
def apart(name: str, told: Mapping[str, Any]) -> Iterator[Any]:
    """A span that is nobody's current one, so that it may end in another thread than it began in."""
    trace = _trace()
    if trace is None:
        yield None
        return
    attributes = {f"autostore.{field}": value for field, value in told.items()}
    made = trace.get_tracer("autostore").start_span(name, attributes=attributes)
    try:
        yield made
    finally:
        made.end()


def end(span: Any, size: int, failure: str) -> None:
    """Say how it went; of a failure only the class, as messages of other libraries may hold anything."""
    if span is None:
        return
    trace: Any = sys.modules[_TRACE]
    span.set_attribute("autostore.bytes", size)
    if failure:
        span.set_attribute("error.type", failure)
        span.set_status(trace.Status(trace.StatusCode.ERROR, failure))
