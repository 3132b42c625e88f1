"""What makes a handler ready, what is said where none holds a value, and how an error leaves the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from autostore.errors import StorageError
from autostore.handler import DataHandler
from autostore.optional import require

__all__ = ["Options", "holds_none", "listed", "raise_failure", "ready", "require_libraries"]

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


def holds_none(data: Any, extension: str) -> str:
    """No handler takes the value."""
    what = f"{type(data).__qualname__} objects"
    problem = f"{extension} does not hold {what}" if extension else f"no registered format holds {what}"
    return f"{problem}. Choose another format, or leave it to the value: a new key without an extension"


def listed(refusals: Iterable[Exception]) -> str:
    """Why each refused, in one line."""
    return "; ".join(str(refusal).rstrip().removesuffix(".") for refusal in refusals)


def raise_failure(failure: BaseException, error: Exception, refusals: Iterable[Exception] = ()) -> NoReturn:
    """Raise what an error means; the user's own as it is."""
    if not isinstance(failure, StorageError) or failure is error:
        raise failure
    reasons = listed(refusals)
    raise (type(failure)(f"{failure} (also tried: {reasons})") if reasons else failure) from error
