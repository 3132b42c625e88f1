"""How a memoized function is put together."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from autostore.memo.arguments import Recipe, check_function
from autostore.memo.function import AsyncMemoized, Memoized
from autostore.memo.results import Memory

__all__ = ["make"]


def make(
    function: Callable[..., Any],
    memory: Callable[[str, float | None], Memory],
    expires: float | None,
    **options: Any,
) -> Memoized[..., Any]:
    """A memoized function; `memory` gives the place of its results by its name."""
    check_function(function)
    recipe = Recipe(function, **options)
    kind = AsyncMemoized if inspect.iscoroutinefunction(function) else Memoized
    return kind(function, recipe, memory(recipe.name, expires))
