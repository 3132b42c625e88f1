"""The standard library's values without parts: numbers, bytes, identifiers, paths, ranges."""

from __future__ import annotations

import base64
import decimal
import fractions
import ipaddress
import pathlib
import uuid
from typing import Any

from autostore.handlers.typed.tag import Tag, array, float_tree, int_tree, need, number, refuse, text_tree, typed

__all__ = ["LEAVES", "bytes_of"]

_PATHS = {cls.__name__: cls for cls in (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath)}
_ADDRESSES = {
    cls.__name__: cls
    for cls in (
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
    )
}


def bytes_of(payload: Any) -> bytes:
    """The bytes of base64 text, or those that a member of a bundle held."""
    return payload if type(payload) is bytes else base64.b64decode(typed(payload, str), validate=True)


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def _complex(payload: Any) -> complex:
    return complex(*map(number, array(payload, 2)))


def _fraction(payload: Any) -> fractions.Fraction:
    numerator, denominator = (typed(part, int) for part in array(payload, 2))
    value = fractions.Fraction(numerator, denominator)
    need((value.numerator, value.denominator) == (numerator, denominator), "it is not in lowest terms")
    return value


def _encode_range(value: range) -> Any:
    parts = value.start, value.stop, value.step
    if any(type(part) is not int for part in parts):
        refuse("is a range over values that are no int")
    return list(map(int_tree, parts))


def _encode_path(value: pathlib.PurePath) -> Any:
    if str(type(value)(str(value))) != str(value):
        refuse("is a path that its text would not give back")
    return [type(value).__name__, text_tree(str(value))]


def _path(payload: Any) -> pathlib.PurePath:
    name, text = array(payload, 2)
    return _PATHS[typed(name, str)](typed(text, str))


def _address(payload: Any) -> Any:
    name, text = array(payload, 2)
    return _ADDRESSES[typed(name, str)](typed(text, str))


LEAVES = (
    Tag("$bytes", (bytes,), _base64, bytes_of),
    Tag("$bytearray", (bytearray,), _base64, lambda payload: bytearray(bytes_of(payload))),
    Tag("$complex", (complex,), lambda value: [float_tree(value.real), float_tree(value.imag)], _complex),
    Tag("$decimal", (decimal.Decimal,), str, lambda payload: decimal.Decimal(typed(payload, str))),
    Tag("$uuid", (uuid.UUID,), str, lambda payload: uuid.UUID(typed(payload, str))),
    Tag("$fraction", (fractions.Fraction,), lambda v: [int_tree(v.numerator), int_tree(v.denominator)], _fraction),
    Tag("$path", tuple(_PATHS.values()), _encode_path, _path),
    Tag("$ip", tuple(_ADDRESSES.values()), lambda value: [type(value).__name__, str(value)], _address),
    Tag(
        "$range",
        (range,),
        _encode_range,
        lambda payload: range(*(typed(part, int) for part in array(payload, 3))),
    ),
)
