"""What an instance of a described class may hold beside its fields, and what says so.

Attributes, slots of bases that are no fields, and what a base written in C keeps to itself: the arguments of an
exception, the state of a random generator.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Hashable
from typing import Any

from autostore.equality.declared import declared_fields

__all__ = ["CACHED_HASH", "attributes", "hidden_slots", "keeps_more"]

CACHED_HASH = "_attrs_cached_hash"
"""Where attrs keeps a hash that it computes once."""


def attributes(value: Any) -> dict[str, Any] | None:
    """Those that say something of the value; None: has none.

    Left out are the parameters with which a generic class was called, and what a `cached_property` or a hash
    has computed, which it does again.
    """
    state = getattr(value, "__dict__", None)
    if type(state) is not dict:
        return state
    kind: Any = type(value)
    silent = _silent(kind)
    return state if silent.isdisjoint(state) else {name: part for name, part in state.items() if name not in silent}


@functools.lru_cache(maxsize=256)
def _silent(cls: Hashable) -> frozenset[str]:
    assert isinstance(cls, type)
    parts = ((name, part) for base in cls.__mro__ for name, part in vars(base).items())
    return frozenset(
        ["__orig_class__", CACHED_HASH, *(name for name, part in parts if isinstance(part, functools.cached_property))]
    )


def hidden_slots(value: Any) -> dict[str, Any]:
    """Slots that are no fields of a dataclass, where they hold something."""
    kind: Any = type(value)  # a class is hashable, whatever its instances are
    names = _slots(kind)
    return {name: getattr(value, name) for name in names if hasattr(value, name)} if names else {}


@functools.lru_cache(maxsize=256)
def _slots(cls: Hashable) -> tuple[str, ...]:
    assert isinstance(cls, type)
    fields = {field.name for field in declared_fields(cls)} | {CACHED_HASH}
    members = (name for base in cls.__mro__ for name, part in vars(base).items() if _is_slot(base, part))
    return tuple(dict.fromkeys(name for name in members if name not in fields))


def _is_slot(base: type, part: Any) -> bool:
    return isinstance(part, types.MemberDescriptorType) and "__slots__" in vars(base)


@functools.lru_cache(maxsize=256)
def keeps_more(cls: Hashable) -> bool:
    """Whether a base written in C makes the instances, which keep what no attribute shows."""
    assert isinstance(cls, type)
    makers = (vars(base).get("__new__") for base in cls.__mro__ if base is not object)
    return any(isinstance(maker, types.BuiltinFunctionType) for maker in makers)
