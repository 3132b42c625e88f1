"""Which comparison a value of an optional library has: one table for the process, to which each format adds its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from autostore.holding.turns import Turns
from autostore.optional import loaded_type

__all__ = ["Again", "Comparer", "add_comparers", "comparer"]

Again = Callable[[Any, Any], bool]
"""Notes two parts to be compared later, so that depth is no limit; true."""

Comparer = Callable[[Any, Any, Again], bool]
"""Whether two values of one class are the same, as far as they are not noted with `again`."""

_turns = Turns()
os.register_at_fork(after_in_child=_turns.forget)

_families: dict[str, Comparer] = {}

_MOST_KNOWN = 1000
_known: dict[type, Comparer | None] = {}
"""Of the classes that were asked for; a class's module is loaded, so that the answer stays."""


def add_comparers(families: Mapping[str, Comparer]) -> None:
    """Compare instances of each `"module.Class"`, and of its subclasses, so from now on."""
    global _families, _known  # noqa: PLW0603 - one assignment each, so that readers in other threads see the old table or the new
    with _turns.take():
        if families.items() - _families.items():
            # The newest first, as its class may be a subclass of an older one's.
            _families = {**families, **{name: old for name, old in _families.items() if name not in families}}
            _known = {}  # after it: what a reader still notes of the old table is forgotten with the old dict


def comparer(value: Any) -> Comparer | None:
    """The comparison of the first family that the value belongs to; None where its `==` decides.

    No library is imported for asking: a value of a class whose module is not loaded cannot be.
    """
    known, kind = _known, type(value)
    try:
        return known[kind]
    except KeyError:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[kind] = found = _find(kind)
        return found


def _find(kind: type) -> Comparer | None:
    for name, compare in _families.items():
        module, _, cls = name.rpartition(".")
        family = loaded_type(module, cls)
        if family is not None and issubclass(kind, family):
            return compare
    return None
