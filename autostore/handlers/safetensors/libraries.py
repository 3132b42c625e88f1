"""How each library's arrays become numbers in memory, and numbers its arrays again.

An array that its numbers do not make up again (a gradient that is asked for, Python objects) is refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from autostore.errors import MissingDependencyError, UnsupportedFormatError
from autostore.handlers.devices import moved_or_here
from autostore.optional import loaded_type, require

__all__ = ["LIBRARIES", "Facts", "Numbers", "known_library", "library_of", "of_jax", "on_device", "usable"]

Facts = dict[str, Any]
"""What an array says beside dtype, shape and numbers, in JSON."""


class Numbers(NamedTuple):
    """An array as a file holds it; `data` are its bytes, and `facts` what they do not say."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview
    facts: Facts


class Library(NamedTuple):
    """One library: the class of its arrays, its word in the metadata, and the two ways."""

    module: str
    array: str
    format: str
    out: Callable[[Any], Numbers]
    back: Callable[[str, tuple[int, ...], memoryview, Facts], Any]


_NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<c8", "BOOL": "?", "I8": "i1", "U8": "u1",
    "I64": "<i8", "U64": "<u8", "I32": "<i4", "U32": "<u4", "I16": "<i2", "U16": "<u2",
}  # fmt: skip
_ML = {
    "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip
_TORCH = _ML | {
    "F64": "float64", "F32": "float32", "F16": "float16", "C64": "complex64", "BOOL": "bool", "I8": "int8",
    "U8": "uint8", "I64": "int64", "U64": "uint64", "I32": "int32", "U32": "uint32", "I16": "int16", "U16": "uint16",
}  # fmt: skip


def library_of(value: Any) -> str | None:
    """Whose array a value is, by its exact class where subclasses mean something; never imports."""
    if type(value) is loaded_type("numpy", "ndarray"):
        return "numpy"
    if type(value) in (loaded_type("torch", "Tensor"), loaded_type("torch.nn", "Parameter")):
        return "torch"
    if type(value) is loaded_type("cupy", "ndarray"):
        return "cupy"
    return "jax" if of_jax(value) else None


def on_device(value: Any) -> bool:
    """Whether a value is an array of a library that has no other file of its own: JAX or CuPy."""
    return library_of(value) in ("jax", "cupy")


def of_jax(value: Any) -> bool:
    """Whether a value is an array of JAX."""
    array = loaded_type("jax", "Array")
    return array is not None and isinstance(value, array)


def known_library(as_type: Any) -> str | None:
    """The library that a reader asks for by the class of its arrays."""
    for name, library in LIBRARIES.items():
        if as_type is loaded_type(library.module, library.array):
            return name
    return None


def usable(name: str) -> str:
    """The library, or NumPy where it is not installed."""
    try:
        require(LIBRARIES[name].module)
    except MissingDependencyError:
        warnings.warn(f"The tensors are of {name}, which is not installed: they are read as NumPy's.", stacklevel=2)
        return "numpy"
    return name


def _refused(why: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(f".safetensors holds numbers, and this array {why}")


def _numpy_out(array: Any) -> Numbers:
    np = require("numpy")
    dtype = next((name for name, code in _NUMPY.items() if array.dtype == np.dtype(code)), None)
    dtype = dtype or next((name for name, kind in _ML.items() if array.dtype.name == kind), None)
    if dtype is None:
        raise _refused(f"is of the dtype {array.dtype}. Convert it, or use .npz.")
    if array.dtype.metadata:
        raise _refused("has metadata of its dtype, which no file holds. Convert it with astype.")
    flat = np.ascontiguousarray(array).reshape(-1)
    return Numbers(dtype, tuple(array.shape), flat.view(np.uint8).data, {})


def _numpy_back(dtype: str, shape: tuple[int, ...], data: memoryview, _facts: Facts) -> Any:
    np = require("numpy")
    code = _NUMPY[dtype] if dtype in _NUMPY else getattr(require("ml_dtypes"), _ML[dtype])
    return np.frombuffer(data, np.dtype(code)).reshape(shape)


def _torch_out(tensor: Any) -> Numbers:
    torch = require("torch")
    dtype = next((name for name, kind in _TORCH.items() if getattr(torch, kind, None) is tensor.dtype), None)
    if dtype is None or tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        raise _refused(f"is {tensor.layout} of {tensor.dtype} on {tensor.device.type}. Convert it, or use .pt.")
    if tensor.requires_grad or type(tensor) is not torch.Tensor or vars(tensor):
        raise _refused(
            "is a parameter, asks for its gradient, or has attributes. Store tensor.detach(), module.state_dict(), "
            "or use .pt."
        )
    flat = tensor.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    data = flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")
    return Numbers(dtype, tuple(tensor.shape), data, {} if tensor.is_cpu else {"device": str(tensor.device)})


def _torch_back(dtype: str, shape: tuple[int, ...], data: memoryview, facts: Facts) -> Any:
    torch = require("torch")
    kind = getattr(torch, _TORCH[dtype], None)
    if kind is None:
        raise UnsupportedFormatError(f"This PyTorch has no {_TORCH[dtype]}. Upgrade it, or read as numpy.ndarray.")
    tensor = (torch.frombuffer(data, dtype=kind) if len(data) else torch.empty(0, dtype=kind)).reshape(shape)
    device = facts.get("device")
    return tensor if device is None else moved_or_here(lambda: tensor.to(device), tensor, str(device))


def _cupy_out(array: Any) -> Numbers:
    number = int(array.device.id)
    return _numpy_out(array.get())._replace(facts={"device": number} if number else {})


def _cupy_back(dtype: str, shape: tuple[int, ...], data: memoryview, facts: Facts) -> Any:
    cupy, numbers = require("cupy"), _numpy_back(dtype, shape, data, {})
    if dtype in _ML:
        raise UnsupportedFormatError(f"CuPy has no {_ML[dtype]}. Read as numpy.ndarray.")

    def moved() -> Any:
        with cupy.cuda.Device(facts.get("device", 0)):
            return cupy.asarray(numbers)

    found = moved_or_here(moved, numbers, "The GPU")
    if found is numbers:
        warnings.warn("The arrays are of cupy, which finds no GPU here: they are read as NumPy's.", stacklevel=2)
    return found


def _jax_out(array: Any) -> Numbers:
    jax, facts = require("jax"), Facts()
    try:
        if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
            facts["key"] = jax.random.key_impl(array)
            array = jax.random.key_data(array)
        elif array.weak_type:
            facts["weak"] = True
        numbers = _numpy_out(require("numpy").asarray(array))
    except (jax.errors.JAXTypeError, RuntimeError) as error:  # traced, deleted, or partly on another machine
        raise _refused(f"cannot be looked at here: {error!s:.200}") from error
    if type(facts.get("key", "")) is not str:
        raise _refused("holds keys of a generator of your own. Store jax.random.key_data(keys).")
    return numbers._replace(facts=facts)


def _jax_back(dtype: str, shape: tuple[int, ...], data: memoryview, facts: Facts) -> Any:
    jax, numbers = require("jax"), _numpy_back(dtype, shape, data, {})
    array = jax.numpy.asarray(numbers)
    if array.dtype != numbers.dtype:
        raise UnsupportedFormatError(
            f"JAX makes {array.dtype} of {numbers.dtype} here. Set jax_enable_x64, or read with as_type=numpy.ndarray."
        )
    if "key" in facts:
        return jax.random.wrap_key_data(array, impl=facts["key"])
    if facts.get("weak"):
        zeros = jax.numpy.broadcast_to(jax.numpy.asarray(array.dtype.type(0).item()), shape)
        return zeros.at[...].set(array)
    return array


LIBRARIES: Mapping[str, Library] = {
    "numpy": Library("numpy", "ndarray", "np", _numpy_out, _numpy_back),
    "torch": Library("torch", "Tensor", "pt", _torch_out, _torch_back),
    "jax": Library("jax", "Array", "flax", _jax_out, _jax_back),
    "cupy": Library("cupy", "ndarray", "np", _cupy_out, _cupy_back),
}
