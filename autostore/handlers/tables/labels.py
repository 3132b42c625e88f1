"""Labels of pandas as plain values: of the columns of a frame, or of a categorical's categories.

They are few, so that they stand in the footer; `described` says them, `index_of` makes them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.handlers.tables.texts import text_dtype
from autostore.optional import require

__all__ = ["described", "index_of"]


def described(index: Any) -> dict[str, Any]:
    """The labels, their dtype and names, as typed JSON can say them."""
    pd = require("pandas")
    told: dict[str, Any] = {"names": list(index.names)}
    if getattr(index, "freq", None) is not None and not isinstance(index, pd.PeriodIndex):
        told["freq"] = index.freqstr
    if isinstance(index, pd.RangeIndex):
        return {**told, "range": [index.start, index.stop, index.step]}
    if isinstance(index, pd.MultiIndex):
        return {**told, "levels": [described(index.get_level_values(at)) for at in range(index.nlevels)]}
    if isinstance(index, pd.CategoricalIndex):
        codes = index.codes.tolist()
        return {**told, "categories": described(index.categories), "codes": codes, "ordered": bool(index.ordered)}
    if isinstance(index, pd.IntervalIndex):
        return {**told, "left": described(index.left), "right": described(index.right), "closed": index.closed}
    if isinstance(index, pd.PeriodIndex):
        return {**told, "ordinals": index.asi8.tolist(), "period": index.freqstr}
    return {**told, "labels": index.tolist(), "dtype": _name(index.dtype)}


def _name(dtype: Any) -> str:
    """The dtype's own name, and of texts that Python holds also that, which pandas leaves out."""
    by_python = isinstance(dtype, require("pandas").StringDtype) and dtype.storage == "python"
    return f"{dtype}[python]" if by_python else str(dtype)


def index_of(told: Mapping[str, Any]) -> Any:
    """The index of these labels."""
    index = _index(require("pandas"), told)
    index.names = told["names"]
    if "freq" in told:
        index.freq = told["freq"]
    return index


def _index(pd: Any, told: Mapping[str, Any]) -> Any:
    if "range" in told:
        return pd.RangeIndex(*told["range"])
    if "levels" in told:
        return pd.MultiIndex.from_arrays([index_of(level) for level in told["levels"]])
    if "codes" in told:
        dtype = pd.CategoricalDtype(index_of(told["categories"]), told["ordered"])
        return pd.CategoricalIndex(pd.Categorical.from_codes(told["codes"], dtype=dtype))
    if "left" in told:
        return pd.IntervalIndex.from_arrays(index_of(told["left"]), index_of(told["right"]), closed=told["closed"])
    if "period" in told:
        ordinals = require("numpy").array(told["ordinals"], dtype="i8")
        return pd.PeriodIndex.from_ordinals(ordinals, freq=told["period"])
    if told["dtype"] == "object":  # a list of tuples would become several levels
        return pd.Index(_objects(told["labels"]), dtype=object)
    return pd.Index(told["labels"], dtype=text_dtype(told["dtype"]) or told["dtype"])


def _objects(labels: list[Any]) -> Any:
    array = require("numpy").empty(len(labels), dtype=object)
    for at, label in enumerate(labels):
        array[at] = label
    return array
