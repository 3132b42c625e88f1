"""One line for each request at DEBUG: what was asked, of which path, how long it took, and what came of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from autostore.telling.transfers import log
from autostore.telling.units import plain

__all__ = ["told"]

Answer = TypeVar("Answer")


def told(request: str, path: str, ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives; the line has the fields `request`, `path`, `seconds` and `outcome`, and no header."""
    if not log.isEnabledFor(logging.DEBUG):
        return ask()
    started, outcome = time.perf_counter(), "done"
    try:
        return ask()
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        seconds = round(time.perf_counter() - started, 6)
        fields = {"request": request, "path": path, "seconds": seconds, "outcome": outcome}
        shown = fields | {"path": plain(path)}
        log.debug("%(request)s %(path)s: %(seconds).3f s, %(outcome)s", shown, extra=fields)
