"""UBJSON as XGBoost writes it, read strictly: what a count claims is there, and arrays stay where they lie.

https://ubjson.org/; numbers are big-endian. Whatever XGBoost does not write is an error.
"""

from __future__ import annotations

import struct
from typing import Any, NoReturn

from autostore.errors import CorruptDataError
from autostore.optional import require

__all__ = ["read_ubjson"]

MOST_LEVELS = 30
_INTEGERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
_NUMBERS = _INTEGERS | {b"d": ">f", b"D": ">d"}
_ARRAYS = {b"i": ">i1", b"U": "u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_WORDS = {b"T": True, b"F": False, b"Z": None}


def read_ubjson(content: bytes) -> dict[str, Any]:
    """The one object that the content is; typed arrays as NumPy's, over the content itself."""
    reader = _Reader(content)
    if reader.take(1) != b"{":
        _fail("it is no object")
    found = reader.mapping(0)
    if reader.at != len(content):
        _fail("something is behind it")
    return found


def _fail(problem: str) -> NoReturn:
    raise CorruptDataError(f"This is no UBJSON as XGBoost writes it: {problem}. Look at it with as_type=bytes.")


class _Reader:
    """Where a reader stands."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        """The next bytes, which must be there."""
        if count < 0 or count > len(self._content) - self.at:
            _fail("it ends early")
        self.at += count
        return self._content[self.at - count : self.at]

    def mapping(self, level: int) -> dict[str, Any]:
        """Keys and values, up to the end of the object."""
        found: dict[str, Any] = {}
        while self._content[self.at : self.at + 1] != b"}":
            key = self._text()
            if key in found:
                _fail("a key stands twice")
            found[key] = self._value(self.take(1), level + 1)
        self.at += 1
        return found

    def _value(self, kind: bytes, level: int) -> Any:
        if level > MOST_LEVELS:
            _fail("it is nested too deep")
        if kind == b"{":
            return self.mapping(level)
        if kind == b"[":
            return self._list(level)
        if kind == b"S":
            return self._text()
        if kind in _WORDS:
            return _WORDS[kind]
        return self._number(kind, _NUMBERS)

    def _list(self, level: int) -> Any:
        mark = self.take(1)
        if mark == b"$":
            kind = self.take(1)
            if kind not in _ARRAYS or self.take(1) != b"#":
                _fail("an array is of an unknown kind")
            dtype = require("numpy").dtype(_ARRAYS[kind])
            data = self.take(self._count() * dtype.itemsize)
            return require("numpy").frombuffer(data, dtype)
        if mark == b"#":
            count = self._count()
            if count > len(self._content) - self.at:
                _fail("an array claims more than there is")
            return [self._value(self.take(1), level + 1) for _ in range(count)]
        _fail("an array has no count")

    def _count(self) -> int:
        return int(self._number(self.take(1), _INTEGERS))

    def _text(self) -> str:
        try:
            return self.take(self._count()).decode("utf-8")
        except UnicodeDecodeError:
            _fail("a text is not UTF-8")

    def _number(self, kind: bytes, kinds: dict[bytes, str]) -> Any:
        if kind not in kinds:
            _fail(f"{kind!r} stands where a number must")
        form = kinds[kind]
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]
