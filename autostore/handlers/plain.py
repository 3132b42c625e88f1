"""Which values are plain JSON, judged level by level at the speed of C, so that millions of elements cost little.

A judgement gives the first thing that JSON would not give back as it was, or how many nodes and levels there are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from itertools import chain
from math import isfinite
from typing import Any, NamedTuple

from autostore.words import an

__all__ = ["INT_BITS", "JSON", "MOST_REPEATED", "SURROGATE", "Plain", "Relative", "judge"]

INT_BITS = 2000
"""An int of more bits is beyond what some readers of JSON parse."""

MOST_REPEATED = 1_000_000
"""How many nodes the repeats of shared lists and dicts may add: JSON writes each of them out."""

SURROGATE = re.compile("[\ud800-\udfff]")
_LEAVES: frozenset[type] = frozenset({str, int, float, bool, type(None)})
_CONTAINERS = frozenset({dict, list})


class Relative(NamedTuple):
    """What a format of lists and dicts is called, and of what exact types its leaves and keys are."""

    word: str
    leaves: frozenset[type]
    keys: frozenset[type]


JSON = Relative("JSON", _LEAVES, frozenset({str}))


class Plain(NamedTuple):
    """What was found: why the value is not plain ("" where it is), its nodes, and its levels of nesting."""

    problem: str
    nodes: int = 0
    levels: int = 0


def judge(value: Any, most_levels: int, *, tagged: bool = False, relative: Relative = JSON) -> Plain:
    """Whether a list or dict is plain JSON, or a relative's; `tagged` asks also for what typed JSON writes plainly."""
    containers: list[Any] = [value]
    kinds = {type(value)}
    sharing = _Sharing()
    nodes = levels = 0
    while containers:
        levels += 1
        if levels > most_levels:
            return Plain(f"it is nested more than {most_levels} deep")
        nodes += len(containers)
        # Counted before the level is laid out, as a shared list of shared lists may have billions of elements.
        if sharing.is_too_much(containers):
            return Plain(f"the repeats of its shared parts add more than {MOST_REPEATED} nodes")
        dicts, lists = _of_kinds(containers, kinds, frozenset({dict})), _of_kinds(containers, kinds, frozenset({list}))
        problem = _of_keys(dicts, relative, tagged=tagged) if dicts else ""
        children = list(chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists)))
        kinds = set(map(type, children))
        problem = problem or _of_leaves(kinds, relative) or (_of_tags(children, kinds) if tagged else "")
        if problem:
            return Plain(problem)
        nodes += len(children)
        containers = _of_kinds(children, kinds, _CONTAINERS)
        kinds &= _CONTAINERS
        nodes -= len(containers)
    return Plain("", nodes, levels)


class _Sharing:
    """Counts the nodes that repeats of containers add; the ids stay those of one object, as the value lives on."""

    def __init__(self) -> None:
        self._levels: list[list[Any]] = []
        self._seen: set[int] = set()
        self._nodes = self._repeated = 0

    def is_too_much(self, containers: list[Any]) -> bool:
        self._levels.append(containers)
        self._nodes += len(containers) + sum(map(len, containers))
        if self._nodes <= MOST_REPEATED:
            return False  # so few in all, repeats or not, that none needs to be known
        for level in self._levels:
            self._count(level)
        self._levels.clear()
        return self._repeated > MOST_REPEATED

    def _count(self, containers: list[Any]) -> None:
        if len(containers) > 1 and max(map(sys.getrefcount, containers)) <= _ONE_PARENT:
            return
        for part in containers:
            if sys.getrefcount(part) > _ONE_PARENT:
                if id(part) in self._seen:
                    self._repeated += 1 + len(part)
                self._seen.add(id(part))


def _references() -> int:
    """What `getrefcount` says of an element of a level that one container holds, and nobody else."""
    parents: list[list[Any]] = [[[]], [[]]]
    level = list(chain.from_iterable(parents))
    return max(map(sys.getrefcount, level))


_ONE_PARENT = _references()


def _of_kinds(children: list[Any], kinds: set[type], wanted: frozenset[type]) -> list[Any]:
    if kinds <= wanted:
        return children
    return [child for child in children if type(child) in wanted] if kinds & wanted else []


def _of_keys(dicts: list[dict[Any, Any]], relative: Relative, *, tagged: bool) -> str:
    odd = set(map(type, chain.from_iterable(dicts))) - relative.keys
    if odd:
        names = " or ".join(sorted(kind.__qualname__ for kind in relative.keys))
        return f"{relative.word} keys are {names}, and one is {an(odd.pop().__qualname__)}"
    if tagged:
        keys = set(chain.from_iterable(dicts))
        if any(key.startswith("$") for key in keys) or _surrogates(keys):
            return "a key needs a tag"
    return ""


def _of_leaves(kinds: set[type], relative: Relative) -> str:
    odd = sorted(kind.__qualname__ for kind in kinds - relative.leaves - _CONTAINERS)
    return f"{relative.word} would not give {an(odd[0])} back as such" if odd else ""


def _of_tags(children: list[Any], kinds: set[type]) -> str:
    floats = _of_kinds(children, kinds, frozenset({float}))
    ints = _of_kinds(children, kinds, frozenset({int}))
    if not all(map(isfinite, floats)) or max(map(int.bit_length, ints), default=0) > INT_BITS:
        return "a number needs a tag"
    return "a text needs a tag" if _surrogates(_of_kinds(children, kinds, frozenset({str}))) else ""


def _surrogates(texts: Collection[str]) -> bool:
    return not all(map(str.isascii, texts)) and any(map(SURROGATE.search, texts))
