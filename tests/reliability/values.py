"""Values that hold one number throughout, so that a torn or mixed one shows."""

from __future__ import annotations

import pickle
from typing import Any

from tests.optional import np, pl

FORMATS = ("json", "frame", "array", "object", "text", "bytes")


def make(kind: str, number: int, size: int) -> Any:
    """A value of about `size` bytes when written."""
    if kind == "json":
        return {"n": number, "rows": [f"{number} " * 1_000] * (size // (1_000 * (len(str(number)) + 1)))}
    if kind == "frame":
        return pl.DataFrame({"n": np.full(size // 8, number), "noise": noise(number, size // 8)})
    if kind == "array":
        return np.full(size // 8, number)
    if kind == "object":
        return (number, pickle.PickleBuffer, bytes(4) + number.to_bytes(4, "big") * (size // 4))
    if kind == "text":
        return f"{number} " * (size // (len(str(number)) + 1))
    return number.to_bytes(4, "big") * (size // 4)


def noise(number: int, length: int) -> np.ndarray:
    """Numbers that Parquet cannot make small."""
    return np.random.default_rng(number).integers(0, 1 << 60, length)


def number_in(value: Any) -> int:
    """The number that a value was made with."""
    if isinstance(value, dict):
        return value["n"]
    if isinstance(value, pl.DataFrame):
        return value["n"][0]
    if isinstance(value, np.ndarray):
        return int(value[0])
    if isinstance(value, tuple):
        return value[0]
    return int(value.split(" ", 1)[0]) if isinstance(value, str) else int.from_bytes(value[:4], "big")
