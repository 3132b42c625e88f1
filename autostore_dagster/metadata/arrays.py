"""Arrays, sparse matrices, tensors and models: shape, dtype, range of values, number of parameters."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from autostore_dagster.metadata.bounds import cell, clip

__all__ = ["array", "module", "sparse", "tensor"]


def array(value: Any) -> Mapping[str, Any]:
    """Shape, dtype and, of numbers, the smallest, largest and mean value."""
    found = _shape(value.shape, value.dtype)
    if value.size and value.dtype.kind in "biuf":
        found |= _range(value.min(), value.max(), value.mean())
    return found


def sparse(value: Any) -> Mapping[str, Any]:
    """Shape, dtype, format and how much of it is not zero."""
    cells = 1
    for length in value.shape:
        cells *= length
    return {
        **_shape(value.shape, value.dtype),
        "sparse_format": dg.MetadataValue.text(value.format),
        "stored_values": dg.MetadataValue.int(int(value.nnz)),
        "density": dg.MetadataValue.float(value.nnz / cells if cells else 0.0),
    }


def tensor(value: Any) -> Mapping[str, Any]:
    """Shape, dtype, device and, of real numbers, the smallest, largest and mean value."""
    found = {**_shape(tuple(value.shape), value.dtype), "device": dg.MetadataValue.text(str(value.device))}
    if value.numel() and not value.is_complex() and not value.is_sparse:
        import torch

        plain = value.detach()
        plain = plain.byte() if plain.dtype is torch.bool else plain
        found |= _range(plain.min().item(), plain.max().item(), plain.mean(dtype=torch.float64).item())
    return found


def module(value: Any) -> Mapping[str, Any]:
    """Number of parameters and the layers of a model."""
    parameters = list(value.parameters())
    return {
        "parameters": dg.MetadataValue.int(sum(parameter.numel() for parameter in parameters)),
        "trainable_parameters": dg.MetadataValue.int(sum(p.numel() for p in parameters if p.requires_grad)),
        "layers": dg.MetadataValue.md(f"```\n{clip(repr(value))}\n```"),
    }


def _shape(shape: tuple[int, ...], dtype: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "shape": dg.MetadataValue.text(str(tuple(shape))),
        "dtype": dg.MetadataValue.text(str(dtype)),
    }
    return {**found, "rows": dg.MetadataValue.int(int(shape[0]))} if shape else found


def _range(smallest: Any, largest: Any, mean: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, number in (("min", smallest), ("max", largest), ("mean", mean)):
        value = cell(float(number))
        found[name] = dg.MetadataValue.float(value) if isinstance(value, float) else dg.MetadataValue.text(str(value))
    return found
