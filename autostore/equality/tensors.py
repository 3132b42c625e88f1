"""How `same` compares PyTorch's tensors and modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.optional import require

__all__ = ["TENSORS"]


def _same_tensor(first: Any, second: Any, again: Again) -> bool:
    names = ("dtype", "shape", "layout", "device", "requires_grad")
    if any(getattr(first, name) != getattr(second, name) for name in names):
        return False
    again(vars(first), vars(second))
    if first.is_meta:  # it has a shape, and no numbers
        return bool(first.stride() == second.stride())
    torch = require("torch")
    first, second = first.detach().cpu(), second.detach().cpu()
    if first.is_quantized:
        return bool(torch.equal(first, second))
    if first.layout != torch.strided:
        return _same_parts(torch, first, second, again)
    if first.dtype.is_complex:
        first, second = torch.view_as_real(first.resolve_conj()), torch.view_as_real(second.resolve_conj())
    if not first.dtype.is_floating_point:
        try:
            return bool(torch.equal(first, second))
        except NotImplementedError:  # bits8 and the like
            return _same_bits(torch, first, second)
    if first.element_size() == 1:
        return _same_bits(torch, first, second)
    nan = torch.isnan(first)
    equal = (first == second) & (torch.signbit(first) == torch.signbit(second))
    return bool((equal | (nan & torch.isnan(second))).all())


def _same_parts(torch: Any, first: Any, second: Any, again: Again) -> bool:
    """Sparse tensors, whose entries may be NaN; duplicates and order tell them apart, too."""
    if first.layout == torch.sparse_coo:
        names: tuple[str, ...] = ("_indices", "_values")
        if first.is_coalesced() != second.is_coalesced():
            return False
    elif first.layout in (torch.sparse_csr, torch.sparse_bsr):
        names = ("crow_indices", "col_indices", "values")
    elif first.layout in (torch.sparse_csc, torch.sparse_bsc):
        names = ("ccol_indices", "row_indices", "values")
    else:
        return bool(torch.equal(first.to_dense(), second.to_dense()))
    return all(again(getattr(first, name)(), getattr(second, name)()) for name in names)


def _same_bits(torch: Any, first: Any, second: Any) -> bool:
    """Types of so few bits that they have hardly any operations."""
    kind = torch.uint8 if first.element_size() == 1 else torch.int16
    equal = first.view(kind) == second.view(kind)
    try:
        nan = torch.isnan(first.float()) & torch.isnan(second.float())
    except NotImplementedError:  # float4, which has none
        return bool(equal.all())
    return bool((equal | nan).all())


def _same_module(first: Any, second: Any, again: Again) -> bool:
    return bool(first.training == second.training) and again(dict(first.state_dict()), dict(second.state_dict()))


TENSORS: Mapping[str, Comparer] = {"torch.Tensor": _same_tensor, "torch.nn.Module": _same_module}
