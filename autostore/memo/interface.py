"""The decorator of a store, and the functions that it makes; what they need is loaded when one is made."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from autostore.memo.durations import in_seconds

if TYPE_CHECKING:
    from datetime import timedelta

    from autostore.memo.function import Memoized
    from autostore.memo.results import Memory

__all__ = ["MemoInterface"]

P = ParamSpec("P")
R = TypeVar("R")


class MemoInterface(ABC):
    """What a store memoizes."""

    @abstractmethod
    def _memory(self, name: str, expires: float | None) -> Memory:
        """Where the results of a function lie."""

    @overload
    def cache(self, function: Callable[P, R], /) -> Memoized[P, R]: ...
    @overload
    def cache(
        self,
        *,
        ignore: str | Iterable[str] = (),
        version: str | float | None = None,
        expires: float | timedelta | None = None,
        key: Callable[..., Any] | None = None,
    ) -> Callable[[Callable[P, R]], Memoized[P, R]]: ...
    def cache(  # type: ignore[misc] # the second overload has type variables of its own
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        ignore: str | Iterable[str] = (),
        version: str | float | None = None,
        expires: float | timedelta | None = None,
        key: Callable[..., Any] | None = None,
    ) -> Any:
        """Keep what a function gives, as files below `_cache/<function>/`; `@store.cache`, or with arguments.

        A result is found again by the function's code and the content of its arguments, in any process and on any
        machine. The code is the bytecode of the function and of all of your own that it calls, with constants,
        defaults and closures; of a library it is the version, so whatever changes there computes anew. Arguments count
        by value and type (1, 1.0 and True are three), as defaults fill them in; frames, arrays and tensors by their
        bytes, models and objects of your own classes by fields and methods. What the function reads elsewhere (files,
        databases, the time) is not seen: pass it. One process at a time computes a result, the others wait for it; an
        error is raised and not kept.

        The function has `call` (run it anyhow), `key` (of a result in the store), `forget`, `forget_all` and `info`
        (hits and misses). A call that finds its result costs hashing the arguments, and a read; one that does not a
        read, a claim, another read and a write more. `async def` functions are awaited as before.

        Args:
            function: a function or method, not a generator.
            ignore: parameters that change no result, and names that the code reads, such as a connection.
            version: stands for the code, which then is not looked at.
            expires: seconds (or a timedelta) after which a result is computed anew.
            key: a function of the same arguments that gives what stands for them.

        Raises:
            UnhashableInputError: by a call: an argument, or what the code reads, cannot be hashed; nothing was run.
        """
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001 - whose package is no library here
        seconds = None if expires is None else in_seconds("expires", expires)

        def memoized(function: Callable[..., Any]) -> Any:
            from autostore.memo.making import make

            return make(function, self._memory, seconds, ignore=ignore, version=version, key=key, caller=caller)

        return memoized if function is None else memoized(function)
