"""Well-known binary, the bytes of a geometry, looked at before GEOS reads them, which nested ones can crash.

https://www.ogc.org/standards/sfa (ISO WKB), and the flags of its older form, EWKB. What GEOS would read otherwise than
it is counted here is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from autostore.errors import CorruptDataError
from autostore.guard.ceiling import Ceiling
from autostore.optional import require

__all__ = ["geometries", "written"]

MOST_LEVELS = 100
_OF_A_PART = 250
"""Bytes of memory that a geometry, or a ring of one, takes beside its coordinates."""

_Z, _M, _SRID = 0x80000000, 0x40000000, 0x20000000
_POINT, _LINE, _POLYGON = 1, 2, 3
_COLLECTIONS = (4, 5, 6, 7)


_FLAT = {
    bytes([little]) + struct.pack("<I" if little else ">I", kind + form)
    for little in (0, 1)
    for kind in (_POINT, _LINE)
    for form in (0, 1000, 2000, 3000, _Z, _M, _Z | _M)
}
"""How points and lines begin, which have nothing in them: most files are made of such."""


def written(cells: Any) -> Any:
    """The bytes of each geometry, None where there is none, as an array of objects."""
    return require("shapely").to_wkb(cells, output_dimension=4, byte_order=1, flavor="iso")


def geometries(cells: Iterable[bytes | None], ceiling: Ceiling | None = None) -> Any:
    """An array of geometries of these bytes."""
    np, shapely, needed = require("numpy"), require("shapely"), 0
    found = list(cells)
    for cell in found:
        if cell is not None:
            needed += 2 * len(cell) + _OF_A_PART * (1 if cell[:5] in _FLAT else _parts(cell))
    if ceiling is not None:
        ceiling.check(needed, "The geometries")
    array = np.empty(len(found), dtype=object)
    array[:] = found
    try:
        return shapely.from_wkb(array)
    except shapely.errors.ShapelyError as error:
        raise CorruptDataError(f"A geometry is damaged: {error!s:.200}. Look at it with as_type=bytes.") from error


def _parts(data: bytes) -> int:
    """How many geometries and rings there are, by a walk that takes no stack."""
    at, left, parts = 0, [1], 0
    try:
        while left:
            if left[-1]:
                left[-1] -= 1
                at, rings, inner = _passed(data, at)
                parts += 1 + rings
                left.append(inner)
            else:
                left.pop()
            _check(at <= len(data), "it ends too early")
            _check(len(left) <= MOST_LEVELS, "it has more levels than geometries have")
    except (struct.error, IndexError, ValueError) as error:
        raise CorruptDataError(f"A geometry is damaged: {error}. Look at the file with as_type=bytes.") from error
    return parts


def _check(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _passed(data: bytes, at: int) -> tuple[int, int, int]:
    """Where a geometry ends, or its first inner one begins; how many rings it has, and how many inner ones."""
    _check(data[at] <= 1, "its first byte is no byte order")
    order = "<I" if data[at] else ">I"
    code = struct.unpack_from(order, data, at + 1)[0]
    kind, flags = code & ~(_Z | _M | _SRID), code & (_Z | _M)
    dimensions = 2 + bool(code & _Z) + bool(code & _M)
    if 1000 <= kind < 4000:
        _check(not flags, "it has the flags of two forms")
        dimensions, kind = 4 if kind >= 3000 else 3, kind % 1000
    at, width = at + 5 + 4 * bool(code & _SRID), 8 * dimensions
    if kind == _POINT:
        return at + width, 0, 0
    _check(kind in (_LINE, _POLYGON, *_COLLECTIONS), f"it is of the unknown kind {kind}")
    count = struct.unpack_from(order, data, at)[0]
    at += 4
    if kind == _LINE:
        return at + count * width, 0, 0
    if kind != _POLYGON:
        return at, 0, count
    unpack = struct.Struct(order).unpack_from
    for _ in range(count):
        at += 4 + unpack(data, at)[0] * width
    return at, count, 0
