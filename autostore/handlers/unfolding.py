"""How much memory a text or a packed file of many small parts takes once it is read; asked before it is parsed."""

from __future__ import annotations

from typing import Any

from autostore.errors import CorruptDataError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.encoding import without_mark
from autostore.handlers.parsing import parse_json

__all__ = ["MOST_LEVELS", "check_unfolded", "json_object", "nesting"]

MOST = 80
"""How often its size a file takes in memory at most: `{1:1}` in a few bytes is a dict of 232."""

MOST_LEVELS = 100
_OBJECT, _SAID = 600, 100
"""Bytes in memory of an object of a document, which may be a class of its own, and of anything else."""

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


def json_object(content: bytes, ceiling: Ceiling, called: str) -> dict[str, Any]:
    """The object of a document in JSON, of at most `MOST_LEVELS` levels; messages say what it is `called`."""
    said = sum(content.count(sign) for sign in (b"[", b",", b'"')) * _SAID
    ceiling.check(2 * len(content) + content.count(b"{") * _OBJECT + said, f"The {called}")
    value = parse_json(without_mark(content))
    if type(value) is not dict or nesting(value, MOST_LEVELS) > MOST_LEVELS:
        raise CorruptDataError(f"This is no {called} of at most {MOST_LEVELS} levels. Look at it with as_type=str.")
    return value


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
