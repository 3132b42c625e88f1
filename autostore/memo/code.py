"""Digests of functions and classes: what their code is, and all of the user's own that it reads.

Of a library it is name and version; of the user's own functions the bytecode, defaults, closure, and the values of the
names that it reads, so that a changed helper, constant or base class makes another digest.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import logging
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

from autostore.errors import UnhashableInputError
from autostore.memo.classes import members, without_addresses
from autostore.memo.libraries import version_of
from autostore.memo.reads import Import, reads_of

__all__ = ["MEMOIZED", "Code", "is_code"]

Parts = Iterator[tuple[str, Any]]

MEMOIZED = "_memoized_code"
"""What a memoized function hands on as its code."""

_BOUND = (types.BuiltinFunctionType, types.MethodWrapperType)
_UNBOUND = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
_WRAPPERS = (staticmethod, classmethod, property, functools.cached_property, functools._lru_cache_wrapper)  # noqa: SLF001
_KINDS = (type, types.FunctionType, types.MethodType, types.ModuleType, types.CodeType, types.GenericAlias)
_ABSENT = "a name that is not there"


def is_code(value: Any) -> bool:
    """Whether a value is told by its code or name."""
    if isinstance(value, (*_KINDS, *_BOUND, *_UNBOUND, *_WRAPPERS, functools.partial, logging.Logger)):
        return True
    if hasattr(type(value), MEMOIZED) or typing.get_origin(value) is not None or isinstance(value, typing.TypeVar):
        return True
    return _by_name(value) is not None


class Code:
    """Digests code; `parts` walks on into what it reads.

    Attributes:
        met: the ignored names that were read.
    """

    def __init__(
        self,
        parts: Callable[..., bytes],
        ignored: frozenset[str],
        *,
        reads_classes: bool,
    ) -> None:
        self._parts = functools.partial(parts, named=True)
        self._reads_classes = reads_classes
        self._ignored = ignored
        self.met: set[str] = set()

    def digest(self, value: Any) -> bytes:
        """Of anything that `is_code`."""
        kind = type(value).__name__
        if isinstance(value, types.FunctionType):
            return self._parts("function", self._of_function(value))
        if isinstance(value, type):
            return self._parts("class", self._of_class(value))
        if isinstance(value, types.CodeType):
            return self._parts("code", _of_code(value))
        if isinstance(value, types.ModuleType):
            return self._parts("module", _of_module(value))
        if isinstance(value, logging.Logger):
            return self._parts("logger", iter([("", value.name)]))
        return self._parts(kind, _of_other(value))

    def _of_function(self, function: types.FunctionType) -> Parts:
        name, module = function.__qualname__, function.__globals__.get("__name__", "")
        version = version_of(str(module))
        yield "", (str(module), name, version)
        if version is None:
            yield "", sys.version_info[:2]
            yield f" -> {name}", function.__code__
            yield from self._read(function)
        # A decorator of a library is its own code around the user's.
        yield f" -> {name}'s defaults", (function.__defaults__ or (), function.__kwdefaults__ or {})
        for cell, content in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if self._counts(cell):
                yield f" -> {name} -> {cell}", _content(content)
        for attribute, value in sorted(vars(function).items()):
            yield f" -> {name}.{attribute}", value

    def _read(self, function: types.FunctionType) -> Parts:
        """The values of the names that a function of the user's own reads."""
        reads, around = reads_of(function.__code__), function.__globals__
        for chain in reads.chains:
            if self._counts(chain[0]) and self._counts(chain[-1]):
                yield f" -> {function.__qualname__} -> {'.'.join(chain)}", _resolved(chain, around)
        for one in reads.imports:
            yield from _imported(one, around, function.__qualname__)

    def _of_class(self, cls: type) -> Parts:
        version = version_of(cls.__module__)
        yield "", (cls.__module__, cls.__qualname__, version)
        if version is None and self._reads_classes:
            yield "", tuple(base for base in cls.__bases__ if base is not object)
            yield "", type(cls)
            for name, part in members(cls):
                if self.counts(cls, name):
                    yield f" -> {cls.__qualname__}.{name}", part

    def counts(self, cls: type, attribute: str) -> bool:
        """Whether an attribute of a class or its instances says something; `Class.attribute` may be ignored."""
        return not self._ignored or all(self._counts(f"{base.__name__}.{attribute}") for base in cls.__mro__)

    def _counts(self, name: str) -> bool:
        if name in self._ignored:
            self.met.add(name)
        return name not in self._ignored


