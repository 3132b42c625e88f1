"""Whether obstore is asked again after answers that it did not understand; reads and writes each for themselves.

A server may refuse what obstore adds to a PUT, and yet be read by it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from autostore.engine.contract import Declined

__all__ = ["Surprise", "Trust", "trusted"]

SURPRISES = 3
"""After so many in a row it is not asked again."""

Call = TypeVar("Call", bound=Callable[..., Any])


class Surprise(Declined):
    """An answer that was not understood: the complete engine finds out what is there."""


class Trust:
    """How many surprises came since the last answer that was understood."""

    surprises = 0


def trusted(kind: str) -> Callable[[Call], Call]:
    """A call of an engine that counts on its `Trust` of this kind, and is declined where that is used up."""

    def decorated(call: Call) -> Call:
        @wraps(call)
        def asked(self: Any, *arguments: Any, **named: Any) -> Any:
            trust: Trust = getattr(self, kind)
            if trust.surprises >= SURPRISES:
                raise Declined
            try:
                result = call(self, *arguments, **named)
            except Surprise:
                trust.surprises += 1
                raise
            trust.surprises = 0
            return result

        return cast("Call", asked)

    return decorated
