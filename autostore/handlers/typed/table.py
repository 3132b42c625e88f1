"""The table of all tags: which values each stands for, and who writes and reads its payload."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from typing import Any

from autostore.handlers.typed.leaves import LEAVES
from autostore.handlers.typed.made import made_again
from autostore.handlers.typed.scalars import SCALARS
from autostore.handlers.typed.tag import PLAIN, array, need, typed
from autostore.handlers.typed.times import TIMES

__all__ = ["CONTAINERS", "DECODERS", "ENCODERS", "FACTORIES"]

FACTORIES: dict[str, type] = {
    cls.__name__: cls
    for cls in (list, dict, set, frozenset, tuple, int, float, complex, str, bytes, bool,
                collections.OrderedDict, collections.Counter, collections.deque)
}  # fmt: skip
"""What a defaultdict of a file may make: these, and nothing else."""

CONTAINERS = frozenset({
    dict, list, tuple, set, frozenset, slice,
    collections.deque, collections.OrderedDict, collections.Counter, collections.defaultdict,
})  # fmt: skip
"""Classes whose values have parts, each of any class of this table."""


def _distinct(made: Any, payload: list[Any]) -> Any:
    need(len(made) == len(payload), "the same element or key twice")
    return made


def _pairs(payload: Any, into: Any) -> Any:
    for pair in typed(payload, list):
        key, value = array(pair, 2)
        into[key] = value
    return _distinct(into, payload)


def _deque(payload: Any) -> collections.deque[Any]:
    items, longest = array(payload, 2)
    need(longest is None or len(typed(items, list)) <= typed(longest, int))
    return collections.deque(typed(items, list), longest)


def _default_dict(payload: Any) -> collections.defaultdict[Any, Any]:
    factory, pairs = array(payload, 2)
    made: collections.defaultdict[Any, Any] = collections.defaultdict(factory and FACTORIES[typed(factory, str)])
    return _pairs(pairs, made)  # type: ignore[no-any-return]


_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "$tuple": lambda payload: tuple(typed(payload, list)),
    "$set": lambda payload: _distinct(set(typed(payload, list)), payload),
    "$frozenset": lambda payload: _distinct(frozenset(typed(payload, list)), payload),
    "$slice": lambda payload: slice(*array(payload, 3)),
    "$deque": _deque,
    "$dict": lambda payload: _pairs(payload, {}),
    "$ordereddict": lambda payload: _pairs(payload, collections.OrderedDict()),
    "$counter": lambda payload: _pairs(payload, collections.Counter()),
    "$defaultdict": _default_dict,
    "$made": made_again,
}
_LEAVES = (*PLAIN, *TIMES, *LEAVES, *SCALARS)

DECODERS: Mapping[str, Callable[[Any], Any]] = {tag.name: tag.decode for tag in _LEAVES} | dict(_PARTS)
"""Tag -> the value of a payload whose own parts are values already."""

ENCODERS: Mapping[type, tuple[str, Callable[[Any], Any]]] = {
    cls: (tag.name, tag.encode) for tag in _LEAVES for cls in tag.classes
}
"""Class -> the tag of its values, and their payload."""
