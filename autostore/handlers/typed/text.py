"""The text of typed JSON files: how it is written, and the checks that it passes before it is parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, NoReturn

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handlers.parsing import finite
from autostore.handlers.typed.encoding import Encoded
from autostore.handlers.typed.walk import MOST_LEVELS

__all__ = ["VERSION", "parse", "seal"]

VERSION = 1
_SAFE_LEVELS = MOST_LEVELS - 10
_ENVELOPE_LEVELS = 1
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
# A string that nothing ends goes to the end of the text, so that no quote is looked at twice.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
# Only such numbers may be beyond what a float holds.
_LARGE_NUMBER = re.compile(rb"[eE]\+?\d{3}|\d{300}")


def seal(encoded: Encoded) -> bytes:
    """The file around the tree of a value."""
    content = _encode({"$autostore": VERSION, "value": encoded.tree}).encode("utf-8")
    if encoded.levels > _SAFE_LEVELS and _levels(_STRINGS.sub(b"", content)) > MOST_LEVELS + _ENVELOPE_LEVELS:
        raise UnsupportedFormatError(
            f"The value is nested more than {MOST_LEVELS} levels of JSON deep. Store its parts under keys of their own."
        )
    return content


def parse(content: bytes, hook: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    """What JSON gives, with `hook` called for each object's pairs, innermost first."""
    outside = _STRINGS.sub(b"", content)
    if _levels(outside) > MOST_LEVELS + _ENVELOPE_LEVELS:
        raise CorruptDataError(f"The file is nested more than {MOST_LEVELS} levels deep. Restore it.")
    number: Any = finite if _LARGE_NUMBER.search(outside) else None
    text = content.decode("utf-8-sig")
    return json.loads(text, object_pairs_hook=hook, parse_constant=_no_constant, parse_float=number)


def _levels(outside: bytes) -> int:
    """How deep brackets are nested, in a text without strings."""
    steps = outside.translate(_STEPS, _OTHERS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def _no_constant(name: str) -> NoReturn:
    raise CorruptDataError(f"{name} is not JSON. Look at it with as_type=bytes.")
