"""Work on many items at once, in order and in bounded memory."""

from __future__ import annotations

import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from autostore.errors import StorageError

__all__ = ["done_by", "in_order", "in_thread", "to_its_end"]

WIDEST = 32
"""How many calls of event loops are under way at once."""

Item = TypeVar("Item")
Result = TypeVar("Result")


ROOM = 256 << 20
"""Bytes of the files whose results wait for whoever takes them."""


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], width: int, *, size: Callable[[Item], int] | None = None
) -> Iterator[Result]:
    """`work(item)` for each item, in the order of `items`, at most `width` ahead of the consumer.

    With `size`, the bytes of an item, those ahead are `ROOM` together, or a single one, beside the next.
    The first failure is raised at its place; work in flight ends before the iterator does.
    """
    if width <= 1:
        for item in items:
            yield work(item)  # not by `map`, which would take work's own StopIteration for the end
        return
    waiting: deque[tuple[Future[Result], int]] = deque()
    failures: list[Exception] = []
    with ThreadPoolExecutor(max_workers=width, thread_name_prefix="autostore") as pool:
        try:
            for item in _until_one_fails(items, failures):
                of_it = size(item) if size is not None else 0
                waiting.append((done_by(pool, functools.partial(work, item), wait=True), of_it))
                del item  # it may be large, and who makes the next waits for room
                while len(waiting) > width or (len(waiting) > 1 and sum(its for _, its in waiting) > ROOM):
                    yield waiting.popleft()[0].result()
            while waiting:
                yield waiting.popleft()[0].result()
            for failure in failures:
                raise failure
        finally:
            for future, _ in waiting:
                future.cancel()


def _until_one_fails(items: Iterable[Item], failures: list[Exception]) -> Iterator[Item]:
    """The items, as far as they could be made; what failed then is raised behind what was made before it."""
    source = iter(items)
    while True:
        try:
            yield next(source)
        except StopIteration:
            return
        except Exception as error:
            failures.append(error)
            return


def done_by(pool: ThreadPoolExecutor, work: Callable[[], Result], *, wait: bool) -> Future[Result]:
    """The work in a thread of the pool; where none is to be had, `wait` says whether it is done here or not at all.

    None is to be had at the end of the process, once the pool was shut down, and where the system refuses threads.
    """
    task = _Task(work)
    try:
        pool.submit(task)
    except RuntimeError:
        # A pool keeps what it could not start a thread for, and another of its threads may have begun it.
        if wait:
            task()
        else:
            task.future.cancel()
    return task.future


class _Task(Generic[Result]):
    """Work that is done once, by whoever comes first."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self.future: Future[Result] = Future()
        self._left = [self.future]

    def __call__(self) -> None:
        try:
            future = self._left.pop()
        except IndexError:
            return  # somebody else does it
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self._work())
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise  # of the thread that it struck, as Ctrl-C in the caller's


_pools: dict[int, ThreadPoolExecutor] = {}


def _threads() -> ThreadPoolExecutor:
    """Threads of our own, so that nobody else's work keeps ours waiting; a forked child has others."""
    pool = _pools.get(os.getpid())
    return pool or _pools.setdefault(os.getpid(), ThreadPoolExecutor(WIDEST, thread_name_prefix="autostore-async"))


async def in_thread(work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """The work in a thread, beside an event loop; whoever is cancelled meanwhile waits until it is done, or undone.

    So no thread of a cancelled task goes on behind its back. Work that has not begun by then never does.
    """
    return await _awaited(_begun(work, *args, **kwargs), gives_up=True)


async def to_its_end(work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """The same of work that is done in any case."""
    return await _awaited(_begun(work, *args, **kwargs), gives_up=False)


def _begun(work: Callable[..., Result], *args: Any, **kwargs: Any) -> Future[Result]:
    import asyncio
    import contextvars

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # trio has a loop of its own
        raise StorageError("No event loop of asyncio runs here. Use the call without the `a`, in a thread.") from None
    return _threads().submit(functools.partial(contextvars.copy_context().run, work, *args, **kwargs))


async def _awaited(work: Future[Result], *, gives_up: bool) -> Result:
    import asyncio

    task = asyncio.wrap_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if gives_up and work.cancel():
            raise
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        with contextlib.suppress(Exception, asyncio.CancelledError):
            task.result()  # its failure is nobody's any more
        raise
