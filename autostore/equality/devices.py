"""How `same` compares arrays of JAX, the keys of its random generators, and arrays of CuPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.optional import require

__all__ = ["ON_DEVICES"]


def _same_jax(first: Any, second: Any, again: Again) -> bool:
    jax, np = require("jax"), require("numpy")
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if jax.dtypes.issubdtype(first.dtype, jax.dtypes.prng_key):
        return again(jax.random.key_data(first), jax.random.key_data(second))
    if first.weak_type != second.weak_type:
        return False
    one, two = np.asarray(first), np.asarray(second)
    if one.dtype.kind in "biufc":
        return again(one, two)
    # bfloat16 and smaller: NumPy knows them as raw bytes, and every number of them fits into a float32.
    return again(one.astype("f4"), two.astype("f4"))


def _same_cupy(first: Any, second: Any, again: Again) -> bool:
    return first.device == second.device and again(first.get(), second.get())


ON_DEVICES: Mapping[str, Comparer] = {"jax.Array": _same_jax, "cupy.ndarray": _same_cupy}
