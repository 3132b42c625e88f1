"""Arrays and sparse matrices: shape, dtype, range of values, and how full they are."""

from __future__ import annotations

from typing import Any

from autostore.preview import Fact, Preview
from autostore.previews.bounds import cell

__all__ = ["array", "extent", "form", "jax_array", "sparse"]


def array(value: Any) -> Preview:
    """Shape, dtype and, of numbers, the smallest, largest and mean value."""
    found = form(value.shape, value.dtype)
    if value.size and value.dtype.kind in "biuf":
        found |= extent(value.min(), value.max(), value.mean())
    return found


def jax_array(value: Any) -> Preview:
    """Shape, dtype, where it lies and, of numbers, the smallest, largest and mean value."""
    found = {**form(tuple(value.shape), value.dtype), "device": ", ".join(sorted(map(str, value.devices())))}
    if value.size and getattr(value.dtype, "kind", "key") in "biuf":
        found |= extent(value.min(), value.max(), value.mean())
    return found


def sparse(value: Any) -> Preview:
    """Shape, dtype, format and how much of it is not zero."""
    cells = 1
    for length in value.shape:
        cells *= length
    return {
        **form(value.shape, value.dtype),
        "sparse_format": str(value.format),
        "stored_values": int(value.nnz),
        "density": value.nnz / cells if cells else 0.0,
    }


def form(shape: tuple[int, ...], dtype: object) -> dict[str, Fact]:
    """Shape, dtype, and the rows of what has any."""
    found: dict[str, Fact] = {"shape": str(tuple(shape)), "dtype": str(dtype)}
    return {**found, "rows": int(shape[0])} if shape else found


def extent(smallest: Any, largest: Any, mean: Any) -> dict[str, Fact]:
    """The three numbers; what is not finite as text."""
    found: dict[str, Fact] = {}
    for name, number in (("min", smallest), ("max", largest), ("mean", mean)):
        value = cell(float(number))
        if isinstance(value, float) and abs(value) >= 2**53 and _is_whole(number):
            value = cell(int(number))  # a float would show other digits
        found[name] = value if isinstance(value, float) else str(value)
    return found


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) or getattr(getattr(number, "dtype", None), "kind", "") in ("i", "u")
