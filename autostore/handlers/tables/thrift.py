"""A cursor over Thrift's compact protocol that knows just enough to pass over what nobody asks for.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md. Written for speed, since every table
is read through it, and the footer of a wide one has tens of thousands of values.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Compact"]

_DEEPEST = 32
# Kinds of values.
_NUMBERS, _TEXT, _LISTS, _STRUCT = (4, 5, 6), 8, (9, 10), 12
_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}
"""Bytes of a value, by its kind: true and false stand in the head of their field."""


class Compact:
    """The bytes, and where the reader is; `IndexError` or `ValueError` where they are no Thrift."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def position(self) -> int:
        """How many bytes were read; to be set to where a struct stands that was passed over."""
        return self._at

    @position.setter
    def position(self, at: int) -> None:
        self._at = at

    def fields(self) -> Iterator[tuple[int, int]]:
        """`(number, kind)` of each field of a struct; the caller reads or skips its value."""
        data, field = self._data, 0
        while head := data[self._at]:
            self._at += 1
            kind = head & 0x0F
            if not kind:
                raise ValueError("a field of no kind")
            field = field + (head >> 4) if head >> 4 else self.number()
            yield field, kind
        self._at += 1

    def items(self) -> Iterator[int]:
        """The kind of each item of a list of structs; the caller reads it."""
        count, kind = self.begin_list()
        for _ in range(count):
            yield kind

    def number(self) -> int:
        """A signed integer."""
        raw = self.size()
        return (raw >> 1) ^ -(raw & 1)

    def size(self) -> int:
        """An integer that is not below 0."""
        data = self._data
        byte = data[self._at]
        self._at += 1
        if byte < 128:
            return byte
        found, shift = byte & 0x7F, 7
        while True:
            byte = data[self._at]
            self._at += 1
            found |= (byte & 0x7F) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def binary(self) -> bytes:
        """A text or bytes."""
        return self.raw(self.size())

    def raw(self, length: int) -> bytes:
        """So many bytes as they are."""
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise IndexError("it ends too early")
        return self._data[start : self._at]

    def begin_list(self) -> tuple[int, int]:
        """How many items follow, and of which kind."""
        head = self._data[self._at]
        self._at += 1
        count = head >> 4
        return (self.size() if count == 15 else count), head & 0x0F

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value."""
        if kind == _STRUCT:
            self.take({}, depth)
        elif kind in _LISTS:
            self._skip_list(depth)
        elif kind in _NUMBERS:
            self.size()
        elif kind == _TEXT:
            length = self.size()
            self._at += length
        elif kind in _FIXED:
            self._at += _FIXED[kind]
        else:
            raise ValueError(f"a value of kind {kind}")

    def take(self, told: dict[int, int], depth: int = 0, *, within: int = 0) -> bool:
        """Pass over a struct, taking the numbers of the fields that are `told`, here or `within` a struct in it.

        Of a field that is no number, where it stands. Whether that struct was there. No call for each plain value, of
        which a footer has dozens a column.
        """
        data, at, field, found = self._data, self._at, 0, False
        while head := data[at]:
            at += 1
            kind = head & 0x0F
            field += head >> 4
            if kind in _NUMBERS and head > 15 and (within or field not in told):
                while data[at] > 127:
                    at += 1
                at += 1
            elif kind == _TEXT and head > 15 and data[at] < 128:
                at += data[at] + 1
            else:
                self._at = at
                if head < 16:
                    field = self.number()
                if field == within and kind == _STRUCT:
                    found = self.take(told, _deeper(depth)) or True
                elif field in told and not within:
                    told[field] = self.number() if kind in _NUMBERS else self._passed(kind, depth)
                elif kind > 2:
                    self.skip(kind, _deeper(depth))
                at = self._at
        self._at = at + 1
        return found

    def _passed(self, kind: int, depth: int) -> int:
        start = self._at
        self.skip(kind, _deeper(depth))
        return start

    def _skip_list(self, depth: int) -> None:
        data = self._data
        count, kind = self.begin_list()
        if kind in _NUMBERS:
            at = self._at
            for _ in range(count):
                while data[at] > 127:
                    at += 1
                at += 1
            self._at = at
        elif kind in _FIXED:  # in a list true and false take a byte each
            self._at += count * (_FIXED[kind] or 1)
        else:
            for _ in range(count):
                self.skip(kind, _deeper(depth))


def _deeper(depth: int) -> int:
    if depth >= _DEEPEST:
        raise ValueError("it is nested too deeply")
    return depth + 1
