"""From a value to the tree of JSON that typed JSON writes: what becomes of each kind of value with parts.

Large plain parts are recognised as such and passed on whole. What cannot be written is refused with its path.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

from autostore.errors import UnsupportedFormatError
from autostore.handlers.names import is_described, name_class
from autostore.handlers.plain import SURROGATE, judge
from autostore.handlers.typed.made import made_of, taken_apart
from autostore.handlers.typed.objects import fields_of
from autostore.handlers.typed.path import where
from autostore.handlers.typed.table import ENCODERS, FACTORIES
from autostore.handlers.typed.tag import DESCRIBE, UndescribedError, refuse, text_tree
from autostore.handlers.typed.walk import MOST_LEVELS, Asking, Member, Walk, Way
from autostore.handlers.validated import data_of

__all__ = ["INLINE_BYTES", "Encoded", "encode"]

INLINE_BYTES = 64 * 1024
"""Longer bytes have a file of their own, which only a bundle can hold."""

_LARGE = 64
_LIBRARIES = frozenset(("numpy", "polars", "pandas", "pyarrow", "scipy", "torch", "PIL"))


class Encoded(NamedTuple):
    """The tree of a value, and how deep it is, at least; a few levels of tags may be below."""

    tree: Any
    levels: int


def encode(value: Any, member: Member | None = None) -> Encoded:
    """The tree; `UnsupportedFormatError` names the path of what cannot be written."""
    walk = Walk(_way, member, frozenset(_WAYS))
    try:
        return Encoded(walk.run(value, 0), walk.deepest)
    except UnsupportedFormatError as error:
        named = type(error)(f"{where(walk.path)} {str(error).removesuffix('.')}.")
        if isinstance(error, UndescribedError) and isinstance(named, UndescribedError):
            named.kind = error.kind
        raise named from error


def _way(walk: Walk, kind: type) -> Way:
    if walk.member is not None and kind is not bytes and kind is not bytearray:
        return _own_file
    return _ways(walk, kind)


def _ways(walk: Walk, kind: type) -> Way:
    way = _WAYS.get(kind)
    if way is not None:
        return way
    if is_described(kind):
        return _object
    if made_of(kind) is not None:
        return _made
    return _refused(walk, kind)


def _refused(walk: Walk, kind: type) -> NoReturn:
    name = f"{kind.__module__}.{kind.__qualname__}"
    if walk.member is None and str(kind.__module__).partition(".")[0] in _LIBRARIES:
        refuse(f"is of the class {name}, which has a file of its own: use .bundle.zip")
    undescribed = UndescribedError(f"is of the class {name}, which says not what it is made of: {DESCRIBE}")
    undescribed.kind = kind
    raise undescribed


def _own_file(walk: Walk, value: Any, depth: int) -> Asking:
    """A member of the bundle, if the value is one; else as it is everywhere."""
    assert walk.member is not None
    # An array of objects is none, though it is of the class of those that are.
    apart = taken_apart("", value) if made_of(type(value)) == "" else None
    found = walk.member(value, walk.path) if apart is None else None
    if found is not None:
        return found
    return (yield from _ways(walk, type(value))(walk, value, depth))


def _bytes(walk: Walk, value: Any, depth: int) -> Asking:  # noqa: ARG001 - a way is told its depth
    yield from ()  # they have no parts
    name, payload = ENCODERS[type(value)]
    if len(value) <= INLINE_BYTES:
        return {name: payload(value)}
    found = walk.member and walk.member(value, walk.path)
    if not found:
        refuse(f"is {len(value)} bytes long, and more than {INLINE_BYTES} need .bundle.zip")
    return found if type(value) is bytes else {name: found}


def _is_plain(walk: Walk, value: Any, depth: int) -> bool:
    if len(value) <= _LARGE:
        return False
    found = judge(value, MOST_LEVELS - depth, tagged=True)
    if not found.problem:
        walk.nodes += found.nodes
        walk.deepest = max(walk.deepest, depth + found.levels)
    return not found.problem


def _list(walk: Walk, value: list[Any], depth: int) -> Asking:
    if _is_plain(walk, value, depth):
        return value
    return (yield from _items(walk, value, depth + 1))


def _items(walk: Walk, values: Iterable[Any], depth: int) -> Asking:
    path, leaves = walk.path, walk.leaves
    found = []
    path.append(0)
    for index, value in enumerate(values):
        path[-1] = index
        kind = type(value)
        leaf = leaves[kind] if kind in leaves else walk.leaf(kind)
        found.append((yield value, depth) if leaf is None else leaf(value))
    path.pop()
    walk.nodes += len(found)
    return found


def _mapping(walk: Walk, value: dict[Any, Any], depth: int) -> Asking:
    if _is_plain(walk, value, depth):
        return value
    for key in value:
        if type(key) is not str or key[:1] == "$" or not (key.isascii() or not SURROGATE.search(key)):
            return {"$dict": (yield from _pairs(walk, value, depth + 2))}
    return (yield from _named(walk, value, depth + 1))


def _named(walk: Walk, value: dict[str, Any], depth: int) -> Asking:
    path, leaves = walk.path, walk.leaves
    found = {}
    path.append("")
    for key, part in value.items():
        path[-1] = "." + key
        kind = type(part)
        leaf = leaves[kind] if kind in leaves else walk.leaf(kind)
        found[key] = (yield part, depth) if leaf is None else leaf(part)
    path.pop()
    walk.nodes += len(found)
    return found


def _pairs(walk: Walk, value: dict[Any, Any], depth: int) -> Asking:
    path, found = walk.path, []
    path.append("")
    for pair in value.items():
        tree = []
        for kind, part in zip(("key", "[]"), pair, strict=True):
            path[-1] = kind, pair[0]
            leaf = walk.leaf(type(part))
            tree.append((yield part, depth + 1) if leaf is None else leaf(part))
        found.append(tree)
    path.pop()
    walk.nodes += 3 * len(found)
    return found


def _container(walk: Walk, value: Any, depth: int) -> Asking:
    kind = type(value)
    parts = (value.start, value.stop, value.step) if kind is slice else value
    items = yield from _items(walk, parts, depth + (3 if kind is collections.deque else 2))
    if kind is set or kind is frozenset:
        items.sort(key=_canonical)
    return {f"${kind.__name__}": [items, value.maxlen] if kind is collections.deque else items}


def _dict(walk: Walk, value: Any, depth: int) -> Asking:
    name = f"${type(value).__name__.lower()}"
    if getattr(value, "__dict__", None):
        refuse("has attributes of its own")
    if type(value) is not collections.defaultdict:
        return {name: (yield from _pairs(walk, value, depth + 2))}
    factory = value.default_factory
    if factory is not None and FACTORIES.get(getattr(factory, "__name__", "")) is not factory:
        refuse(f"has the default factory {factory!r:.60}, which is none of {', '.join(FACTORIES)}")
    return {name: [factory and factory.__name__, (yield from _pairs(walk, value, depth + 3))]}


def _object(walk: Walk, value: Any, depth: int) -> Asking:
    """By the data of its class's own envelope, else by its fields."""
    try:
        name = name_class(type(value))
    except UnsupportedFormatError as error:
        refuse(f"is of a class that a file cannot name: {error}")
    found = _data(walk, value, depth)
    if found is None:
        fields, unset = fields_of(value)
        walk.deepest = max(walk.deepest, depth + 3)
        tree = yield from _mapping(walk, fields, depth + 2)
        found = {"fields": tree, **({"unset": list(map(text_tree, unset))} if unset else {})}
    walk.nodes += 4
    return {"$object": {"type": text_tree(name), **found}}


