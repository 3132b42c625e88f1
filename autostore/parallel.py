"""Work on many items at once, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], width: int) -> Iterator[Result]:
    """`work(item)` for each item, in the order of `items`, at most `width` ahead of the consumer.

    The first failure is raised at its place; work in flight ends before the iterator does.
    """
    if width <= 1:
        for item in items:
            yield work(item)  # not by `map`, which would take work's own StopIteration for the end
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=width, thread_name_prefix="autostore") as pool:
        try:
            for item in items:
                waiting.append(_submitted(pool, _Task(work, item)))
                if len(waiting) > width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Task(Generic[Item, Result]):
    """One item's work, done once, by whoever comes first."""

    def __init__(self, work: Callable[[Item], Result], item: Item) -> None:
        self._work = work
        self._left = [item]

    def __call__(self) -> Result:
        return self._work(self._left.pop())


def _submitted(pool: ThreadPoolExecutor, task: _Task[Item, Result]) -> Future[Result]:
    """The work in a thread; where there is none to be had, at the end of the process say, it is done here."""
    try:
        return pool.submit(task)
    except RuntimeError:
        future: Future[Result] = Future()
        try:
            future.set_result(task())
        except Exception as error:
            future.set_exception(error)
        return future
