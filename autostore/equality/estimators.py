"""How `same` compares what estimators of scikit-learn keep: their state, as of any object; random states by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer

__all__ = ["ESTIMATORS"]


def _same_random_state(first: Any, second: Any, again: Again) -> bool:
    # What it was seeded with is kept beside its state by NumPy, and never used again.
    return again(first.get_state(legacy=False), second.get_state(legacy=False))


ESTIMATORS: Mapping[str, Comparer] = {"numpy.random.RandomState": _same_random_state}
