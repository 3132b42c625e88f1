"""How `same` compares xarray's datasets and arrays: dimensions, dtypes, values, attributes, encodings and indexes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer

__all__ = ["GRIDS"]


def _same_variable(first: Any, second: Any, again: Again) -> bool:
    if first.dims != second.dims or first.dtype != second.dtype:
        return False
    return (
        again(first.to_numpy(), second.to_numpy())
        and again(dict(first.attrs), dict(second.attrs))
        and again(dict(first.encoding), dict(second.encoding))
    )


def _same_coordinates(first: Any, second: Any, again: Again) -> bool:
    if list(first.coords) != list(second.coords) or list(first.xindexes) != list(second.xindexes):
        return False
    if any(type(first.xindexes[name]) is not type(second.xindexes[name]) for name in first.xindexes):
        return False
    pairs = ((first.coords[name].variable, second.coords[name].variable) for name in first.coords)
    return all(_same_variable(*pair, again) for pair in pairs)


def _same_array(first: Any, second: Any, again: Again) -> bool:
    named = again(first.name, second.name) and _same_coordinates(first, second, again)
    return named and _same_variable(first.variable, second.variable, again)


def _same_dataset(first: Any, second: Any, again: Again) -> bool:
    if list(first.data_vars) != list(second.data_vars) or dict(first.sizes) != dict(second.sizes):
        return False
    if not again(dict(first.attrs), dict(second.attrs)) or not again(dict(first.encoding), dict(second.encoding)):
        return False
    variables = (_same_variable(first[name].variable, second[name].variable, again) for name in first.data_vars)
    return _same_coordinates(first, second, again) and all(variables)


GRIDS: Mapping[str, Comparer] = {
    "xarray.Dataset": _same_dataset,
    "xarray.DataArray": _same_array,
}
