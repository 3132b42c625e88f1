"""Which columns of a CSV a row's type asks for as they are written: texts, and decimals, which a float would change."""

from __future__ import annotations

import decimal
import enum
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

from autostore.guard.foreign import let_pass

__all__ = ["texts_asked_for"]


def texts_asked_for(as_type: Any) -> Callable[[str], bool]:
    """Whether a column of this name is text or a decimal in `list[Row]`, whichever of its rows it is of."""
    rows = [_fields(row) for item in typing.get_args(_bare(as_type))[:1] for row in _members(item)]

    def is_asked_for(column: str) -> bool:
        kinds = [fields[name] for fields in rows for name in (column, _ANY) if name in fields]
        return bool(kinds) and all(map(_is_text, kinds))

    return is_asked_for


_ANY = ""
"""The name for the fields of a `dict`; no field of a class has it."""


def _fields(row: Any) -> dict[str, Any]:
    """The types of a row's fields, by their names and aliases."""
    if typing.get_origin(row) is dict:
        return {_ANY: typing.get_args(row)[1]}
    model = getattr(row, "model_fields", None)
    if isinstance(model, dict):
        return {name: field.annotation for own, field in model.items() for name in (own, *_aliases(field))}
    try:
        return typing.get_type_hints(row, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:  # a name that is found nowhere; pydantic tells
        let_pass(error)
        return {}


def _aliases(field: Any) -> list[str]:
    said = [field.alias, field.validation_alias, *getattr(field.validation_alias, "choices", ())]
    return [alias for alias in said if isinstance(alias, str)]


def _members(kind: Any) -> Iterator[Any]:
    """The types that a union leaves the choice of, or the one that it is."""
    kind = _bare(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        for member in typing.get_args(kind):
            yield from _members(member)
    else:
        yield kind


def _bare(kind: Any) -> Any:
    while typing.get_origin(kind) in (typing.Annotated, typing.Required, typing.NotRequired):
        kind = typing.get_args(kind)[0]
    return kind


def _is_text(kind: Any) -> bool:
    members = [member for member in _members(kind) if member is not type(None)]
    return bool(members) and all(map(_is_of_texts, members))


def _is_of_texts(kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Literal:
        return all(type(choice) is str for choice in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return all(isinstance(member.value, str) for member in kind)
    return kind in (str, decimal.Decimal)
