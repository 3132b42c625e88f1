"""Arrow's extension types: types of other libraries, which a file says by a name beside the type that stores them.

Where nobody registered the name, Arrow reads the storage, with the name in the field's metadata; that is another type
than was written, unless it was so already in the table that was written. The mark names those (`unregistered`).
https://arrow.apache.org/docs/format/Columnar.html#extension-types
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from autostore.errors import UnknownTypeError

__all__ = ["check_registered", "unregistered"]


def unregistered(fields: Iterable[Any]) -> dict[str, list[str]]:
    """What the mark of a table of these fields says of types that nobody has registered here; nothing of most."""
    names = sorted({name for _, name in _unknown(fields)})
    return {"unregistered": names} if names else {}


def check_registered(fields: Iterable[Any], mark: Mapping[str, Any]) -> None:
    """Refuse a type that nobody has registered here, but had where the table was written: it would be another type."""
    known = mark.get("unregistered", ())
    for field, name in _unknown(fields):
        if name not in known:
            raise UnknownTypeError(
                f"The column {field.name!r:.80} is of Arrow's extension type {name!r:.80}, "
                "which no library has registered in this process. Import the library that brings it, or read the table "
                "with as_type=polars.DataFrame."
            )


def _unknown(fields: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    for field in fields:
        name = (field.metadata or {}).get(b"ARROW:extension:name")
        if name is not None:
            yield field, name.decode(errors="replace")
        yield from _unknown(field.type.field(at) for at in range(field.type.num_fields))
