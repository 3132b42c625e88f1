"""PyTorch's tensors and modules: shape, dtype, device and range; parameters and layers."""

from __future__ import annotations

import contextlib
from typing import Any

from autostore.optional import require
from autostore.preview import Fact, Markdown, Preview
from autostore.previews.arrays import extent, form
from autostore.previews.bounds import clip

__all__ = ["module", "tensor"]


def tensor(value: Any) -> Preview:
    """Shape, dtype, device and, of real numbers, the smallest, largest and mean value."""
    found = {**form(tuple(value.shape), value.dtype), "device": str(value.device)}
    torch = require("torch")
    dense = value.layout is torch.strided and value.device.type != "meta" and not value.is_quantized
    if dense and value.numel() and not value.is_complex():
        with contextlib.suppress(NotImplementedError):  # PyTorch compares no values of some rare dtypes
            found |= _extent(torch, value.detach())
    return found


def _extent(torch: Any, value: Any) -> dict[str, Fact]:
    if value.dtype is torch.bool:
        value = value.byte()
    elif value.is_floating_point() and value.element_size() == 1:
        value = value.float()
    return extent(value.min().item(), value.max().item(), value.mean(dtype=torch.float64).item())


def module(value: Any) -> Preview:
    """Number of parameters and the layers of a model."""
    parameters = list(value.parameters())
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "layers": Markdown(f"```\n{clip(repr(value))}\n```"),
    }
