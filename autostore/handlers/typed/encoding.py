"""From a value to the tree of JSON that typed JSON writes: one walk with a stack of its own, and the path kept.

Large plain parts are recognised as such and passed on whole. What cannot be written is refused with its path.
"""

from __future__ import annotations

import collections
import enum
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.names import is_described, name_class
from autostore.handlers.plain import MOST_REPEATED, SURROGATE, judge
from autostore.handlers.typed.objects import encode_enum, fields_of
from autostore.handlers.typed.path import Label, where
from autostore.handlers.typed.scalars import scalar_tag
from autostore.handlers.typed.table import ENCODERS, FACTORIES
from autostore.handlers.typed.tag import float_tree, int_tree, refuse, text_tree
from autostore.handlers.validated import data_of

__all__ = ["INLINE_BYTES", "MOST_LEVELS", "Encoder", "Member"]

MOST_LEVELS = 200
"""Lists and objects of JSON around the innermost value."""

INLINE_BYTES = 64 * 1024
"""Longer bytes have a file of their own, which only a bundle can hold."""

Member = Callable[[Any, list[Label]], dict[str, Any] | None]
"""Asked for each value that may have a file of its own, with its path: the reference to it, or None."""

_Asking = Generator[tuple[Any, int], Any, Any]
"""Encodes one value with parts: yields each part that has parts itself, and how deep it is; is sent its tree."""

_LARGE = 64
_LIBRARIES = frozenset(("numpy", "polars", "pandas", "pyarrow", "scipy", "torch", "PIL"))


