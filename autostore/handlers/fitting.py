"""Reading plain data into a type that the caller names: validated by Pydantic, or refused with what does not fit."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from typing import Any, TypeVar, cast

from autostore.errors import UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.optional import require
from autostore.words import an

__all__ = ["adapter_of", "checked", "fitted", "no_type", "said", "spelled"]

MOST_PLACES = 5
_MANY = 10_000
"""Rows that are validated at once: what does not fit of millions takes gigabytes to tell."""

_SHORT = 4
"""Characters from which on a value that a message quotes is taken out of it; less stand in many words."""

T = TypeVar("T")


def fitted(
    as_type: Any, data: Any, *, row: str, from_json: bool = False, at: Callable[[int], int] = lambda index: index + 1
) -> Any:
    """What a file holds as any type that Pydantic knows: models by field or alias, `list[Row]`, TypedDicts, unions, ...

    `row` is what an item of a list is called in messages, and `at` the number that it has there. With
    `from_json` strict types take dates, tuples and the like as JSON spells them.
    """
    if as_type in (Any, object) or (isinstance(as_type, type) and type(data) is as_type):
        return data
    adapter = adapter_of(as_type)
    sliced = type(data) is list and len(data) > _MANY and typing.get_origin(as_type) is list

    def fit(part: Any, begin: int) -> Any:
        def refusal(error: Any) -> UnsupportedFormatError:
            number = (lambda index: at(begin + index)) if isinstance(data, list) else None
            return _misfit(error, as_type, _places(error, row, number), unseen=sliced and begin + _MANY < len(data))

        return checked(lambda: _validated(adapter, part, from_json=from_json), refusal)

    try:
        if not sliced:
            return fit(data, 0)
        return [item for begin in range(0, len(data), _MANY) for item in fit(data[begin : begin + _MANY], begin)]
    except require("pydantic").errors.PydanticUserError as error:  # a forward reference that is found nowhere, say
        raise no_type(as_type, error) from error


def _misfit(error: Exception, as_type: Any, places: str, *, unseen: bool) -> UnsupportedFormatError:
    let_pass(error)
    more = "; what stands behind was not looked at" if unseen else ""
    return UnsupportedFormatError(
        f"The data does not fit {spelled(as_type)}: {places}{more}. "
        "Correct the file or the type; without as_type it reads as it is."
    )


def _validated(adapter: Any, data: Any, *, from_json: bool) -> Any:
    if from_json:
        return adapter.validate_json(json.dumps(data), by_alias=True, by_name=True)
    return adapter.validate_python(data, by_alias=True, by_name=True)


def checked(validate: Callable[[], T], refusal: Callable[[Any], Exception]) -> T:
    """What `validate` gives; where pydantic finds that it does not fit, the refusal, behind which no value stands.

    A traceback prints what caused an error, and pydantic's own words quote the value: where a field is missing
    all that lies around it, a password too.
    """
    try:
        value = validate()
        # Of an `Iterable` pydantic would look at each item only when it is asked for.
        return cast("T", iter(list(value))) if type(value).__name__ == "ValidatorIterator" else value  # type: ignore[call-overload]
    except require("pydantic").ValidationError as error:
        failure, cause = refusal(error), _without_values(error)
    raise failure from cause


def said(detail: Any) -> str:
    """What pydantic says of one place, without the value."""
    message, given = detail["msg"], [detail["input"], detail.get("ctx", {}).get("tag")]
    for text in given:
        if isinstance(text, str) and len(text) >= _SHORT:
            message = message.replace(text, "...")
    return str(message)


def _without_values(error: Any) -> Exception:
    custom = require("pydantic_core").PydanticCustomError
    details = error.errors(include_url=False)
    lines = [{"type": custom(one["type"], said(one)), "loc": one["loc"], "input": ...} for one in details]
    made: Exception = type(error).from_exception_data(error.title, lines, hide_input=True)
    return made


def adapter_of(as_type: Any) -> Any:
    """What validates; of what is no type, whatever pydantic makes of it, an error that blames no file."""
    if as_type is require("pydantic").BaseModel:
        raise no_type(as_type, TypeError("it has no fields of its own"))
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


def _places(error: Any, row: str, number: Callable[[int], int] | None) -> str:
    """Where it does not fit and why; the values themselves may be secret, so only their types are told."""
    details = error.errors(include_url=False)
    told = [_place(detail, row, number) for detail in details[:MOST_PLACES]]
    more = len(details) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _place(detail: Any, row: str, number: Callable[[int], int] | None) -> str:
    way = list(detail["loc"])
    if not way and row == "row":  # the rows are ours: the file holds no list
        return f"it is a table, whose rows are read as list[...]: {said(detail)}"
    where = f"{row} {number(way.pop(0))}" if number and way and isinstance(way[0], int) else ""
    if way:
        where += f"{', ' if where else ''}field {'.'.join(map(str, way))}"
    found = "" if detail["type"] == "missing" else f" (it is {an(type(detail['input']).__qualname__)})"
    return f"{where or 'the whole'}: {said(detail)}{found}"
