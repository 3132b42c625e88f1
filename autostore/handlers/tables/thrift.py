"""A cursor over Thrift's compact protocol that knows just enough to pass over what nobody asks for.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Compact"]

_DEEPEST = 32
_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}
"""Bytes of a value, by its kind in Thrift: true and false stand in the head of their field."""


class Compact:
    """The bytes, and where the reader is; `IndexError` or `ValueError` where they are no Thrift."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def position(self) -> int:
        """How many bytes were read."""
        return self._at

    def fields(self) -> Iterator[tuple[int, int]]:
        """`(number, kind)` of each field of a struct; the caller reads or skips its value."""
        field = 0
        while True:
            head = self._byte()
            kind = head & 0x0F
            if not kind:
                return
            field = field + (head >> 4) if head >> 4 else self.number()
            yield field, kind

    def items(self) -> Iterator[int]:
        """The kind of each item of a list of structs; the caller reads it."""
        count, kind = self.begin_list()
        for _ in range(count):
            yield kind

    def number(self) -> int:
        """A signed integer."""
        raw = self._varint()
        return (raw >> 1) ^ -(raw & 1)

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value."""
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind in _FIXED:
            self._at += _FIXED[kind]
        elif kind in (4, 5, 6):
            self._varint()
        elif kind == 8:
            self.binary()
        elif kind in (9, 10):
            count, inner = self.begin_list()
            for _ in range(count):
                self.skip(3 if inner in (1, 2) else inner, depth + 1)
        elif kind == 12:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise ValueError(f"a value of kind {kind}")

    def binary(self) -> bytes:
        """A text or bytes."""
        length = self._varint()
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise IndexError("it ends too early")
        return self._data[start : self._at]

    def begin_list(self) -> tuple[int, int]:
        """How many items follow, and of which kind."""
        head = self._byte()
        count = head >> 4
        return (self._varint() if count == 15 else count), head & 0x0F

    def _byte(self) -> int:
        found = self._data[self._at]
        self._at += 1
        return found

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")
