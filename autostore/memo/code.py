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
from collections.abc import Callable
from typing import Any

from autostore.errors import UnhashableInputError
from autostore.memo.added import added_by_the_user
from autostore.memo.classes import members
from autostore.memo.libraries import Libraries, main_as_such
from autostore.memo.python import (
    ABSENT,
    KINDS,
    Parts,
    beside,
    content_of,
    found_in,
    imported_from,
    made_by_types,
    parts_of,
    parts_of_code,
    registry_of,
)
from autostore.memo.reads import Import, reads_of

__all__ = ["MEMOIZED", "Code"]

MEMOIZED = "_memoized_code"
"""What a memoized function hands on as its code."""

_BOUND = (types.BuiltinFunctionType, types.MethodWrapperType)
_KINDS = (type, types.FunctionType, types.ModuleType, types.CodeType, logging.Logger, *_BOUND, *KINDS)


class Code:
    """Digests code; `parts` walks on into what it reads.

    Attributes:
        met: the ignored names that were read.
    """

    def __init__(
        self,
        parts: Callable[..., bytes],
        ignored: frozenset[str],
        libraries: Libraries,
        *,
        reads_classes: bool,
    ) -> None:
        self._parts = functools.partial(parts, named=True)
        self._reads_classes = reads_classes
        self._ignored = ignored
        self._version_of = libraries.version_of
        self.met: set[str] = set()

    def knows(self, value: Any) -> bool:
        """Whether a value is told by its code or name."""
        if isinstance(value, _KINDS) or hasattr(type(value), MEMOIZED) or typing.get_origin(value) is not None:
            return True
        return self._by_name(value) is not None

    def digest(self, value: Any) -> bytes:
        """Of anything that it `knows`."""
        kind = type(value).__name__
        if isinstance(value, types.FunctionType):
            return self._parts("function", self._of_function(value))
        if isinstance(value, type):
            return self._parts("class", self._of_class(value))
        if isinstance(value, types.CodeType):
            return self._parts("code", parts_of_code(value))
        if isinstance(value, types.ModuleType):
            return self._parts("module", self._of_module(value))
        if isinstance(value, logging.Logger):
            return self._parts("logger", iter([("", value.name)]))
        return self._parts(kind, self._of_other(value))

    def _of_function(self, function: types.FunctionType) -> Parts:
        name, module = function.__qualname__, str(function.__globals__.get("__name__", ""))
        version = self._version_of(module)
        yield "", (main_as_such(module), name, version)
        of_library = any(
            self._version_of(str(at)) and found_in(str(at), name) is function for at in (module, function.__module__)
        )
        if (registry := registry_of(function)) is not None:
            own = {kind: one for kind, one in registry.items() if self._version_of(one.__module__) is None}
            yield f" -> {name}'s functions", own if of_library else registry
        if of_library or registry is not None:
            return
        if version is None:
            yield "", sys.version_info[:2]
            yield f" -> {name}", function.__code__
            yield from self._read(function)
        # A decorator of a library is its own code around the user's.
        yield f" -> {name}'s defaults", (function.__defaults__ or (), function.__kwdefaults__ or {})
        for cell, content in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if self._counts(cell):
                yield f" -> {name} -> {cell}", content_of(content)
        for attribute, value in sorted(vars(function).items()):
            yield f" -> {name}.{attribute}", value

    def _read(self, function: types.FunctionType) -> Parts:
        """The values of the names that a function of the user's own reads."""
        reads, around = reads_of(function.__code__), function.__globals__
        for chain in reads.chains:
            if self._counts(chain[0]) and self._counts(chain[-1]):
                yield f" -> {function.__qualname__} -> {'.'.join(chain)}", self._resolved(chain, around)
        for one in reads.imports:
            yield from self._imported(one, around, function.__qualname__)
        for name, part in added_by_the_user(reads.attributes, self._version_of):
            yield f" -> {function.__qualname__} -> {name}", part

    def _of_class(self, cls: type) -> Parts:
        version = None if made_by_types(cls) else self._version_of(cls.__module__)
        yield "", (main_as_such(cls.__module__), cls.__qualname__, version)
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

    def _of_module(self, module: types.ModuleType) -> Parts:
        version = self._version_of(module.__name__)
        if version is None:
            raise UnhashableInputError(" is a module that is used as a whole (inside a function, import names from it)")
        yield "", (module.__name__, version)

    def _of_other(self, value: Any) -> Parts:
        if (named := self._by_name(value)) is not None:
            yield "", named
            return
        if self._version_of(type(value).__module__) is None:  # of the user's own kind, which does more
            yield from (("'s class", type(value)), ("'s attributes", beside(value)))
        elif isinstance(value, functools.partial):
            yield "'s attributes", vars(value)
        if isinstance(value, _BOUND):
            own = value.__self__
            of = (own.__name__, self._version_of(own.__name__)) if isinstance(own, types.ModuleType) else own
            yield "", (value.__name__, of)
        elif hasattr(type(value), MEMOIZED):
            yield "", getattr(value, MEMOIZED)
        else:
            yield from parts_of(value)

    def _by_name(self, value: Any) -> tuple[str, str, str] | None:
        """What its name finds in a library, such as a ufunc of NumPy or a form of typing: name and version."""
        names = [getattr(value, name, None) for name in ("__qualname__", "__name__", "_name")]
        name = next((name for name in names if isinstance(name, str) and name), "")
        for module in (getattr(value, "__module__", None), type(value).__module__):
            if not isinstance(module, str) or (version := self._version_of(module)) is None:
                continue
            if any(found_in(place, name) is value for place in (module.partition(".")[0], module)):
                return module, name, version
        return None

    def _resolved(self, chain: tuple[str, ...], around: dict[str, Any]) -> Any:
        """What a chain of names finds, as far as it leads through modules of the user's own.

        Of a library it is the library; but what the user put there for another is the user's own.
        """
        found, library = around.get(chain[0], getattr(builtins, chain[0], ABSENT)), None
        for name in chain[1:]:
            if not isinstance(found, types.ModuleType):
                break
            if library is None and self._version_of(found.__name__) is not None:
                library = found
            # What a module makes when it is asked for it, only the function itself asks for.
            found = getattr(found, name, ABSENT) if library is None else vars(found).get(name, ABSENT)
        if library is not None and not self._is_put_there(found):
            return library
        # Of a marker, `object()`, nothing but its being the same is ever seen.
        return "a marker" if type(found) is object else found

    def _is_put_there(self, found: Any) -> bool:
        module = getattr(found, "__module__", None)
        return isinstance(found, types.FunctionType | type) and self._version_of(str(module)) is None

    def _imported(self, one: Import, around: dict[str, Any], name: str) -> Parts:
        """What a function imports when it runs; missing and failing ones are told, too."""
        try:
            package = around.get("__package__") or None
            module = importlib.import_module("." * one.level + one.module, package)
        except Exception:  # which the function itself may catch, and else raises
            yield f" -> {name} -> {one.module}", ABSENT
            return
        if self._version_of(module.__name__) is not None or not one.names:
            yield f" -> {name} -> {one.module}", module
            return
        for wanted in one.names:
            yield f" -> {name} -> {one.module}.{wanted}", imported_from(module, wanted)
