"""What a tag is: its name, the classes it stands for, and how its payload is written and read.

Payloads are plain JSON; numbers and texts in them that JSON cannot hold have tags of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from autostore.errors import UnsupportedFormatError
from autostore.handlers.plain import INT_BITS, SURROGATE
from autostore.words import an

__all__ = [
    "DESCRIBE",
    "PLAIN",
    "MalformedError",
    "Tag",
    "UndescribedError",
    "array",
    "float_tree",
    "int_tree",
    "need",
    "number",
    "refuse",
    "text_tree",
    "typed",
]


DESCRIBE = "if it is your own, make it a dataclass; else register a handler"
"""What to do about a class that says not what it is made of."""


class MalformedError(Exception):
    """A payload that its tag never writes; says what is wrong, and the reader says where."""


class UndescribedError(UnsupportedFormatError):
    """A value of a class that says not what it is made of; `kind` is the class."""

    kind: type | None = None


class Tag(NamedTuple):
    """One row of the table: values of exactly these classes, and the payload that each becomes."""

    name: str
    classes: tuple[type, ...]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def int_tree(value: int) -> Any:
    """An int, under `$int` where some readers of JSON would not parse it."""
    return value if value.bit_length() <= INT_BITS else {"$int": hex(value)}


def float_tree(value: float) -> Any:
    """A float, under `$float` where it is no number."""
    if math.isfinite(value):
        return value
    return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}


def text_tree(value: str) -> Any:
    """A str, under `$str` as texts and surrogates in turn where UTF-8 cannot hold it."""
    if value.isascii() or not SURROGATE.search(value):
        return value
    parts = re.split(f"({SURROGATE.pattern})", value)
    return {"$str": [ord(part) if SURROGATE.fullmatch(part) else part for part in parts if part]}


def need(condition: object, problem: str = "it is not what this tag holds") -> None:
    """Refuse a payload."""
    if not condition:
        raise MalformedError(problem)


def typed(payload: Any, *kinds: type) -> Any:
    """The payload, if it is exactly of one of these types."""
    if type(payload) not in kinds:
        raise MalformedError(f"{an(type(payload).__qualname__)} stands where {an(kinds[0].__qualname__)} belongs")
    return payload


def array(payload: Any, length: int) -> list[Any]:
    """The payload, if it is a list of this length."""
    need(len(typed(payload, list)) == length, f"{len(payload)} parts, not {length}")
    return list(payload)


def number(payload: Any) -> float:
    """The payload as a float."""
    return float(typed(payload, float, int))


def refuse(problem: str) -> NoReturn:
    """What a tag's encoder raises for a value that it would not give back."""
    raise UnsupportedFormatError(problem)


def _text(payload: Any) -> str:
    parts = [part if type(part) is str else chr(typed(part, int)) for part in typed(payload, list)]
    return "".join(parts)


def _int(payload: Any) -> int:
    need(re.fullmatch("-?0x[0-9a-f]+", typed(payload, str)))
    return int(payload, 16)


_FLOATS = {"nan": "nan", "inf": "inf", "-inf": "-inf"}

PLAIN = (
    Tag("$int", (), int_tree, _int),
    Tag("$float", (), float_tree, lambda payload: float(_FLOATS[payload])),
    Tag("$str", (), text_tree, _text),
)
"""Tags of what is otherwise plain; the encoder asks the functions above, which write most without a tag."""
