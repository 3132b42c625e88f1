"""How values are pickled whose own way loses something: by calls that make them anew, which need none of our code.

NumPy forgets the NULs at the end of single texts, the byte order of times, and whether a masked array
has a mask, and a hard one; what pydantic's `Page[Item]` is called finds the class only where somebody made it already.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from autostore.optional import loaded_type, require

__all__ = ["Reduced", "reducer_of"]

Reduced = tuple[Any, ...] | None
"""As of `__reduce__`; None where the value's own way is right."""


def reducer_of(kind: type) -> Callable[[Any], Reduced] | None:
    """What looks at each value of a class; None where its own way is right for all."""
    if issubclass(kind, type):
        return _generic
    if kind is loaded_type("numpy", "str_"):
        return _text
    if kind is loaded_type("numpy", "bytes_"):
        return _bytes
    if kind is loaded_type("numpy.ma", "MaskedArray"):
        return _masked
    return _times if kind is loaded_type("numpy", "ndarray") else None


def _generic(kind: type) -> Reduced:
    generic = vars(kind).get("__pydantic_generic_metadata__") or {}
    args = generic.get("args")
    return (operator.getitem, (generic["origin"], args if len(args) > 1 else args[0])) if args else None


def _text(text: Any) -> Reduced:
    return (type(text), ("".join(text),)) if text.endswith("\0") else None


def _bytes(text: Any) -> Reduced:
    return (type(text), (bytes(text),)) if text.endswith(b"\0") else None


def _times(array: Any) -> Reduced:
    if not _are_swapped(array):
        return None
    return operator.methodcaller("view", array.dtype), (array.view(f"{array.dtype.byteorder}i8"),)


def _are_swapped(array: Any) -> bool:
    return array.dtype.kind in "mM" and not array.dtype.isnative


def _masked(array: Any) -> Reduced:
    ma: Any = require("numpy.ma")
    if array.mask is not ma.nomask and not array.hardmask and not _are_swapped(array):
        return None
    fill = array._fill_value  # noqa: SLF001 - None where nobody chose one
    made = functools.partial(ma.MaskedArray, fill_value=fill, hard_mask=array.hardmask)
    return made, (array.data, array.mask)
