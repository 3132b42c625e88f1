"""What makes a handler ready: its libraries are there, and it writes as the call says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.handler import DataHandler
from autostore.optional import require

__all__ = ["Options", "ready", "require_libraries"]

Options = Mapping[str, Any] | None
"""What `write(..., options=...)` says."""


def require_libraries(handler: DataHandler) -> None:
    """Import what a handler needs."""
    for library in handler.requires:
        require(library)


def ready(handler: DataHandler, options: Options) -> DataHandler:
    """The handler that writes so, its libraries there."""
    require_libraries(handler)
    return handler.with_options(options) if options else handler
