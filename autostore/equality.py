"""`same`: the equality of this library's promises, stricter than `==`.

Exact type, dtype, shape and order of keys; NaN equals NaN; 0.0 and -0.0 differ. Tables,
arrays, matrices, tensors and images are compared by `autostore.equality_libraries`, which
needs only libraries that the values themselves have imported.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import math
import types
from collections.abc import Callable
from typing import Any

from autostore.equality_libraries import comparer
from autostore.optional import loaded_type

__all__ = ["same"]

Again = Callable[[Any, Any], bool]
Pairs = set[tuple[int, int]]
_PLAIN = frozenset({str, int, bool, bytes, bytearray, type(None), range, type(Ellipsis)})
_BY_IDENTITY = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, enum.Enum)


def same(first: Any, second: Any) -> bool:
    """Whether a value that was read is what was written, in every way this library promises."""
    return _same(first, second, set())


def _same(first: Any, second: Any, active: Pairs) -> bool:
    if first is second:
        return True
    image = loaded_type("PIL.Image", "Image")
    if image is not None and isinstance(first, image) and isinstance(second, image):
        return comparer(first)(first, second, lambda a, b: _same(a, b, active))  # type: ignore[misc]
    if type(first) is not type(second):
        return False
    if type(first) in _PLAIN:
        return bool(first == second)
    if isinstance(first, _BY_IDENTITY):
        return False
    pair = (id(first), id(second))
    if pair in active:  # a cycle, and equal so far
        return True
    active.add(pair)
    try:
        return _compare(first, second, lambda a, b: _same(a, b, active))
    finally:
        active.discard(pair)


def _compare(first: Any, second: Any, again: Again) -> bool:
    library = comparer(first)
    if library is not None:
        return library(first, second, again)
    for kind, compare in _COMPARERS:
        if isinstance(first, kind):
            return compare(first, second, again)
    if dataclasses.is_dataclass(first):
        names = [field.name for field in dataclasses.fields(first)]
        missing = object()
        pairs = ((getattr(first, name, missing), getattr(second, name, missing)) for name in names)
        return all(again(one, two) for one, two in pairs) and again(_state(first), _state(second))
    if getattr(type(first), "__eq__", None) is not object.__eq__:
        return bool(first == second)
    return _same_reduced(first, second, again)


def _state(value: Any) -> Any:
    return getattr(value, "__dict__", None)


def _same_float(first: float, second: float, _again: Again) -> bool:
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return first == second and math.copysign(1, first) == math.copysign(1, second)


def _same_complex(first: complex, second: complex, again: Again) -> bool:
    return _same_float(first.real, second.real, again) and _same_float(first.imag, second.imag, again)


def _same_mapping(first: Any, second: Any, again: Again) -> bool:
    return (
        len(first) == len(second)
        and all(again(a, b) and again(first[a], second[b]) for a, b in zip(first, second, strict=True))
        and again(getattr(first, "default_factory", None), getattr(second, "default_factory", None))
        and again(_state(first), _state(second))
    )


def _same_sequence(first: Any, second: Any, again: Again) -> bool:
    return (
        len(first) == len(second)
        and all(again(a, b) for a, b in zip(first, second, strict=True))
        and getattr(first, "maxlen", None) == getattr(second, "maxlen", None)
        and again(_state(first), _state(second))
    )


def _same_set(first: Any, second: Any, again: Again) -> bool:
    rest = list(second)
    for item in first:
        found = next((i for i, other in enumerate(rest) if again(item, other)), None)
        if found is None:
            return False
        rest.pop(found)
    return not rest


def _same_time(first: Any, second: Any, _again: Again) -> bool:
    # repr also holds the zone and the fold, which == ignores.
    return bool(first == second) and repr(first) == repr(second)


def _same_decimal(first: decimal.Decimal, second: decimal.Decimal, _again: Again) -> bool:
    return first.as_tuple() == second.as_tuple()


def _same_reduced(first: Any, second: Any, again: Again) -> bool:
    """Objects that define no equality: by what pickle would take of them."""
    try:
        one, two = first.__reduce_ex__(4), second.__reduce_ex__(4)
    except Exception:
        return False
    if isinstance(one, str) or isinstance(two, str):
        return bool(one == two)
    # Parts 4 and 5 are iterators over items.
    unrolled = [[list(p) if i in (3, 4) and p is not None else p for i, p in enumerate(parts)] for parts in (one, two)]
    return again(*unrolled)


_COMPARERS: list[tuple[Any, Callable[[Any, Any, Again], bool]]] = [
    (float, _same_float),
    (complex, _same_complex),
    (dict, _same_mapping),
    ((list, tuple, collections.deque), _same_sequence),
    ((set, frozenset), _same_set),
    ((dt.datetime, dt.time), _same_time),
    (decimal.Decimal, _same_decimal),
]