class Encoder:
    """Encodes one value; `member` is asked for parts that have formats of their own."""

    def __init__(self, member: Member | None = None) -> None:
        self._member = member
        self._path: list[Label] = []
        self._open: set[int] = set()
        # By id; the value is held, so that its id stays its own. What it became, nodes, and levels.
        self._done: dict[int, tuple[Any, Any, int, int]] = {}
        self._nodes = self._repeated = self._deepest = 0
        self._leaves: dict[type, Callable[[Any], Any] | None] = dict(_LEAVES)

    @property
    def levels(self) -> int:
        """How deep the tree is, at least; a few levels of tags may be below."""
        return self._deepest

    def encode(self, value: Any) -> Any:
        """The tree; `UnsupportedFormatError` names the path of what cannot be written."""
        try:
            return self._run(value, 0)
        except UnsupportedFormatError as error:
            raise UnsupportedFormatError(f"{where(self._path)} {str(error).removesuffix('.')}.") from error

    def _run(self, value: Any, depth: int) -> Any:
        leaf = self._leaf(type(value))
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

    def _leaf(self, kind: type) -> Callable[[Any], Any] | None:
        """How values of a class without parts are written; found once a class."""
        if kind not in self._leaves:
            self._leaves[kind] = self._find_leaf(kind)
        return self._leaves[kind]

    def _find_leaf(self, kind: type) -> Callable[[Any], Any] | None:
        tag = scalar_tag(kind)
        if tag is not None or kind in ENCODERS:
            name, encode = ENCODERS[kind] if tag is None else (tag.name, tag.encode)
            return lambda value: {name: encode(value)}
        if issubclass(kind, enum.Enum):
            return lambda value: {"$enum": encode_enum(value)}
        return None

    def _bytes(self, value: Any, depth: int) -> _Asking:
        yield from ()  # they have no parts
        name, encode = ENCODERS[type(value)]
        if len(value) <= INLINE_BYTES:
            return {name: encode(value)}
        found = self._member and self._member(value, self._path)
        if not found:
            refuse(f"is {len(value)} bytes long, and more than {INLINE_BYTES} need .bundle.zip")
        return found if type(value) is bytes else {name: found}

    def _whole(self, value: Any, depth: int) -> _Asking:
        """A value with parts: once, however often it stands there, and never inside of itself."""
        key = id(value)
        if depth >= MOST_LEVELS:
            refuse(f"is nested more than {MOST_LEVELS} levels of JSON deep")
        if key in self._open:
            refuse("contains itself")
        if key in self._done:
            return self._again(key, depth)
        before, outer = self._nodes, self._deepest
        self._deepest = depth + 1
        self._open.add(key)
        kind = type(value)
        asked = self._member is not None and kind is not bytes and kind is not bytearray
        tree = self._member(value, self._path) if asked and self._member is not None else None
        if tree is None:
            tree = yield from (_WAYS.get(kind) or self._way(kind))(self, value, depth)
        self._open.discard(key)
        self._nodes += 1
        self._done[key] = value, tree, self._nodes - before, self._deepest - depth
        self._deepest = max(outer, self._deepest)
        return tree

    def _again(self, key: int, depth: int) -> Any:
        _, tree, nodes, levels = self._done[key]
        self._repeated += nodes
        if self._repeated > MOST_REPEATED:
            refuse(f"repeats: shared parts would add more than {MOST_REPEATED} nodes")
        if depth + levels > MOST_LEVELS:
            refuse(f"is nested more than {MOST_LEVELS} levels of JSON deep")
        self._nodes += nodes
        self._deepest = max(self._deepest, depth + levels)
        return tree

    def _way(self, kind: type) -> _Way:
        if is_described(kind):
            return Encoder._object
        library = kind.__module__.partition(".")[0]
        reason = "says not what it is made of: make it a dataclass, or register a handler"
        if self._member is None and library in _LIBRARIES:
            reason = "has a file of its own: use .bundle.zip"
        return refuse(f"is of the class {kind.__module__}.{kind.__qualname__}, which {reason}")

    def _is_plain(self, value: Any, depth: int) -> bool:
        if len(value) <= _LARGE:
            return False
        found = judge(value, MOST_LEVELS - depth, tagged=True)
        if not found.problem:
            self._nodes += found.nodes
            self._deepest = max(self._deepest, depth + found.levels)
        return not found.problem

    def _list(self, value: list[Any], depth: int) -> _Asking:
        if self._is_plain(value, depth):
            return value
        return (yield from self._items(value, depth + 1))

    def _items(self, values: Iterable[Any], depth: int) -> _Asking:
        path, leaves = self._path, self._leaves
        found = []
        path.append(0)
        for index, value in enumerate(values):
            path[-1] = index
            kind = type(value)
            leaf = leaves[kind] if kind in leaves else self._leaf(kind)
            found.append((yield value, depth) if leaf is None else leaf(value))
        path.pop()
        self._nodes += len(found)
        return found

    def _mapping(self, value: dict[Any, Any], depth: int) -> _Asking:
        if self._is_plain(value, depth):
            return value
        for key in value:
            if type(key) is not str or key[:1] == "$" or not (key.isascii() or not SURROGATE.search(key)):
                return {"$dict": (yield from self._pairs(value, depth + 2))}
        return (yield from self._named(value, depth + 1))

    def _named(self, value: dict[str, Any], depth: int) -> _Asking:
        path, leaves = self._path, self._leaves
        found = {}
        path.append("")
        for key, part in value.items():
            path[-1] = "." + key
            kind = type(part)
            leaf = leaves[kind] if kind in leaves else self._leaf(kind)
            found[key] = (yield part, depth) if leaf is None else leaf(part)
        path.pop()
        self._nodes += len(found)
        return found

    def _pairs(self, value: dict[Any, Any], depth: int) -> _Asking:
        path, found = self._path, []
        path.append("")
        for pair in value.items():
            tree = []
            for kind, part in zip(("key", "[]"), pair, strict=True):
                path[-1] = kind, pair[0]
                leaf = self._leaf(type(part))
                tree.append((yield part, depth + 1) if leaf is None else leaf(part))
            found.append(tree)
        path.pop()
        self._nodes += 3 * len(found)
        return found

    def _container(self, value: Any, depth: int) -> _Asking:
        kind = type(value)
        parts = (value.start, value.stop, value.step) if kind is slice else value
        items = yield from self._items(parts, depth + (3 if kind is collections.deque else 2))
        if kind is set or kind is frozenset:
            items.sort(key=_canonical)
        return {f"${kind.__name__}": [items, value.maxlen] if kind is collections.deque else items}

    def _dict(self, value: Any, depth: int) -> _Asking:
        name = f"${type(value).__name__.lower()}"
        if getattr(value, "__dict__", None):
            refuse("has attributes of its own")
        if type(value) is not collections.defaultdict:
            return {name: (yield from self._pairs(value, depth + 2))}
        factory = value.default_factory
        if factory is not None and FACTORIES.get(getattr(factory, "__name__", "")) is not factory:
            refuse(f"has the default factory {factory!r:.60}, which is none of {', '.join(FACTORIES)}")
        return {name: [factory and factory.__name__, (yield from self._pairs(value, depth + 3))]}

    def _object(self, value: Any, depth: int) -> _Asking:
        """By the data of its class's own envelope, else by its fields."""
        try:
            name = name_class(type(value))
        except UnsupportedFormatError as error:
            refuse(f"is of a class that a file cannot name: {error}")
        found = self._data(value, depth)
        if found is None:
            fields, unset = fields_of(value)
            self._deepest = max(self._deepest, depth + 3)
            found = {"fields": (yield from self._mapping(fields, depth + 2)), **({"unset": unset} if unset else {})}
        self._nodes += 4
        return {"$object": {"type": text_tree(name), **found}}

    def _data(self, value: Any, depth: int) -> dict[str, Any] | None:
        if isinstance(value, tuple):
            return None
        marks = len(self._path), self._nodes, self._deepest
        try:
            text, unset = data_of(value)
            tree = self._run(json.loads(text), depth + 2)
        except (UnsupportedFormatError, RecursionError):
            del self._path[marks[0] :]
            self._nodes, self._deepest = marks[1:]
            return None
        return {"data": tree, **({"unset": list(map(text_tree, unset))} if unset else {})}


_Way = Callable[[Encoder, Any, int], _Asking]
_WAYS: Mapping[type, _Way] = {
    dict: Encoder._mapping,
    list: Encoder._list,
    **dict.fromkeys((bytes, bytearray), Encoder._bytes),
    **dict.fromkeys((tuple, set, frozenset, slice, collections.deque), Encoder._container),
    **dict.fromkeys((collections.OrderedDict, collections.Counter, collections.defaultdict), Encoder._dict),
}
# Not bound to an encoder: a cycle would keep every value that was written alive until the next collection.
_LEAVES: Mapping[type, Callable[[Any], Any] | None] = {
    str: text_tree,
    int: int_tree,
    float: float_tree,
    bool: lambda value: value,
    type(None): lambda value: value,
    **dict.fromkeys(_WAYS),
}


def _canonical(tree: Any) -> tuple[Any, ...]:
    """Elements of sets stand in this order: ints by value, then the rest by their JSON text."""
    return (0, tree, "") if type(tree) is int else (1, 0, json.dumps(tree, ensure_ascii=False))
