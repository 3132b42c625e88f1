"""Digests of values that may hold themselves: a list in itself, nodes and functions that know each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Rings", "combined"]


class Rings:
    """The digests of one walk, each value's once.

    A value that is met inside itself is told by how far up it stands. Whatever holds a value that is still open is of
    its ring, and means something only there: once the ring is whole, its parts are told by the ring and a number.
    """

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, bytes]] = {}
        self._open: dict[int, int] = {}
        self._parts: dict[int, tuple[Any, int, int]] = {}
        self._ring: list[int] = []
        self._lowest = 0

    def digest(self, value: Any, walked: Callable[[Any], bytes]) -> bytes:
        """That of a value, which `walked` tells where it is not known."""
        found = self._done.get(id(value))
        if found is not None:
            return found[1]
        if id(value) in self._open or id(value) in self._parts:
            return self._again(value)
        self._open[id(value)] = depth = len(self._open)
        outer, self._lowest, first = self._lowest, depth, len(self._ring)
        try:
            digest = walked(value)
        finally:
            del self._open[id(value)]
            lowest, self._lowest = self._lowest, min(self._lowest, outer)
        if lowest < depth:
            self._parts[id(value)] = value, lowest, len(self._ring)  # kept, so that no other value gets its id
            self._ring.append(id(value))
            return digest
        for number, part in enumerate(self._ring[first:]):
            self._done[part] = self._parts.pop(part)[0], combined("part of a ring", [digest, b"%d" % number])
        del self._ring[first:]
        self._done[id(value)] = value, digest
        return digest

    def _again(self, value: Any) -> bytes:
        """Where a value stands that is open, or of a ring that is."""
        at = self._open.get(id(value))
        if at is not None:
            self._lowest = min(self._lowest, at)
            return b"again%d" % (len(self._open) - at)
        _, lowest, number = self._parts[id(value)]
        self._lowest = min(self._lowest, lowest)
        return b"part%d" % (len(self._ring) - number)


def combined(kind: str, digests: Iterable[bytes]) -> bytes:
    """One digest of several, in their order."""
    hasher = hashlib.blake2b(kind.encode(), digest_size=16)
    for digest in digests:
        hasher.update(b"%d:" % len(digest))
        hasher.update(digest)
    return b"#" + hasher.digest()  # which no small value begins with
