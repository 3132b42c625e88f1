"""PyTorch's tensors and modules: shape, dtype, device and range; parameters and layers."""

from __future__ import annotations

from typing import Any

from autostore.optional import require
from autostore.preview import Markdown, Preview
from autostore.previews.arrays import extent, form
from autostore.previews.bounds import clip

__all__ = ["module", "tensor"]


def tensor(value: Any) -> Preview:
    """Shape, dtype, device and, of real numbers, the smallest, largest and mean value."""
    found = {**form(tuple(value.shape), value.dtype), "device": str(value.device)}
    if value.numel() and not value.is_complex() and not value.is_sparse:
        torch = require("torch")
        plain = value.detach()
        plain = plain.byte() if plain.dtype is torch.bool else plain
        found |= extent(plain.min().item(), plain.max().item(), plain.mean(dtype=torch.float64).item())
    return found


def module(value: Any) -> Preview:
    """Number of parameters and the layers of a model."""
    parameters = list(value.parameters())
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trainable_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "layers": Markdown(f"```\n{clip(repr(value))}\n```"),
    }
