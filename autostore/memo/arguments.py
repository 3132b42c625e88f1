"""What a call's key is made of: the function's code, and its arguments by name, defaults filled in."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autostore.errors import InvalidConfigError, UnhashableInputError, compose
from autostore.memo.content import Digester, Encode
from autostore.memo.libraries import Libraries, main_as_such
from autostore.memo.python import found_in
from autostore.words import an

__all__ = ["Recipe", "check_function"]

_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)


def check_function(function: object) -> None:
    """Refuse what is no function, or gives its values one by one."""
    if isinstance(function, staticmethod | classmethod | property):
        kind = type(function).__name__
        raise InvalidConfigError(f"cache was put above @{kind}. Put it below: @{kind} first, then @store.cache.")
    if not isinstance(function, _FUNCTIONS):
        raise InvalidConfigError(f"cache takes a function, not {an(type(function).__name__)}. Wrap it in one.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        name = getattr(function, "__qualname__", "this")
        raise InvalidConfigError(f"{name} gives its values one by one, which cannot be kept. Return a list or a table.")


def _names(ignore: str | Iterable[str]) -> frozenset[str]:
    """What `ignore=` names; `InvalidConfigError` where it is no names."""
    names = [ignore] if isinstance(ignore, str) else list(ignore) if isinstance(ignore, Iterable) else [ignore]
    if not all(isinstance(name, str) for name in names):
        raise InvalidConfigError(f"ignore={ignore!r:.100} is no name. Pass one, or a list of them: ignore=['logger'].")
    return frozenset(names)


def _callable(key: Callable[..., Any] | None) -> Callable[..., Any] | None:
    if key is not None and not callable(key):
        raise InvalidConfigError(f"key={key!r:.100} is no function. Pass one that takes the same arguments.")
    return key


def _own_packages(function: Any, caller: str) -> frozenset[str]:
    """The user's own packages, though they may be installed: who says `cache`, and where it decorates.

    A function that is not yet what its module has under its name is decorated there.
    """
    module = str(function.__module__)
    decorated = isinstance(function, types.FunctionType) and found_in(module, function.__qualname__) is not function
    return frozenset(name.partition(".")[0] for name in (caller, module if decorated else "") if name)


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _parameters(signature: inspect.Signature | None) -> Iterable[str]:
    return signature.parameters if signature is not None else ()


def _is_wrapped(function: Any) -> bool:
    """Whether a decorator took a function's place and says that it has its arguments."""
    while isinstance(function, functools.partial | types.MethodType):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    return hasattr(function, "__wrapped__")


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
        caller: str = "",
    ) -> None:
        inner = _innermost(function)
        self.name = f"{main_as_such(inner.__module__)}.{inner.__qualname__}"
        self._ignored = _names(ignore)
        self._libraries = Libraries(_own_packages(inner, caller))
        self._key = _callable(key)
        try:
            self._signature = inspect.signature(function)
            self._outer = inspect.signature(function, follow_wrapped=False) if _is_wrapped(function) else None
        except ValueError as error:
            problem = f"{self.name} does not say what its arguments are. Wrap it in a function of your own."
            raise InvalidConfigError(problem) from error
        # A parameter's name says nothing of what is called so elsewhere.
        self._elsewhere = self._unmet = self._ignored - {*self._signature.parameters, *_parameters(self._outer)}
        self.code: Any = function if version is None else ("version", self.name, version, self._bound(function))
        if self._unmet and version is not None:
            raise self._unknown()

    def digest(self, encode: Encode, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Of one call. `TypeError` where the arguments do not fit, of the function by its name."""
        walk = Digester(encode, self._elsewhere, self._libraries, reads_classes=not isinstance(self.code, tuple))
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
        return digest[1:]

    def _parts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        arguments = self._arguments(args, kwargs)
        yield "Its code", self.code
        if self._key is not None:
            if not isinstance(self.code, tuple):
                yield "The function key=", self._key
            yield "What key= gave", self._key(*args, **kwargs)
            return
        for name, value in arguments.items():
            if name not in self._ignored:
                yield f"The argument {name}", value

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """By name; of a wrapped function as its wrapper sees them, which may have defaults of its own."""
        if self._outer is None:
            bound = self._fitted(self._signature, args, kwargs)
            bound.apply_defaults()
            return bound.arguments
        outer = self._fitted(self._outer, args, kwargs).arguments
        named = {name: value for name, value in kwargs.items() if name not in self._ignored}
        # What the wrapper names itself stands there twice, which does no harm.
        try:
            return {**self._signature.bind(*args, **kwargs).arguments, "those passed by name": list(named)}
        except TypeError:  # the wrapper takes others
            rest = [name for name, one in self._outer.parameters.items() if one.kind is one.VAR_KEYWORD]
            return {**outer, **dict.fromkeys((name for name in rest if name in outer), named)}

    def _fitted(
        self, signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> inspect.BoundArguments:
        try:
            return signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None

    def _bound(self, function: Callable[..., Any]) -> list[Any]:
        """What is bound to the function, by partials or as its object: arguments, and no code."""
        found: list[Any] = []
        inner: Any = function
        while isinstance(inner, functools.partial | types.MethodType):
            if isinstance(inner, functools.partial):
                inner, args, kwargs = inner.func, inner.args, inner.keywords
            else:
                inner, args, kwargs = inner.__func__, (inner.__self__,), {}
            bound = inspect.signature(inner).bind_partial(*args, **kwargs).arguments
            found.append({name: value for name, value in bound.items() if name not in self._ignored})
        return found

    def _refusal(self, problem: str) -> UnhashableInputError:
        remedy = (
            "Pass ignore= with its name ('Class.name' of an attribute) if it changes no result, a key=, or a version=."
        )
        return UnhashableInputError(compose(f"{self.name} cannot be memoized: {problem}", remedy=remedy))

    def _unknown(self) -> InvalidConfigError:
        names = ", ".join(sorted(self._unmet))
        return InvalidConfigError(f"{self.name} has and reads no {names}, which ignore= names. Correct it.")
