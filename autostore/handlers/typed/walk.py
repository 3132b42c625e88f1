"""The walk over a value: each part once, however often it stands there, never inside of itself, with its path known.

It has a stack of its own, so that depth is no matter of Python's; `encoding.py` says what becomes of each part.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Mapping
from typing import Any

from autostore.handlers.plain import MOST_REPEATED
from autostore.handlers.typed.objects import encode_enum
from autostore.handlers.typed.path import Label
from autostore.handlers.typed.scalars import scalar_tag
from autostore.handlers.typed.table import ENCODERS
from autostore.handlers.typed.tag import float_tree, int_tree, refuse, text_tree

__all__ = ["MOST_LEVELS", "Asking", "Member", "Walk", "Way"]

MOST_LEVELS = 200
"""Lists and objects of JSON around the innermost value."""

Asking = Generator[tuple[Any, int], Any, Any]
"""Encodes one value with parts: yields each part that has parts itself, and how deep it is; is sent its tree."""

Member = Callable[[Any, list[Label]], dict[str, Any] | None]
"""Asked for each value that may have a file of its own, with its path: the reference to it, or None."""

Way = Callable[["Walk", Any, int], Asking]
"""How values of a class with parts are encoded; told the lists and objects around it."""

_Leaf = Callable[[Any], Any]


class Walk:
    """One walk; `way` says how each class with parts is encoded.

    Attributes:
        path: to the part at which the walk is.
        member: asked for parts that have formats of their own; None outside of bundles.
        nodes: of the tree so far.
        deepest: how many levels it has, at least; a few levels of tags may be below.
    """

    def __init__(self, way: Callable[[Walk, type], Way], member: Member | None, without_leaf: frozenset[type]) -> None:
        self.path: list[Label] = []
        self.member = member
        self.nodes = self.deepest = 0
        self._way = way
        # By class: how a value without parts is written, or None.
        self.leaves: dict[type, _Leaf | None] = {**_LEAVES, **dict.fromkeys(without_leaf)}
        self._open: set[int] = set()
        # By id; the value is held, so that its id stays its own. What it became, nodes, and levels.
        self._done: dict[int, tuple[Any, Any, int, int]] = {}
        self._repeated = 0

    def run(self, value: Any, depth: int) -> Any:
        """The tree of a value with so many lists and objects around it."""
        leaf = self.leaf(type(value))
        if leaf is not None:
            return leaf(value)
        asking, tree = [self._whole(value, depth)], None
        while asking:
            try:
                part, depth = asking[-1].send(tree)
            except StopIteration as done:
                tree = done.value
                asking.pop()
            else:
                asking.append(self._whole(part, depth))
                tree = None
        return tree

    def leaf(self, kind: type) -> _Leaf | None:
        """How values of a class without parts are written; found once a class."""
        if kind not in self.leaves:
            self.leaves[kind] = _find_leaf(kind)
        return self.leaves[kind]

    def _whole(self, value: Any, depth: int) -> Asking:
        key = id(value)
        if depth >= MOST_LEVELS:
            refuse(f"is nested more than {MOST_LEVELS} levels of JSON deep")
        if key in self._open:
            refuse("contains itself")
        if key in self._done:
            return self._again(key, depth)
        before, outer = self.nodes, self.deepest
        self.deepest = depth + 1
        self._open.add(key)
        tree = yield from self._way(self, type(value))(self, value, depth)
        self._open.discard(key)
        self.nodes += 1
        self._done[key] = value, tree, self.nodes - before, self.deepest - depth
        self.deepest = max(outer, self.deepest)
        return tree

    def _again(self, key: int, depth: int) -> Any:
        _, tree, nodes, levels = self._done[key]
        self._repeated += nodes
        if self._repeated > MOST_REPEATED:
            refuse(f"repeats: shared parts would add more than {MOST_REPEATED} nodes")
        if depth + levels > MOST_LEVELS:
            refuse(f"is nested more than {MOST_LEVELS} levels of JSON deep")
        self.nodes += nodes
        self.deepest = max(self.deepest, depth + levels)
        return tree


def _find_leaf(kind: type) -> _Leaf | None:
    tag = scalar_tag(kind)
    if tag is not None or kind in ENCODERS:
        name, encode = ENCODERS[kind] if tag is None else (tag.name, tag.encode)
        return lambda value: {name: encode(value)}
    if issubclass(kind, enum.Enum):
        return lambda value: {"$enum": encode_enum(value)}
    return None


_LEAVES: Mapping[type, _Leaf | None] = {
    str: text_tree,
    int: int_tree,
    float: float_tree,
    bool: lambda value: value,
    type(None): lambda value: value,
}
