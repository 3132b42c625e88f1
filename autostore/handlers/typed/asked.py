"""Reading into a type that the caller names: its own classes need no import, and the value is validated into it."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Any

from autostore.errors import StorageError, UnsupportedFormatError
from autostore.handlers.fitting import adapter_of, checked, no_type, spelled
from autostore.handlers.names import is_described, name_class
from autostore.handlers.typed.decoding import Decoder
from autostore.handlers.validated import reasons
from autostore.optional import require
from autostore.words import an

__all__ = ["classes_in", "read_into"]


def classes_in(as_type: Any) -> dict[str, type]:
    """The classes that a type names, by the names that files give them."""
    return dict(_named(as_type))


def read_into(as_type: Any, decoder: Decoder, content: bytes) -> Any:
    """The value of a file as `as_type`; `UnsupportedFormatError` where it does not fit."""
    value = decoder.decode(content)
    if as_type is dict:
        value = decoder.fields(value)
    if isinstance(as_type, type) and type(value) is as_type:
        return value
    adapter = adapter_of(as_type)

    def fit(found: Any) -> Any:
        # The fields of an object have names, one of which may be another's alias.
        return adapter.validate_python(found, by_alias=b'"$object"' not in content, by_name=True)

    try:
        return checked(
            lambda: _either(fit, value, lambda: decoder.without_others().decode(content)),
            lambda error: UnsupportedFormatError(
                f"The file holds {an(type(value).__qualname__)} that cannot be read as {spelled(as_type)}: "
                f"{reasons(error)}. Read it without as_type, or pass as_type=dict for the fields of an object."
            ),
        )
    except require("pydantic").errors.PydanticUserError as error:
        raise no_type(as_type, error) from error


def _either(fit: Callable[[Any], Any], value: Any, fields: Callable[[], Any]) -> Any:
    """The value; or, where it does not fit, with the fields of classes that the type does not name: `list[dict]`."""
    invalid = require("pydantic").ValidationError
    try:
        return fit(value)
    except invalid as error:
        refused = error
    try:
        return fit(fields())
    except invalid:
        raise refused from None


def _named(as_type: Any, depth: int = 0) -> Iterator[tuple[str, type]]:
    """The classes in a type, by the names that files give them."""
    if depth < 20:
        for argument in typing.get_args(as_type):
            yield from _named(argument, depth + 1)
    if is_described(as_type):
        try:
            yield name_class(as_type), as_type
        except StorageError:  # a local class has no name that a file could hold
            return
        for field in getattr(as_type, "__annotations__", {}).values():
            if depth < 20 and not isinstance(field, str):
                yield from _named(field, depth + 1)
