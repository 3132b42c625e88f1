"""Checkpoints: which nestings of plain values and tensors a weights-only reader gives back, and how to save them small.

A saved tensor takes all of the storage that it looks into. So before saving, each storage is cut to what the
checkpoint's tensors use of it, and tensors that shared memory share it still (tied weights).
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.optional import loaded_type, require

__all__ = ["compact", "forgets_gradient", "holds", "holds_tensors", "is_tensor"]

_SCALARS = frozenset({str, int, float, bool, type(None)})
_CONTAINERS = frozenset({dict, collections.OrderedDict, list, tuple})
_KEYS = frozenset({str, int})

LARGEST_INT_BITS = 2039
"""PyTorch's weights-only reader refuses longer ones: it knows the opcode of up to 255 bytes, sign included."""

ALIGNMENT = 16
"""Bytes; the largest element that a tensor has, so that cutting a storage keeps every element's place."""


def is_tensor(value: Any) -> bool:
    """Whether a value is an exact tensor or parameter; no library is imported for asking."""
    tensor, parameter = loaded_type("torch", "Tensor"), loaded_type("torch.nn", "Parameter")
    return tensor is not None and (type(value) is tensor or type(value) is parameter)


def holds_tensors(data: Any) -> bool:
    """Whether this is a nesting of exact dicts, lists and tuples with a tensor, and nothing but plain values beside."""
    return holds(data, is_tensor)


def holds(data: Any, is_array: Callable[[Any], bool]) -> bool:
    """The same of any kind of arrays."""
    found = False
    for value in _parts(data):
        if is_array(value):
            found = True
        elif type(value) not in _CONTAINERS:
            return False
    return found and all(_reads_back(value) for value in _parts(data, scalars=True))


def _parts(data: Any, *, scalars: bool = False) -> Iterator[Any]:
    """Every container once and what is in it that is no container; plain values only with `scalars`.

    Attributes of tensors and of an OrderedDict are a dict of their own, as PyTorch saves and loads them.
    """
    seen: set[int] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        yield value
        if id(value) in seen:
            continue
        if _attributes(value):
            pending.append(_attributes(value))
        if type(value) not in _CONTAINERS:
            continue
        seen.add(id(value))
        children = value.values() if isinstance(value, dict) else value
        # Asked at the speed of C, since most containers hold nothing else.
        if scalars or not _SCALARS.issuperset(map(type, children)):
            pending.extend(child for child in children if scalars or type(child) not in _SCALARS)


def _attributes(value: Any) -> dict[str, Any]:
    return vars(value) if type(value) is collections.OrderedDict or is_tensor(value) else {}


def forgets_gradient(value: Any) -> bool:
    """Whether this is a tensor of which PyTorch saves, and pickles, all but that it asks for its gradient."""
    return (
        is_tensor(value)
        and value.requires_grad
        and value.layout != require("torch").strided
        and not _is_parameter(value)
    )


def _is_parameter(value: Any) -> bool:
    return type(value) is loaded_type("torch.nn", "Parameter")


def _reads_back(value: Any) -> bool:
    if isinstance(value, dict):
        return _KEYS.issuperset(map(type, value)) and all(map(_reads_back, value))
    return type(value) is not int or value.bit_length() <= LARGEST_INT_BITS


def compact(data: Any) -> Any:
    """The same, with every storage cut to what its tensors use; `data` itself where nothing is to be gained."""
    if any(map(forgets_gradient, _parts(data))):
        raise UnsupportedFormatError(
            "PyTorch would forget that a sparse tensor asks for its gradient. Store its detach(), or a Parameter."
        )
    tensors = {id(part): part for part in _parts(data) if is_tensor(part)}
    smaller = _cut({key: tensor for key, tensor in tensors.items() if _has_storage(tensor)})
    return _rebuilt(data, lambda value: smaller.get(id(value), value), {}) if smaller else data


def _has_storage(tensor: Any) -> bool:
    return tensor.layout == require("torch").strided and not tensor.is_quantized and tensor.device.type != "meta"


def _cut(tensors: dict[int, Any]) -> dict[int, Any]:
    """The tensors to be replaced, by their ids."""
    groups: dict[int, dict[int, Any]] = {}
    for key, tensor in tensors.items():
        groups.setdefault(tensor.untyped_storage()._cdata, {})[key] = tensor  # noqa: SLF001 - PyTorch's own identity
    smaller = {}
    for group in groups.values():
        if len(group) == 1:
            ((key, tensor),) = group.items()
            if tensor.untyped_storage().nbytes() > tensor.numel() * tensor.element_size():
                smaller[key] = _like(tensor, tensor.detach().clone())
        else:
            smaller |= _cut_shared(group)
    return smaller


def _cut_shared(group: dict[int, Any]) -> dict[int, Any]:
    torch = require("torch")
    spans = [_span(tensor) for tensor in group.values()]
    start = min(first for first, _ in spans) // ALIGNMENT * ALIGNMENT
    stop = max(last for _, last in spans)
    storage = next(iter(group.values())).untyped_storage()
    if stop - start >= storage.nbytes():
        return {}
    if stop <= start:  # all of them are empty
        return {key: _like(tensor, tensor.detach().clone()) for key, tensor in group.items()}
    window = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage, start, (stop - start,), (1,))
    cut = window.clone().untyped_storage()
    return {key: _like(tensor, _placed(tensor, cut, start)) for key, tensor in group.items()}


def _span(tensor: Any) -> tuple[int, int]:
    """The bytes of its storage that a tensor looks at: first, and one past the last."""
    size = tensor.element_size()
    start = tensor.storage_offset() * size
    if not tensor.numel():
        return start, start
    steps = sum((length - 1) * step for length, step in zip(tensor.shape, tensor.stride(), strict=True))
    return start, start + (steps + 1) * size


def _placed(tensor: Any, storage: Any, start: int) -> Any:
    """The tensor over another storage, which begins `start` bytes later."""
    offset = tensor.storage_offset() - start // tensor.element_size()
    placed = require("torch").empty(0, dtype=tensor.dtype, device=tensor.device)
    placed = placed.set_(storage, offset, tensor.shape, tensor.stride())
    placed = placed.conj() if tensor.is_conj() else placed
    return placed._neg_view() if tensor.is_neg() else placed  # noqa: SLF001 - there is no public way to make one


def _like(tensor: Any, plain: Any) -> Any:
    if type(tensor) is require("torch").Tensor:
        new = plain.requires_grad_(tensor.requires_grad)
    else:
        new = type(tensor)(plain, requires_grad=tensor.requires_grad)
    vars(new).update(vars(tensor))
    return new


def _rebuilt(data: Any, replace: Callable[[Any], Any], done: dict[int, Any]) -> Any:
    """The nesting with its tensors replaced; a part that several places share is rebuilt once."""
    kind = type(data)
    if kind not in _CONTAINERS:
        return replace(data)
    if id(data) in done:
        return done[id(data)]
    if kind is tuple:
        new: Any = tuple(_rebuilt(item, replace, done) for item in data)
    elif kind is list:
        new = done[id(data)] = []
        new.extend(_rebuilt(item, replace, done) for item in data)
    else:
        new = done[id(data)] = kind()
        new.update((key, _rebuilt(value, replace, done)) for key, value in data.items())
        if hasattr(data, "__dict__"):
            new.__dict__.update(data.__dict__)
    done[id(data)] = new
    return new