def _of_code(code: types.CodeType) -> Parts:
    """All but where it stands in its file."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield "", (code.co_code, code.co_exceptiontable, counts)
    yield "", (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    yield "'s constants", code.co_consts


def _of_module(module: types.ModuleType) -> Parts:
    version = version_of(module.__name__)
    if version is None:
        raise UnhashableInputError(" is a module that is used as a whole")
    yield "", (module.__name__, version)


def _of_other(value: Any) -> Parts:
    if isinstance(value, types.MethodType):
        yield from (("", value.__func__), ("'s object", value.__self__))
    elif isinstance(value, functools.partial):
        yield from ((" of", value.func), ("'s arguments", value.args), ("'s arguments", value.keywords))
    elif isinstance(value, property):
        yield "", (value.fget, value.fset, value.fdel)
    elif isinstance(value, functools.cached_property):
        yield "", value.func
    elif isinstance(value, _BOUND):
        own = value.__self__
        yield "", (value.__name__, own.__name__ if isinstance(own, types.ModuleType) else own)
    elif isinstance(value, _UNBOUND):
        yield "", (value.__objclass__, value.__name__)
    elif isinstance(value, typing.TypeVar):
        yield "", value.__name__
    elif typing.get_origin(value) is not None:
        yield "", (typing.get_origin(value), *map(_annotation, typing.get_args(value)))
    elif hasattr(type(value), MEMOIZED):
        yield "", getattr(value, MEMOIZED)
    else:
        yield "", getattr(value, "__wrapped__", None) or _by_name(value)


def _annotation(part: Any) -> Any:
    return part if is_code(part) else without_addresses(part)


def _by_name(value: Any) -> tuple[str, str, str] | None:
    """What its name finds in a library, such as a ufunc of NumPy or a form of typing: name and version."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or getattr(value, "_name", None)
    for module in (getattr(value, "__module__", None), type(value).__module__):
        if isinstance(name, str) and isinstance(module, str):
            version = version_of(module)
            if version is not None and getattr(sys.modules.get(module.partition(".")[0]), name, None) is value:
                return module, name, version
    return None


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _ABSENT


def _resolved(chain: tuple[str, ...], around: dict[str, Any]) -> Any:
    """What a chain of names finds, as far as it leads through modules of the user's own."""
    found = around.get(chain[0], getattr(builtins, chain[0], _ABSENT))
    for name in chain[1:]:
        if not isinstance(found, types.ModuleType) or version_of(found.__name__) is not None:
            break
        found = getattr(found, name, _ABSENT)
    # Of a marker, `object()`, nothing but its being the same is ever seen.
    return "a marker" if type(found) is object else found


def _imported(one: Import, around: dict[str, Any], name: str) -> Parts:
    """What a function imports when it runs; a module that is missing is another answer than one that is there."""
    try:
        package = around.get("__package__") or None
        module = importlib.import_module("." * one.level + one.module, package)
    except ImportError:
        yield f" -> {name} -> {one.module}", _ABSENT
        return
    if version_of(module.__name__) is not None or not one.names:
        yield f" -> {name} -> {one.module}", module
        return
    for wanted in one.names:
        yield f" -> {name} -> {one.module}.{wanted}", getattr(module, wanted, _ABSENT)
