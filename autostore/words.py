"""How a message names a class: with its article."""

from __future__ import annotations

import re

__all__ = ["an"]

_SPOKEN_AS_VOWEL = re.compile(r"[aeio]|un(?!i)|nd", re.IGNORECASE)


def an(name: str) -> str:
    """`an int`, `a list`, `an ndarray`, `a UUID`."""
    return f"{'an' if _SPOKEN_AS_VOWEL.match(name) else 'a'} {name}"
