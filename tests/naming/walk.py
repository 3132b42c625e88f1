"""Walks through every interleaving of a few clients that are written as generators.

A client yields an atomic step (a tuple), is sent its result, and returns when it is done. What it
knows is a function of the results that it saw, so it is brought back by replaying them, and a state of the
whole is the place, each client's results, and who has crashed.
"""

from collections.abc import Callable, Generator, Hashable, Iterator
from typing import Any

Client = Callable[[], Generator[tuple, Any, Any]]
Apply = Callable[[Any, tuple, int, frozenset[int]], Iterator[tuple[Any, Hashable]]]
"""Place, step, client, who still runs -> each (place, result) that may come of it; none: the client waits."""


class Violation(AssertionError):
    """The protocol broke a law; the message tells how it came to it."""


def walk(place: Hashable, apply: Apply, check: Callable[[Any], str | None], clients: list[Client], crashes: int) -> int:
    """Look at every state that can be reached; returns how many there are."""
    first = (place, ((),) * len(clients), frozenset(), crashes)
    todo, came_from, ends = [first], {first: None}, {}

    def next_step(number: int, seen: tuple) -> tuple | None:
        if (number, seen) not in ends:
            ends[number, seen] = _replayed(clients[number], seen)
        return ends[number, seen]

    while todo:
        state = todo.pop()
        place, seen, dead, left = state
        steps = {n: next_step(n, seen[n]) for n in range(len(clients)) if n not in dead}
        running = frozenset(n for n, step in steps.items() if step is not None)
        followers = []
        for n in running:
            for after, result in apply(place, steps[n], n, running):
                grown = (*seen[:n], (*seen[n], result), *seen[n + 1 :])
                followers.append(((after, grown, dead, left), (n, steps[n], result)))
        if running and not followers:
            raise Violation("they wait for each other" + _told(state, came_from))
        followers += [((place, seen, dead | {n}, left - 1), (n, "crash", "")) for n in running if left and seen[n]]
        for following, how in followers:
            if following not in came_from:
                came_from[following] = (state, how)
                broken = check(following[0])
                if broken:
                    raise Violation(broken + _told(following, came_from))
                todo.append(following)
    return len(came_from)


def _replayed(client: Client, seen: tuple) -> tuple | None:
    running = client()
    try:
        step = next(running)
        for result in seen:
            step = running.send(result)
    except StopIteration:
        return None
    return step


def _told(state: Any, came_from: dict) -> str:
    lines = []
    while came_from[state]:
        state, (number, step, result) = came_from[state]
        lines.append(f"  client {number}: {step} -> {result}")
    return "\n".join(["", *reversed(lines)])
