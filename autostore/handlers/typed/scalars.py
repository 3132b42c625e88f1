"""Scalars of NumPy and pandas, by the name of their class and a value that says every bit."""

from __future__ import annotations

import base64
import io
from typing import Any

from autostore.handlers.arrays import check_dtype
from autostore.handlers.typed.leaves import bytes_of
from autostore.handlers.typed.tag import (
    MalformedError,
    Tag,
    array,
    float_tree,
    need,
    number,
    refuse,
    text_tree,
    typed,
)
from autostore.handlers.typed.times import moment_parts, moment_tree
from autostore.optional import loaded_type, package_of, require

__all__ = ["SCALARS", "scalar_tag"]

_INTS = frozenset(
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "longlong", "ulonglong", "intc", "uintc"]
)
_FLOATS = frozenset(("float16", "float32", "float64"))
_COMPLEX = frozenset(("complex64", "complex128"))
_COUNTED = frozenset(("datetime64", "timedelta64"))
_NOT_A_TIME = -(2**63)


def scalar_tag(kind: type) -> Tag | None:
    """The tag of a class of NumPy or pandas that is no array; None for every other class."""
    if kind.__module__ == "numpy":
        generic = loaded_type("numpy", "generic")
        return _NUMPY if generic is not None and issubclass(kind, generic) else None
    own = package_of(kind) == "pandas" and kind.__name__ in _PANDAS_NAMES
    return _PANDAS if own else None


def _encode_numpy(value: Any) -> list[Any]:
    name = type(value).__name__.rstrip("_")  # NumPy 1 calls its bool `bool_`
    if name in _INTS or name == "bool":
        return [name, value.item()]
    if name in _FLOATS:
        return [name, float_tree(float(value))]
    if name in _COMPLEX:
        return [name, [float_tree(float(value.real)), float_tree(float(value.imag))]]
    if name == "longdouble":
        return [name, str(value)]
    if name == "clongdouble":
        return [name, [str(value.real), str(value.imag)]]
    if name in _COUNTED:
        count = int(value.view("i8"))
        unit = value.dtype.str[4:-1] if "[" in value.dtype.str else ""
        return [name, unit, None if count == _NOT_A_TIME else count]
    return _encode_text(name, value)


def _encode_text(name: str, value: Any) -> list[Any]:
    if name == "str":
        return [name, text_tree(str.__str__(value))]  # NumPy's own leaves out the NULs at the end
    if name == "bytes":
        return [name, base64.b64encode(bytes(value)).decode("ascii")]
    if name not in ("void", "record"):
        refuse(f"is a numpy.{name}")
    np = require("numpy")
    dtype = np.dtype((np.void, value.dtype)) if name == "record" else value.dtype
    clean = np.zeros((), dtype)  # without what lies between the fields
    check_dtype(clean)
    if value.dtype.names is None:
        clean[()] = value
    for field in value.dtype.names or ():
        clean[field] = value[field]
    file = io.BytesIO()
    np.lib.format.write_array(file, clean, allow_pickle=False)
    return [name, base64.b64encode(file.getvalue()).decode("ascii")]


def _numpy(payload: Any) -> Any:
    np = require("numpy")
    name, *parts = typed(payload, list)
    typed(name, str)
    if name in _COUNTED:
        unit, count = array(parts, 2)
        kind = ("M8" if name == "datetime64" else "m8") + (f"[{unit}]" if typed(unit, str) else "")
        return np.array(_NOT_A_TIME if count is None else typed(count, int), "i8").view(kind)[()]
    (part,) = array(parts, 1)
    if name == "bool":
        return np.bool_(typed(part, bool))
    if name in _INTS:
        return getattr(np, name)(typed(part, int))
    if name in _FLOATS:
        with np.errstate(over="ignore"):
            return getattr(np, name)(number(part))
    if name in _COMPLEX:
        return getattr(np, name)(complex(*map(number, array(part, 2))))
    return _numpy_text(np, name, part)


def _numpy_text(np: Any, name: str, part: Any) -> Any:
    if name == "longdouble":
        return np.longdouble(typed(part, str))
    if name == "clongdouble":
        value = np.zeros((), np.clongdouble)
        value.real, value.imag = (np.longdouble(typed(text, str)) for text in array(part, 2))
        return value[()]
    if name == "str":
        return np.str_(typed(part, str))
    if name == "bytes":
        return np.bytes_(bytes_of(part))
    need(name in ("void", "record"), f"no NumPy scalar is called {name!r:.40}")
    value = _void(np, bytes_of(part))
    return value if name == "void" else value.view(np.dtype((np.record, value.dtype)))


def _void(np: Any, content: bytes) -> Any:
    file, lib = io.BytesIO(content), np.lib.format
    version = lib.read_magic(file)
    read = lib.read_array_header_1_0 if version == (1, 0) else lib.read_array_header_2_0
    shape, _, dtype = read(file)
    need(shape == () and dtype.kind == "V" and not dtype.hasobject and dtype.itemsize <= len(content))
    return lib.read_array(io.BytesIO(content), allow_pickle=False)[()]


_PANDAS_NAMES = frozenset(("Timestamp", "Timedelta", "NaTType", "NAType"))


def _encode_pandas(value: Any) -> list[Any]:
    name = type(value).__name__
    if name in ("NaTType", "NAType"):
        return [name.removesuffix("Type")]
    if name == "Timedelta":
        return [name, int(value.asm8.view("i8")), value.unit]
    tree = [name, moment_tree(value.isoformat(timespec="nanoseconds"), value.tz, value.fold), value.unit]
    back = _pandas(tree)
    if back.asm8.dtype != value.asm8.dtype or back.asm8 != value.asm8 or back.fold != value.fold:
        refuse("is a pandas Timestamp that its text would not give back")
    return tree


def _pandas(payload: Any) -> Any:
    pd, np = require("pandas"), require("numpy")
    name, *parts = typed(payload, list)
    if name in ("NaT", "NA"):
        array(parts, 0)
        return pd.NaT if name == "NaT" else pd.NA
    part, unit = array(parts, 2)
    need(unit in ("s", "ms", "us", "ns"))
    if name == "Timedelta":
        return pd.Timedelta(np.timedelta64(typed(part, int), unit))
    if name != "Timestamp":
        raise MalformedError(f"no pandas scalar is called {name!r:.40}")
    wall, zone, offset, fold = moment_parts(part)
    moment = pd.Timestamp(np.datetime64(wall, unit))
    if zone is None:
        return moment.replace(fold=fold or 0)
    if offset is None:
        return moment.tz_localize(zone)
    return (moment - offset).as_unit(unit).tz_localize("UTC").tz_convert(zone)


_NUMPY = Tag("$numpy", (), _encode_numpy, _numpy)
_PANDAS = Tag("$pandas", (), _encode_pandas, _pandas)
SCALARS = (_NUMPY, _PANDAS)
