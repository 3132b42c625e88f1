"""Columns of Polars by their very names, also those that it takes for patterns: `*` and `^a.*$`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autostore.optional import require

__all__ = ["column", "columns", "is_pattern"]


def is_pattern(name: str) -> bool:
    """Whether Polars takes the name for several columns."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def column(name: str) -> Any:
    """The expression of one column."""
    return require("polars.selectors").by_name(name).as_expr() if is_pattern(name) else require("polars").col(name)


def columns(names: Sequence[str]) -> list[Any]:
    """What `select` takes for these columns, in their order."""
    return [column(name) for name in names]
