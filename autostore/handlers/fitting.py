"""Reading plain data into a type that the caller names: validated by Pydantic, or refused with what does not fit."""

from __future__ import annotations

import json
import typing
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.optional import require

__all__ = ["adapter_of", "fitted", "no_type", "spelled"]

MOST_PLACES = 5
_MANY = 10_000
"""Rows that are validated at once: what does not fit of millions takes gigabytes to tell."""


def fitted(as_type: Any, data: Any, *, row: str, from_json: bool = False) -> Any:
    """What a file holds as any type that Pydantic knows: models by field or alias, `list[Row]`, TypedDicts, unions, ...

    `row` is what an item of a list is called in messages. With `from_json` strict types take
    dates, tuples and the like as JSON spells them.
    """
    if as_type in (Any, object) or (isinstance(as_type, type) and type(data) is as_type):
        return data
    pydantic, adapter, begin = require("pydantic"), adapter_of(as_type), 0
    sliced = type(data) is list and len(data) > _MANY and typing.get_origin(as_type) is list
    made: list[Any] = []
    try:
        if not sliced:
            return _validated(adapter, data, from_json=from_json)
        for begin in range(0, len(data), _MANY):
            made += _validated(adapter, data[begin : begin + _MANY], from_json=from_json)
        return made
    except pydantic.ValidationError as error:
        let_pass(error)
        unseen = "; what stands behind was not looked at" if sliced and begin + _MANY < len(data) else ""
        raise UnsupportedFormatError(
            f"The data does not fit {spelled(as_type)}: {_places(error, row, begin)}{unseen}. "
            "Correct the file or the type; without as_type it reads as it is."
        ) from error
    except pydantic.errors.PydanticUserError as error:  # a forward reference that is found nowhere, say
        raise no_type(as_type, error) from error


def _validated(adapter: Any, data: Any, *, from_json: bool) -> Any:
    if from_json:
        return adapter.validate_json(json.dumps(data), by_alias=True, by_name=True)
    return adapter.validate_python(data, by_alias=True, by_name=True)


def adapter_of(as_type: Any) -> Any:
    """What validates; of what is no type, whatever pydantic makes of it, an error that blames no file."""
    try:
        return require("pydantic").TypeAdapter(as_type)
    except MemoryError:
        raise
    except Exception as error:
        let_pass(error)
        raise no_type(as_type, error) from error


def no_type(as_type: Any, error: Exception) -> UnsupportedFormatError:
    """The error for what Pydantic cannot validate."""
    # Pydantic's words end with settings of a model, which the caller may not have.
    words = str(getattr(error, "message", error)) or type(error).__name__
    said = words.splitlines()[0].partition(" Set `arbitrary")[0].rstrip(".")
    return UnsupportedFormatError(
        f"{spelled(as_type)} is no type that plain data can be read into: {said}. "
        "Pass a model, a dataclass or a type made of such, or read it without as_type."
    )


def spelled(as_type: Any) -> str:
    """The name of a class, and any other type as it is written."""
    plain = isinstance(as_type, type) and not hasattr(as_type, "__args__")
    return as_type.__qualname__ if plain else f"{as_type!r:.200}"


def _places(error: Any, row: str, begin: int) -> str:
    """Where it does not fit and why; the values themselves may be secret, so only their types are told."""
    details = error.errors(include_url=False, include_context=False)
    told = [_place(detail, row, begin) for detail in details[:MOST_PLACES]]
    more = len(details) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _place(detail: Any, row: str, begin: int) -> str:
    way = list(detail["loc"])
    if not way and row == "row":  # the rows are ours: the file holds no list
        return f"it is a table, whose rows are read as list[...]: {detail['msg']}"
    where = f"{row} {begin + way.pop(0) + 1}" if way and isinstance(way[0], int) else ""
    if way:
        where += f"{', ' if where else ''}field {'.'.join(map(str, way))}"
    found = "" if detail["type"] == "missing" else f" (it is a {type(detail['input']).__qualname__})"
    return f"{where or 'the whole'}: {detail['msg']}{found}"
