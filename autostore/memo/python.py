"""What code is made of, of Python's own kinds: code objects, bound methods, partials, properties, operators."""

from __future__ import annotations

import functools
import importlib
import operator
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

from autostore.equality.state import attributes
from autostore.memo.classes import annotated

__all__ = [
    "ABSENT", "KINDS", "Parts", "beside", "content_of", "found_in", "imported_from", "made_by_types", "parts_of",
    "parts_of_code", "registry_of",
]  # fmt: skip

Parts = Iterator[tuple[str, Any]]

ABSENT = "a name that is not there"
_UNBOUND = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
_NAMED = (typing.TypeVar, typing.ParamSpec)
_OPERATORS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
KINDS: tuple[type, ...] = (
    *_UNBOUND, *_NAMED, *_OPERATORS, types.MethodType, types.GenericAlias, typing.NewType, functools.partial,
    functools.partialmethod, functools.singledispatchmethod, functools.cached_property, functools._lru_cache_wrapper,  # noqa: SLF001
    staticmethod, classmethod, property,
)  # fmt: skip
"""Of which `parts_of` tells."""


def parts_of_code(code: types.CodeType) -> Parts:
    """All but where it stands in its file."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield "", (code.co_code, code.co_exceptiontable, counts)
    yield "", (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    yield "'s constants", code.co_consts


def parts_of(value: Any) -> Parts:
    """Of what is made of the user's own by Python's own."""
    for kinds, parts in _TOLD:
        if isinstance(value, kinds):
            yield from (("", part) for part in parts(value))
            return
    if typing.get_origin(value) is not None:
        yield "", (typing.get_origin(value), *map(annotated, typing.get_args(value)))
    else:
        yield "", getattr(value, "__wrapped__", None)


def beside(value: Any) -> dict[str, Any]:
    """Attributes that are no part of what `parts_of` tells."""
    told = attributes(value) or {}
    return {
        name: part
        for name, part in told.items()
        if not (isinstance(value, functools.cached_property) and name in _CACHED)
    }


def registry_of(function: types.FunctionType) -> dict[Any, Any] | None:
    """The functions that `functools.singledispatch` chooses from, which also keeps what it chose."""
    dispatches = function.__code__.co_qualname == "singledispatch.<locals>.wrapper"
    return dict(getattr(function, "registry", {})) if dispatches else None


def found_in(module: str, name: str) -> Any:
    """What a name finds in a module, without having it made."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part) if found is not None else None
    return found


def imported_from(module: types.ModuleType, name: str) -> Any:
    """What `from module import name` gives: also a submodule that nobody imported yet; one that fails is absent."""
    found = getattr(module, name, ABSENT)
    if found is not ABSENT or not hasattr(module, "__path__"):
        return found
    try:
        return importlib.import_module(f"{module.__name__}.{name}")
    except Exception:  # which the function itself may catch, and else raises
        return ABSENT


def made_by_types(cls: type) -> bool:
    """Whether `types.new_class` made it, as `make_dataclass` does, and whoever called it gave it no module."""
    return cls.__module__ == "types" and found_in("types", cls.__qualname__) is not cls


def content_of(cell: types.CellType) -> Any:
    """What a variable around a function holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def _limits(value: Any) -> tuple[Any, ...]:
    """What a type variable may stand for."""
    return (value.__bound__, *getattr(value, "__constraints__", ()))


_CACHED = frozenset(vars(functools.cached_property(len)))
_TOLD: tuple[tuple[tuple[type, ...], Callable[[Any], tuple[Any, ...]]], ...] = (
    ((types.MethodType,), lambda value: (value.__func__, value.__self__)),
    ((functools.partial, functools.partialmethod), lambda value: (value.func, value.args, value.keywords)),
    ((functools.singledispatchmethod,), lambda value: (value.func, value.dispatcher)),
    ((property,), lambda value: (value.fget, value.fset, value.fdel)),
    ((functools.cached_property,), lambda value: (value.func,)),
    (_UNBOUND, lambda value: (value.__objclass__, value.__name__)),
    (_OPERATORS, lambda value: value.__reduce__()[1]),
    (_NAMED, lambda value: (value.__name__, *map(annotated, _limits(value)))),
    ((typing.NewType,), lambda value: (value.__name__, annotated(value.__supertype__))),
)
