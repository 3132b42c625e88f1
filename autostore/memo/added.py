"""What a user added to the classes of libraries for tables: accessors (`frame.mine.clean()`), and methods put there."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator

from autostore.optional import loaded_type

__all__ = ["added_by_the_user"]

_EXTENDED = (
    ("polars", "DataFrame"), ("polars", "LazyFrame"), ("polars", "Series"), ("polars", "Expr"),
    ("pandas", "DataFrame"), ("pandas", "Series"), ("pandas", "Index"),
    ("xarray", "Dataset"), ("xarray", "DataArray"), ("torch", "Tensor"),
)  # fmt: skip
_ACCESSORS = ("_ns", "_accessor")
"""Where polars, and pandas and xarray, keep the class of an accessor."""


def added_by_the_user(
    attributes: Iterable[str], version_of: Callable[[str], str | None]
) -> Iterator[tuple[str, type | types.FunctionType]]:
    """Functions and classes of the user's own that one of these attributes finds, in an order of their own."""
    for library, name in _EXTENDED:
        kind = loaded_type(library, name)
        for attribute in attributes if kind is not None else ():
            part = vars(kind).get(attribute)
            for one in (part, *(getattr(part, where, None) for where in _ACCESSORS)):
                if isinstance(one, type | types.FunctionType) and version_of(one.__module__) is None:
                    yield f"{name}.{attribute}", one
