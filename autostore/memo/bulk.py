"""Digests of large values by their bytes: arrays, tensors, frames of Polars. All else goes through its format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from autostore.optional import loaded_type

__all__ = ["bulk_digest"]

_PLAIN = "biufcSUmM"
"""Kinds of NumPy dtypes whose bytes are the value."""


def bulk_digest(value: Any) -> bytes | None:
    """A digest of all that the value is, without a copy where it lies in one piece; None: not of these kinds."""
    for library, name, digest in _KINDS:
        kind = loaded_type(library, name)
        if kind is not None and type(value) is kind:
            return digest(value)
    return None


def _array(value: Any) -> bytes | None:
    import numpy as np

    if value.dtype.kind not in _PLAIN:
        return None
    turned = value.flags.f_contiguous and not value.flags.c_contiguous
    flat = np.ascontiguousarray(value.T if turned else value).reshape(-1)
    # `str` of a dtype names the byte order of this machine "=": `.str` says which.
    return _hashed(f"array {value.dtype.str} {value.shape} {turned}", flat.view(np.uint8))


def _tensor(value: Any) -> bytes | None:
    import torch

    if vars(value) or value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
        return None
    told = f"tensor {type(value).__name__} {value.dtype} {tuple(value.shape)} {value.device.type} {value.requires_grad}"
    if value.is_leaf and value.grad is not None:
        gradient = _tensor(value.grad)
        if gradient is None:
            return None
        told += gradient.hex()
    whole = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return _hashed(told, whole.view(torch.uint8).numpy() if whole.numel() else b"")


def _frame(value: Any) -> bytes | None:
    import polars as pl

    if any(dtype == pl.Object for dtype in value.dtypes):
        return None
    hasher = hashlib.blake2b(f"frame {value.height} {value.width}".encode(), digest_size=16)
    for series in value.get_columns():
        hasher.update(_series(series))
    return hasher.digest()


def _series(value: Any) -> bytes:
    """By its values; as Parquet where some are missing, as what lies below a null is no part of the value."""
    told = f"series {value.name!r} {value.dtype!r} {len(value)}"
    plain = (value.dtype.is_float() or value.dtype.is_integer()) and "128" not in str(value.dtype)
    if plain and not value.null_count():
        return _hashed(told, value.rechunk().to_numpy().view("u1"))
    sink = _Sink(told)
    value.rechunk().to_frame().write_parquet(sink, compression="uncompressed", statistics=False)
    return sink.hasher.digest()


def _lone_series(value: Any) -> bytes | None:
    import polars as pl

    return None if value.dtype == pl.Object else b"lone" + _series(value)


class _Sink:
    """A file that is only hashed."""

    def __init__(self, told: str) -> None:
        self.hasher = hashlib.blake2b(told.encode(), digest_size=16)

    def write(self, piece: bytes) -> int:
        self.hasher.update(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""


def _hashed(told: str, data: Any) -> bytes:
    hasher = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16)
    hasher.update(data)
    return hasher.digest()


_KINDS: tuple[tuple[str, str, Callable[[Any], bytes | None]], ...] = (
    ("numpy", "ndarray", _array),
    ("numpy", "memmap", _array),
    ("polars", "DataFrame", _frame),
    ("polars", "Series", _lone_series),
    ("torch", "Tensor", _tensor),
    ("torch.nn", "Parameter", _tensor),
)
