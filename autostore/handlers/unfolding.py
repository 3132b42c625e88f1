"""How much memory a text or a packed file of many small parts takes once it is read; asked before it is parsed."""

from __future__ import annotations

from typing import Any

from autostore.guard.ceiling import Ceiling

__all__ = ["check_unfolded", "nesting"]

MOST = 80
"""How often its size a file takes in memory at most: `{1:1}` in a few bytes is a dict of 232."""

OPENED, PART = 240, 60
"""Bytes of a dict or list, and of a text or number with its place in them."""


def check_unfolded(
    content: bytes, ceiling: Ceiling, what: str, opening: bytes = b"[{=", parting: bytes = b",\n"
) -> None:
    """Refuse what would take too much; `opening` are the bytes that begin a container, `parting` those of a part."""
    ceiling.check(len(content), what)
    if ceiling.allows(MOST * len(content)):
        return
    opened, parts = (len(content) - len(content.translate(None, signs)) for signs in (opening, parting))
    ceiling.check(len(content) + opened * OPENED + parts * PART, what)


def nesting(value: Any, most: int) -> int:
    """Levels of lists and dicts; no more than `most` and one are counted."""
    level, levels = [value], 0
    while level and levels <= most:
        level = [
            child
            for part in level
            for child in (part.values() if isinstance(part, dict) else part)
            if isinstance(child, dict | list | tuple)
        ]
        levels += 1
    return levels
