"""How deep the schema of a Parquet file may go: libraries follow it by calls, until the stack and the process end."""

from __future__ import annotations

from collections.abc import Iterable

from autostore.errors import CorruptDataError

__all__ = ["SMALLEST_TOO_DEEP", "check_schema"]

DEEPEST = 1000
"""Levels; Polars stands some thousands of them."""
SMALLEST_TOO_DEEP = 5 * DEEPEST
"""Bytes that a footer with more levels has at least."""


def check_schema(children: Iterable[int]) -> None:
    """Refuse a schema of too many levels; it is told by the number of children of each element, from its root on."""
    missing: list[int] = []  # children that are yet to come, of each element that is open
    for count in children:
        if missing:
            missing[-1] -= 1
        if count > 0:
            missing.append(count)
        if len(missing) > DEEPEST:
            raise CorruptDataError(f"The schema is nested more than {DEEPEST} levels deep. Restore the file.")
        while count <= 0 and missing and missing[-1] <= 0:
            missing.pop()
