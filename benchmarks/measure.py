"""Samples and what they say: medians, ratios of pairs, and the order of a round; pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

AGAIN = "autostore again (A/A)"
"""The same contestant in a second process: its ratio would be 1.00 without noise."""


@dataclass(frozen=True)
class Sample:
    """One run: wall and CPU seconds (children included), and bytes of memory above what the process held before."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Result:
    """One contestant in one step, compared with ours round by round.

    Attributes:
        speed: median over the rounds of its wall time divided by ours: 2.0 means that ours is twice as fast.
        cpu_ratio: median of our CPU divided by its.
        wall, cpu: medians, seconds.
        peak: median, bytes.
    """

    name: str
    speed: float
    cpu_ratio: float
    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Aim:
    """What a row should reach: `least` as the speed against one contestant; the A/A pair says how exact that is."""

    step: str
    against: str
    least: float


def compared(samples: dict[str, list[Sample]]) -> list[Result]:
    """Results in the order of the contestants; the first one is ours."""
    ours = next(iter(samples.values()))
    return [_result(name, theirs, ours) for name, theirs in samples.items()]


def _result(name: str, theirs: list[Sample], ours: list[Sample]) -> Result:
    pairs = list(zip(theirs, ours, strict=True))
    return Result(
        name=name,
        speed=median(their.wall / max(our.wall, 1e-9) for their, our in pairs),
        cpu_ratio=median(our.cpu / max(their.cpu, 1e-9) for their, our in pairs),
        wall=median(sample.wall for sample in theirs),
        cpu=median(sample.cpu for sample in theirs),
        peak=median(sample.peak for sample in theirs),
    )


def order(names: list[str], turn: int) -> list[str]:
    """Everyone once in each round; who begins changes, and so does the direction, so no one always follows another."""
    start = turn % len(names)
    turned = names[start:] + names[:start]
    return turned if turn % 2 == 0 else turned[::-1]


def reached(aim: Aim, results: list[Result]) -> bool | None:
    """Whether an aim is met; None where that contestant did not run."""
    found = [result.speed for result in results if result.name == aim.against]
    return found[0] >= aim.least if found else None