def _data(walk: Walk, value: Any, depth: int) -> dict[str, Any] | None:
    if isinstance(value, tuple):
        return None
    marks = len(walk.path), walk.nodes, walk.deepest
    try:
        text, unset = data_of(value)
        tree = _inline(walk, json.loads(text), depth + 2)
    except (UnsupportedFormatError, RecursionError):
        del walk.path[marks[0] :]
        walk.nodes, walk.deepest = marks[1:]
        return None
    return {"data": tree, **({"unset": list(map(text_tree, unset))} if unset else {})}


def _inline(walk: Walk, data: Any, depth: int) -> Any:
    """The tree of plain data, which no handler is asked for."""
    member, walk.member = walk.member, None
    try:
        return walk.run(data, depth)
    finally:
        walk.member = member


def _made(walk: Walk, value: Any, depth: int) -> Asking:
    apart = taken_apart(made_of(type(value)) or "", value)
    if apart is None:
        _refused(walk, type(value))
    name, parts = apart
    walk.deepest = max(walk.deepest, depth + 3)
    return {"$made": [name, (yield from _items(walk, parts, depth + 3))]}


def _canonical(tree: Any) -> tuple[Any, ...]:
    """Elements of sets stand in this order: ints by value, then the rest by their JSON text."""
    return (0, tree, "") if type(tree) is int else (1, 0, json.dumps(tree, ensure_ascii=False))


_WAYS: Mapping[type, Way] = {
    dict: _mapping,
    list: _list,
    **dict.fromkeys((bytes, bytearray), _bytes),
    **dict.fromkeys((tuple, set, frozenset, slice, collections.deque), _container),
    **dict.fromkeys((collections.OrderedDict, collections.Counter, collections.defaultdict), _dict),
}
