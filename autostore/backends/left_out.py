"""What listings pass over though it is there, and say in a warning."""

from __future__ import annotations

import warnings

from autostore.errors import LeftOutWarning

__all__ = ["LeftOut"]

MOST_NAMED = 10
"""How many names a warning holds."""


class LeftOut:
    """What a listing passes over though it is there: said once, at its end, in a `LeftOutWarning`."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._count = 0
        self._first: list[str] = []
        self._hides_keys = False

    def add(self, name: str, why: str = "no key can name it", *, hides_keys: bool = False) -> None:
        """Pass over a path; `hides_keys`: keys may lie there."""
        self._count += 1
        self._hides_keys |= hides_keys
        if self._count <= MOST_NAMED:
            self._first.append(f"{name!r:.200} ({why})")

    def say(self) -> None:
        """Warn, if anything was passed over."""
        if self._count:
            more = f" and {self._count - MOST_NAMED} more" if self._count > MOST_NAMED else ""
            text = f"{self._count} found in {self._uri} and left out of the listing: {', '.join(self._first)}{more}."
            warning = LeftOutWarning(text)
            warning.hides_keys = self._hides_keys
            warnings.warn(warning, stacklevel=3)
