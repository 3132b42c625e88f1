"""How ranges are cut and joined: pure decisions about requests and memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from autostore.pieces.ranges import Span

__all__ = ["WINDOW", "joined", "windows"]

WINDOW = 16 << 20
"""Bytes of a window, as they are stored: two are in memory, one that is decoded and the next."""

GAP = 1 << 20
"""Bytes between two ranges that may be brought along, rather than asking twice."""

WASTE = 8
"""All of them together at most one part in so many of what is wanted,"""

SPARED = 256 << 10
"""or so many bytes."""

NEAR = 4 << 10
"""Bytes of a gap that is always brought along: the headers of another request are hardly fewer."""

LONGEST = 8 << 20
"""Bytes up to which ranges become one, so that several connections share a window."""


def windows(groups: Iterable[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Runs of neighbouring groups of about `WINDOW` bytes, each of at least one group."""
    run: list[int] = []
    size = 0
    for group in groups:
        if run and (group != run[-1] + 1 or size + sizes[group] > WINDOW):
            yield run
            run, size = [], 0
        run.append(group)
        size += sizes[group]
    if run:
        yield run


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same ranges in fewer requests: those become one between which the least is brought in vain."""
    ordered = sorted(span for span in spans if span[0] < span[1])
    most = _longest_gap(ordered)
    found: list[Span] = []
    for start, stop in ordered:
        if found and start - found[-1][1] <= most and max(stop, found[-1][1]) - found[-1][0] <= LONGEST:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def _longest_gap(ordered: Sequence[Span]) -> int:
    """The gaps up to this one are worth a request each."""
    allowed = max(SPARED, sum(stop - start for start, stop in ordered) // WASTE)
    longest = NEAR
    for gap in sorted(later[0] - span[1] for span, later in itertools.pairwise(ordered)):
        if gap <= NEAR:
            continue
        allowed -= max(gap, 0)
        if gap > GAP or allowed < 0:
            break
        longest = max(longest, gap)
    return longest
