"""`same`: the equality of this library's promises, stricter than `==`.

Exact type, dtype, shape and order of keys; NaN equals NaN; 0.0 and -0.0 differ. Tables,
arrays, matrices, tensors and images are compared by the modules beside this one, which
need only libraries that the values themselves have imported.
"""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import enum
import math
import pathlib
import pickle
import types
from collections.abc import Callable
from typing import Any

from autostore.equality.declared import declared_fields, is_declared
from autostore.equality.families import Again, comparer
from autostore.equality.images import are_images
from autostore.equality.state import attributes, hidden_slots, keeps_more
from autostore.equality.times import same_moment, same_zone

__all__ = ["same"]

_PLAIN = frozenset({str, int, bool, bytes, bytearray, type(None), type(Ellipsis)})
_BUILTIN = frozenset({float, complex, dict, list, tuple, set, frozenset, dt.datetime, dt.date})
_USERS = (collections.UserDict, collections.UserList, collections.UserString)
_BY_IDENTITY = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, enum.Enum)


def same(first: Any, second: Any) -> bool:
    """Whether a value that was read is what was written, in every way this library promises."""
    # A list of pairs instead of recursion, so that depth is no limit.
    pending = [(first, second)]
    seen: dict[tuple[int, int], tuple[Any, Any]] = {}  # holds the values, so that no id is used again

    def later(one: Any, two: Any) -> bool:
        pending.append((one, two))
        return True

    while pending:
        one, two = pending.pop()
        if one is two or (id(one), id(two)) in seen:  # shared or cyclic: compared already, or just being so
            continue
        if type(one) in _PLAIN and type(one) is type(two):
            if one != two:
                return False
            continue
        seen[id(one), id(two)] = one, two
        if not _compare(one, two, later):
            return False
    return True


def _compare(first: Any, second: Any, again: Again) -> bool:
    """Compare two values; `again` notes their parts, which are compared after them."""
    library = None if type(first) in _BUILTIN else comparer(first)
    if isinstance(first, _BY_IDENTITY) or (type(first) is not type(second) and not are_images(first, second)):
        return False
    if library is not None:
        return library(first, second, again)
    for kind, compare in _COMPARERS:
        if isinstance(first, kind):
            return compare(first, second, again)
    if is_declared(type(first)):
        names = [field.name for field in declared_fields(type(first))]
        missing = object()
        pairs = ((getattr(first, name, missing), getattr(second, name, missing)) for name in names)
        return all(again(one, two) for one, two in pairs) and _same_state(first, second, again)
    equal = _asked(first, second)
    return _same_reduced(first, second, again) if equal is None else equal


def _same_state(first: Any, second: Any, again: Again) -> bool:
    """Whether two instances of one described class hold the same beside their fields."""
    again(attributes(first), attributes(second))
    again(hidden_slots(first), hidden_slots(second))
    kind: Any = type(first)  # a class is hashable, whatever its instances are
    return not keeps_more(kind) or _same_reduced(first, second, again)


def _asked(first: Any, second: Any) -> bool | None:
    """What the values' own `==` says; None where they have none, or it does not decide.

    That of an expression or a Categorical gives no bool, and one that compares arrays in it cannot make one.
    """
    if getattr(type(first), "__eq__", None) is object.__eq__:
        return None
    try:
        equal = first == second
        return equal if type(equal) is bool else None
    except Exception as error:
        # What subclasses of these say is not about a comparison: a time limit's, for one.
        if type(error) not in (ValueError, TypeError, NotImplementedError, RuntimeError):
            raise
        return None


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
        and again(attributes(first), attributes(second))
    )


def _same_sequence(first: Any, second: Any, again: Again) -> bool:
    return (
        len(first) == len(second)
        and all(again(a, b) for a, b in zip(first, second, strict=True))
        and getattr(first, "maxlen", None) == getattr(second, "maxlen", None)
        and again(attributes(first), attributes(second))
    )


def _same_set(first: Any, second: Any, _again: Again) -> bool:
    if _PLAIN.issuperset(map(type, first)) and _PLAIN.issuperset(map(type, second)):
        return {(type(item), item) for item in first} == {(type(item), item) for item in second}
    rest = list(second)
    for item in first:
        found = next((i for i, other in enumerate(rest) if same(item, other)), None)
        if found is None:
            return False
        rest.pop(found)
    return not rest


def _same_parts(first: Any, second: Any, again: Again) -> bool:
    return all(again(getattr(first, name), getattr(second, name)) for name in ("start", "stop", "step"))


def _same_path(first: Any, second: Any, _again: Again) -> bool:
    return str(first) == str(second)  # paths for which case means nothing are equal and differ


def _same_decimal(first: decimal.Decimal, second: decimal.Decimal, _again: Again) -> bool:
    return first.as_tuple() == second.as_tuple()


def _same_reduced(first: Any, second: Any, again: Again) -> bool:
    """Objects that define no equality: by what pickle would take of them."""
    try:
        one, two = first.__reduce_ex__(4), second.__reduce_ex__(4)
    except (TypeError, AttributeError, NotImplementedError, RecursionError, pickle.PicklingError):
        return False  # what cannot say what it is made of is not known to be the same
    if isinstance(one, str) or isinstance(two, str):
        return bool(one == two)
    # Parts 4 and 5 are iterators over items.
    unrolled = [[list(p) if i in (3, 4) and p is not None else p for i, p in enumerate(parts)] for parts in (one, two)]
    return again(*unrolled)


def _same_numbers(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.typecode == second.typecode and first.tobytes() == second.tobytes())


# The `==` of all these takes 1 for 1.0 and for True, -0.0 for 0.0, and no NaN for another.
_COMPARERS: list[tuple[Any, Callable[[Any, Any, Again], bool]]] = [
    (float, _same_float),
    (complex, _same_complex),
    (dict, _same_mapping),
    ((list, tuple, collections.deque), _same_sequence),
    ((set, frozenset), _same_set),
    ((dt.datetime, dt.time), same_moment),
    (dt.tzinfo, same_zone),
    ((range, slice), _same_parts),
    (pathlib.PurePath, _same_path),
    (decimal.Decimal, _same_decimal),
    (types.MappingProxyType, _same_mapping),
    (array.array, _same_numbers),
    # Their values are attributes.
    ((types.SimpleNamespace, collections.ChainMap, *_USERS), _same_state),
]
