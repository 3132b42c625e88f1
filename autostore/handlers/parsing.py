"""Text of JSON to values, strictly and at the speed of C: NaN, infinities and keys that stand twice are errors.

The json module tells of a key that stands twice only by giving all pairs of all objects to Python code. So the keys
of what came of a longer text are counted: only where they may be fewer than in the text is it parsed so.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Generator
from math import isfinite
from typing import Any, NoReturn

from autostore.errors import CorruptDataError

__all__ = ["finite", "number_of_line", "parse_json", "parse_lines"]

_SHORT = 1000
"""Characters; counting costs microseconds, which a longer text gains back."""

_SPACED = re.compile(r":(?<=[ \n\r\t]:)")
"""A colon behind white space, which may be that of a key; all others of keys stand behind a quote."""

_LOWER, _UPPER = re.compile(r"e\+?\d{3}"), re.compile(r"E\+?\d{3}")
"""An exponent that may lead beyond floats; each begins with one letter, for which Python looks fast."""

_RUN = 154
"""Half of the digits that a float has at most before its point."""

_TWO_DIGITS = re.compile(r"\d(?=\d)")


def _no_constant(name: str) -> NoReturn:
    raise CorruptDataError(
        f"The file holds {name}, which is no JSON, though Python's json module writes it. "
        "Write null or a text in its place, or read the file with as_type=bytes and json.loads."
    )


def finite(digits: str) -> float:
    """The number, if a float holds it."""
    value = float(digits)
    if not isfinite(value):
        raise CorruptDataError(
            f"The number {digits:.40} is beyond what a float holds, and would be read as infinity. "
            "Write it as a text, or read the file with as_type=bytes."
        )
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise CorruptDataError(
            f"An object of the file has the key {twice!r:.80} twice, and readers disagree on which counts. Remove one."
        )
    return found


_exact = json.JSONDecoder(parse_constant=_no_constant, parse_float=finite, object_pairs_hook=_unique)


def parse_json(text: str) -> Any:
    """`json.loads`, but NaN and infinities are errors, as the standard says, and so is a key that stands twice."""
    if len(text) <= _SHORT:
        return _exact.decode(text)
    counting = _Counting(text)
    value = counting.decoder.decode(text)
    return value if counting.has_all_keys() else _exact.decode(text)


def parse_lines(text: str) -> list[Any]:
    """The value of each line that is not empty; an error names the line."""
    # Not splitlines(), which also splits at characters that JSON strings may hold as they are.
    lines = text.split("\n")
    counting = _Counting(text)
    rows = _rows(lines, counting.decoder)
    return rows if counting.has_all_keys() else _rows(lines, _exact)


def number_of_line(content: bytes, row: int) -> int:
    """Which line of a file of JSON lines holds that row, counted from 0; empty lines hold none."""
    numbers = (number for number, line in enumerate(content.split(b"\n"), 1) if line.strip())
    return next(itertools.islice(numbers, row, None), row + 1)


def _rows(lines: list[str], decoder: json.JSONDecoder) -> list[Any]:
    rows, decode = [], decoder.decode
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            try:
                rows.append(decode(line))
            except ValueError as error:
                raise CorruptDataError(f"Line {number} is not JSON as it is kept here: {error}") from error
    return rows


class _Counting:
    """A decoder of one text that counts the keys of what it makes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._keys = [0]
        self.decoder = json.JSONDecoder(
            parse_constant=_no_constant,
            parse_float=finite if _may_hold_large_numbers(text) else None,
            object_hook=_started(_objects(self._keys)),
        )

    def has_all_keys(self) -> bool:
        """Whether none was lost because it stood twice; False also where that is not certain."""
        (keys,), text = self._keys, self._text
        return keys == text.count(":") or (_SPACED.search(text) is None and keys == text.count('":'))


def _may_hold_large_numbers(text: str) -> bool:
    if _LOWER.search(text) or ("E" in text and _UPPER.search(text)):
        return True
    # So long a run of digits covers a whole stretch between two of these places.
    places = (found.start() * _RUN for found in _TWO_DIGITS.finditer(text[::_RUN]))
    return any(text[place : place + _RUN].isdigit() for place in places)


def _started(generator: Generator[Any, Any, None]) -> Callable[[Any], Any]:
    """What takes a value and gives one, for less than a function does."""
    next(generator)
    return generator.send


def _objects(keys: list[int]) -> Generator[Any, dict[str, Any], None]:
    found = None
    while True:
        found = yield found
        keys[0] += len(found)
