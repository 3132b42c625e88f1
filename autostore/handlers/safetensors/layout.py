"""What lies where in a .safetensors file: read and checked before any number is, and written in one pass.

https://huggingface.co/docs/safetensors/index, "Format": eight bytes of length, a header of JSON, then the numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, NamedTuple

from autostore.errors import CorruptDataError
from autostore.handlers.typed.text import parse

__all__ = ["DTYPES", "Layout", "Tensor", "headed", "read_layout"]

LONGEST = 100_000_000
"""Bytes of a header; the library refuses longer ones."""

ALIGNMENT = 64

DTYPES: Mapping[str, int] = {
    "F64": 8, "I64": 8, "U64": 8, "C64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "BOOL": 1, "I8": 1, "U8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
}  # fmt: skip
"""The bytes of one number of each dtype that is read here."""


class Tensor(NamedTuple):
    """Where the numbers of one lie, from the end of the header on."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Layout(NamedTuple):
    """The tensors by name, in the order of the header; the texts beside them; and where the numbers begin."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    begin: int


def read_layout(file: BinaryIO, size: int, longest: int = LONGEST) -> Layout:
    """The layout of an open file of `size` bytes, if it accounts for each of them once."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(size - 8, longest):
        raise CorruptDataError(f"The header claims {length} bytes, of a file of {size}. Look at it with as_type=bytes.")
    header = parse(file.read(length), _unique)
    if type(header) is not dict:
        raise _wrong("the header is no object")
    metadata = header.pop("__metadata__", {})
    texts = type(metadata) is dict and all(type(text) is str for text in metadata.values())
    if not texts:
        raise _wrong("its metadata are not texts")
    layout = Layout({name: _tensor(name, said) for name, said in header.items()}, metadata, 8 + length)
    _check(layout, size)
    return layout


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong("a name stands twice")
    return found


def _wrong(problem: str) -> CorruptDataError:
    return CorruptDataError(f"This is no .safetensors file as the format defines it: {problem}. Ask what wrote it.")


def _tensor(name: str, said: Any) -> Tensor:
    whole = type(said) is dict and said.keys() == {"dtype", "shape", "data_offsets"}
    if not whole or not _counts(said["shape"]) or not _counts(said["data_offsets"]) or len(said["data_offsets"]) != 2:
        raise _wrong(f"{name!r:.80} has no dtype, shape and data_offsets")
    dtype = said["dtype"]
    if type(dtype) is not str or dtype not in DTYPES:
        raise _wrong(f"{name!r:.80} has the dtype {dtype!r:.40}, which is not known here")
    begin, end = said["data_offsets"]
    if end - begin != DTYPES[dtype] * math.prod(said["shape"]):
        raise _wrong(f"{name!r:.80} is not as long as its shape says")
    return Tensor(dtype, tuple(said["shape"]), begin, end)


def _counts(numbers: Any) -> bool:
    return type(numbers) is list and all(type(number) is int and number >= 0 for number in numbers)


def _check(layout: Layout, size: int) -> None:
    """Tensors follow each other without a gap, and end where the file does."""
    end = 0
    for tensor in sorted(layout.tensors.values(), key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != end:
            raise _wrong("its tensors overlap, or leave gaps")
        end = tensor.end
    if layout.begin + end != size:
        raise _wrong(f"it has {size - layout.begin} bytes of numbers, and its header speaks of {end}")


def headed(tensors: Iterable[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str]) -> bytes:
    """Length and header of a file that holds these names, dtypes and shapes one after the other."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, dtype, shape in tensors:
        begin, end = end, end + DTYPES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
