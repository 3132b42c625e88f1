"""Work on many items at once, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], width: int) -> Iterator[Result]:
    """`work(item)` for each item, in the order of `items`, at most `width` ahead of the consumer.

    The first failure is raised at its place; work in flight ends before the iterator does.
    """
    if width <= 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=width, thread_name_prefix="autostore") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > width:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
