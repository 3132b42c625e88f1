"""How `same` compares PyTorch's tensors and modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.optional import require

__all__ = ["TENSORS"]


def _same_tensor(first: Any, second: Any, _again: Again) -> bool:
    names = ("dtype", "shape", "layout", "device", "requires_grad")
    if any(getattr(first, name) != getattr(second, name) for name in names):
        return False
    if first.is_meta:  # it has a shape, and no numbers
        return bool(first.stride() == second.stride())
    torch = require("torch")
    first, second = first.detach().cpu(), second.detach().cpu()
    if first.layout != torch.strided or first.is_quantized:
        return (
            bool(torch.equal(first.to_dense(), second.to_dense()))
            if not first.is_quantized
            else bool(torch.equal(first, second))
        )
    if first.dtype.is_complex:
        first, second = torch.view_as_real(first.resolve_conj()), torch.view_as_real(second.resolve_conj())
    if not first.dtype.is_floating_point:
        return bool(torch.equal(first, second))
    if first.element_size() == 1:  # float8 types have hardly any operations
        bits, nan = first.view(torch.uint8) == second.view(torch.uint8), torch.isnan(first.float())
        return bool((bits | (nan & torch.isnan(second.float()))).all())
    nan = torch.isnan(first)
    equal = (first == second) & (torch.signbit(first) == torch.signbit(second))
    return bool((equal | (nan & torch.isnan(second))).all())


def _same_module(first: Any, second: Any, again: Again) -> bool:
    return bool(first.training == second.training) and again(dict(first.state_dict()), dict(second.state_dict()))


TENSORS: Mapping[str, Comparer] = {"torch.Tensor": _same_tensor, "torch.nn.Module": _same_module}
