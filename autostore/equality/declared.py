"""The fields that a dataclass or a class of attrs declares, and what a missing one is."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from autostore.optional import require

__all__ = ["Declared", "declared_fields", "is_declared"]


class Declared(NamedTuple):
    """A field: what makes its default (None: nothing does), whether it must be given, and whether a repr shows it."""

    name: str
    default: Callable[[], Any] | None
    needed: bool
    shown: bool


def is_declared(cls: type) -> bool:
    """Whether the class is a dataclass or one of attrs."""
    return hasattr(cls, "__dataclass_fields__") or hasattr(cls, "__attrs_attrs__")


def declared_fields(cls: type) -> tuple[Declared, ...]:
    """The fields in their order; none of another class."""
    known: Hashable = cls  # a class is hashable, whatever its instances are
    return _declared_fields(known)


@functools.lru_cache(maxsize=256)
def _declared_fields(cls: Hashable) -> tuple[Declared, ...]:
    assert isinstance(cls, type)
    if hasattr(cls, "__dataclass_fields__"):
        return tuple(_of_dataclass(cls, field) for field in dataclasses.fields(cls))
    return tuple(map(_of_attrs, getattr(cls, "__attrs_attrs__", ())))


def _of_dataclass(cls: type, field: dataclasses.Field[Any]) -> Declared:
    default: Callable[[], Any] | None = None
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory
    # What no `__init__` sets is the class's own attribute, until somebody sets it.
    elif field.default is not dataclasses.MISSING and (field.init or not _is_of_class(cls, field)):
        default = lambda: field.default  # noqa: E731
    return Declared(field.name, default, field.init and default is None, field.repr)


def _is_of_class(cls: type, field: dataclasses.Field[Any]) -> bool:
    return inspect.getattr_static(cls, field.name, dataclasses.MISSING) is field.default


def _of_attrs(field: Any) -> Declared:
    attr = require("attr")
    default: Callable[[], Any] | None = None
    if not isinstance(field.default, attr.Factory):
        default = None if field.default is attr.NOTHING else lambda: field.default
    elif not field.default.takes_self:  # which is code of the class, on a value that is not whole yet
        default = field.default.factory
    return Declared(field.name, default, field.init and default is None, bool(field.repr))
