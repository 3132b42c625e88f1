"""Has a handler write a value while it is computed, straight to the place, and translates what either raises."""

from __future__ import annotations

import sys
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.handlers.readiness import Options, ready
from autostore.handlers.refusals import raise_failure
from autostore.handlers.verdicts import Act, after_writing
from autostore.pieces.incoming import Incoming

__all__ = ["send"]


def send(writer: tuple[DataHandler, str], data: Any, into: Incoming, where: str, options: Options) -> None:
    """Write all of a value; what fails is the value's, the place's or the user's own, and final."""
    handler, extension = writer
    act = Act(handler, extension, where, sys.exc_info()[1])
    try:
        ready(handler, options).write_to_stream(data, into, extension)  # type: ignore[arg-type]
    except Exception as error:
        if into.failure is not None:
            raise into.failure from into.failure.__cause__
        failure = after_writing(act, error, data)
        if isinstance(failure, UnsupportedFormatError) and getattr(data, "failure", None) is not failure:
            failure = act.named(failure)
        raise_failure(failure, error)
