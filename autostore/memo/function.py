"""A memoized function: what the decorator `store.cache` gives, for functions, methods and coroutines.

    key       the name, the code (or `version`), the arguments by name: a digest           arguments.py, content.py
    found     the result is read, and the function is not run
    missing   wait for the turn, look again, run, keep, give                                turns.py, results.py

An error is raised and not kept. What cannot be hashed is refused before anything is run.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import functools
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from autostore.holding.frames import has_ended, owning_frame
from autostore.memo.arguments import Recipe
from autostore.memo.durations import in_seconds
from autostore.memo.results import MISSING, MemoInfo, Memory
from autostore.memo.turns import Step, Turn
from autostore.parallel import in_thread, to_its_end

__all__ = ["AsyncMemoized", "Memoized"]

P = ParamSpec("P")
R = TypeVar("R")


class _Run:
    """One computation, which tasks and threads that it starts know of, also when it is over."""

    def __init__(self, claimed: str) -> None:
        self.claimed = claimed
        self._frame = owning_frame()
        self._is_over = False

    @property
    def goes_on(self) -> bool:
        """Whether it still computes; an interrupt may have kept it from `end`."""
        return not (self._is_over or has_ended(self._frame))

    def end(self) -> None:
        """It computes no more."""
        self._is_over, self._frame = True, None  # the frame refers to this


_computing: contextvars.ContextVar[frozenset[_Run]] = contextvars.ContextVar("_computing", default=frozenset())


def _under_way() -> frozenset[_Run]:
    return frozenset(run for run in _computing.get() if run.goes_on)


class Memoized(Generic[P, R]):
    """A function whose results are kept in a store; see `AutoStore.cache`."""

    def __init__(self, function: Callable[P, R], recipe: Recipe, memory: Memory) -> None:
        self._function = function
        self._recipe = recipe
        self._memory = memory
        self._first: tuple[Any, ...] = ()
        self._counts = _Counts()
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The kept result, or what the function gives, which is kept."""
        key = self.key(*args, **kwargs)
        found = self._memory.find(key)
        if found is not MISSING or self._memory.store.config.read_only:
            return self._given(found, key, args, kwargs)
        turn = Turn(self._memory.place, self._claimed(key))
        try:
            while (step := turn.here()) is not Step.COMPUTE or (step := turn.everywhere()) is not Step.COMPUTE:
                found = self._memory.find(key) if step is Step.LOOK else MISSING
                if found is not MISSING:
                    return self._given(found, key, args, kwargs)
                time.sleep(turn.pause())
            found = self._memory.find(key)
            return self._given(found, key, args, kwargs)
        finally:
            turn.end()

    def call(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function itself: nothing is looked up, and nothing kept."""
        result: R = self._run(args, kwargs)
        return result

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key of the result of these arguments in the store; no request.

        Raises:
            UnhashableInputError: names what cannot be hashed.
        """
        digest = self._recipe.digest(self._memory.encode, (*self._first, *args), kwargs)
        return f"{self._memory.prefix}{digest.hex()}"

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Remove the result of these arguments, so that the next call computes it; False where there is none."""
        return self._memory.forget(self.key(*args, **kwargs))

    def forget_all(self, *, older: float | timedelta | None = None) -> int:
        """Remove all results of the function, also those of older code; or those of so many seconds; how many."""
        return self._memory.forget_all(None if older is None else in_seconds("older", older, zero=True))

    def info(self) -> MemoInfo:
        """Hits and misses of this process, and what the store holds; one listing of the results."""
        results, size = self._memory.held()
        told = self._counts
        return MemoInfo(name=self._recipe.name, hits=told.hits, misses=told.misses, results=results, size=size)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Memoized[..., R]: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Memoized[..., R]:
        """The method of an instance, whose content is an argument."""
        if instance is None:
            return self
        bound = copy.copy(self)
        bound._first = (instance,)  # noqa: SLF001 - of the same class
        return bound

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __reduce__(self) -> str:
        return str(getattr(self, "__qualname__", self._recipe.name))  # found by name, as functions are

    def __repr__(self) -> str:
        return f"<memoized {self._recipe.name} in {self._memory.store!r}>"

    @property
    def _memoized_code(self) -> Any:
        """What other memoized functions that call this one depend on."""
        return self._recipe.code

    def _claimed(self, key: str) -> str:
        claimed = self._memory.root + key
        if any(run.claimed == claimed for run in _under_way()):
            raise RecursionError(f"{self._recipe.name} calls itself with the same arguments")
        return claimed

    def _computed(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        run = _Run(self._memory.root + key)
        token = _computing.set(_under_way() | {run})
        try:
            value = self._run(args, kwargs)
        finally:
            run.end()
            _computing.reset(token)
        self._counts.add(misses=1)
        return self._memory.keep(key, value)

    def _given(self, found: Any, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        result: R = self._hit(found) if found is not MISSING else self._computed(key, args, kwargs)
        return result

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function: Callable[..., Any] = self._function
        return function(*self._first, *args, **kwargs)

    def _hit(self, found: Any) -> Any:
        self._counts.add(hits=1)
        return found


class AsyncMemoized(Memoized[P, R]):
    """The same of a coroutine function; hashing, reading and writing happen in threads."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:  # type: ignore[override]
        """The kept result, or what the function gives, which is kept."""
        key = await in_thread(self.key, *args, **kwargs)
        found = await in_thread(self._memory.find, key)
        if found is not MISSING or self._memory.store.config.read_only:
            return self._hit(found) if found is not MISSING else await self._acomputed(key, args, kwargs)
        turn = Turn(self._memory.place, self._claimed(key))
        try:
            while (step := turn.here()) is not Step.COMPUTE or (
                step := await in_thread(turn.everywhere)
            ) is not Step.COMPUTE:
                found = await in_thread(self._memory.find, key) if step is Step.LOOK else MISSING
                if found is not MISSING:
                    return self._hit(found)
                await asyncio.sleep(turn.pause())
            found = await in_thread(self._memory.find, key)
            return self._hit(found) if found is not MISSING else await self._acomputed(key, args, kwargs)
        finally:
            await to_its_end(turn.end)

    async def _acomputed(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        run = _Run(self._memory.root + key)
        token = _computing.set(_under_way() | {run})
        try:
            value = await self._run(args, kwargs)
        finally:
            run.end()
            _computing.reset(token)
        self._counts.add(misses=1)
        return await to_its_end(self._memory.keep, key, value)


class _Counts:
    """Hits and misses of one process; a bound method counts for its function."""

    def __init__(self) -> None:
        self.hits = self.misses = 0
        self._lock = threading.Lock()

    def add(self, *, hits: int = 0, misses: int = 0) -> None:
        with self._lock:
            self.hits += hits
            self.misses += misses
