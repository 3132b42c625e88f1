"""What a call's key is made of: the function's code, and its arguments by name, defaults filled in."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autostore.errors import InvalidConfigError, UnhashableInputError, compose
from autostore.memo.content import Digester, Encode

__all__ = ["Recipe", "check_function"]

_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)


def check_function(function: object) -> None:
    """Refuse what is no function, or gives its values one by one."""
    if isinstance(function, staticmethod | classmethod | property):
        kind = type(function).__name__
        raise InvalidConfigError(f"cache was put above @{kind}. Put it below: @{kind} first, then @store.cache.")
    if not isinstance(function, _FUNCTIONS):
        raise InvalidConfigError(f"cache takes a function, not a {type(function).__name__}. Wrap it in one.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        name = getattr(function, "__qualname__", "this")
        raise InvalidConfigError(f"{name} gives its values one by one, which cannot be kept. Return a list or a table.")


class Recipe:
    """How the keys of one function are made.

    Attributes:
        name: of the function, with its module.
        code: what its code is told by: the function itself, or its `version`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        ignore: str | Iterable[str] = (),
        version: str | float | None = None,
        key: Callable[..., Any] | None = None,
    ) -> None:
        inner = function
        while isinstance(inner, functools.partial):
            inner = inner.func
        self.name = f"{inner.__module__}.{inner.__qualname__}"
        self.code: Any = function if version is None else ("version", self.name, version)
        self._key = key
        self._ignored = frozenset([ignore] if isinstance(ignore, str) else ignore)
        try:
            self._signature = inspect.signature(function)
        except ValueError as error:
            remedy = "Wrap it in a function of your own."
            raise InvalidConfigError(f"{self.name} does not say what its arguments are. {remedy}") from error
        # A parameter's name says nothing of what is called so elsewhere.
        self._elsewhere = self._unmet = self._ignored.difference(self._signature.parameters)
        if self._unmet and version is not None:
            raise self._unknown()

    def digest(self, encode: Encode, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Of one call. `TypeError` where the arguments do not fit, as the function itself would say."""
        walk = Digester(encode, self._elsewhere, reads_classes=not isinstance(self.code, tuple))
        try:
            digest = walk.parts(self.name, self._parts(args, kwargs), named=True)
        except UnhashableInputError as error:
            raise self._refusal(str(error)) from error.__cause__
        except RecursionError as error:
            raise self._refusal("An argument is nested too deep") from error
        if self._unmet:
            self._unmet -= walk.met
            if self._unmet:
                raise self._unknown()
        return digest

    def _parts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        yield "Its code", self.code
        if self._key is not None:
            yield "What key= gave", self._key(*args, **kwargs)
            return
        for name, value in bound.arguments.items():
            if name not in self._ignored:
                yield f"The argument {name}", value

    def _refusal(self, problem: str) -> UnhashableInputError:
        remedy = (
            "Pass ignore= with its name ('Class.name' of an attribute) if it changes no result, a key=, or a version=."
        )
        return UnhashableInputError(compose(f"{self.name} cannot be memoized: {problem}", remedy=remedy))

    def _unknown(self) -> InvalidConfigError:
        names = ", ".join(sorted(self._unmet))
        return InvalidConfigError(f"{self.name} has and reads no {names}, which ignore= names. Correct it.")
