"""How long, as a caller says it: in seconds, or as a timedelta."""

from __future__ import annotations

from datetime import timedelta

from autostore.errors import InvalidConfigError

__all__ = ["in_seconds"]


def in_seconds(name: str, given: float | timedelta, *, zero: bool = False) -> float:
    """The seconds of the argument `name`; `InvalidConfigError` where it is no length of time above 0, or from 0 on."""
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not (seconds > 0 or (zero and seconds == 0)):
        least = "from 0 on" if zero else "above 0"
        raise InvalidConfigError(f"{name}={given!r:.100} is no length of time. Pass seconds, or a timedelta, {least}.")
    return seconds
