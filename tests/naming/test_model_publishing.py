"""The model of the publishing protocol holds, and each way to weaken it is noticed."""

import dataclasses

import pytest

from tests.naming.model_publishing import CLAIM, Process, Protocol, Violation, explore, scenarios

SCENARIOS = [scenario for scenario in scenarios() if "three" not in scenario[0] and "reader" not in scenario[0]]
ONE_FILE = {"json": ("old", 1)}
TWO_FILES = {"json": ("older", 1), "npy": ("old", 2)}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario[0])
def test_no_interleaving_breaks_a_law(scenario):
    """Whatever the order and the crash, the key reads, and no acknowledged value is lost."""
    _, files, processes, crashes = scenario
    assert explore(Protocol(), files, processes, crashes) > 20


def test_three_writers_and_a_reader():
    """Three writers of one key, and two with a reader, break nothing either."""
    writers = [Process(f"w{n}", "write", format) for n, format in enumerate(["npy", "txt", "json"])]
    assert explore(Protocol(), ONE_FILE, writers, crashes=1) > 10_000
    assert explore(Protocol(), ONE_FILE, [*writers[1:], Process("r", "read")], crashes=1) > 1_000


def test_two_writers_and_a_swapper():
    """Nor does one who changes the value that he read, while two change its format."""
    writers = [Process("w0", "write", "npy"), Process("w1", "write", "txt")]
    assert explore(Protocol(), ONE_FILE, [*writers, Process("s", "swap")], crashes=1) > 10_000


class WithoutClaim(Protocol):
    """Removes other formats' files without being the only one that does."""

    def write_claim(self, files, p, world):
        return files, dataclasses.replace(p, step="list")

    def may_delete(self, files, p):
        return True

    def write_release(self, files, p, world):
        return files, dataclasses.replace(p, step="done")


class RemovesFirst(Protocol):
    """Removes the old file before the new one is there."""

    def write_start(self, files, p, world):
        for other in [f for f in files if f not in (CLAIM, p.format)]:
            del files[other]
        return files, dataclasses.replace(p, step="put")


class KeepsTheOldMark(Protocol):
    """Publishes with the mark of its own clock only."""

    def write_put(self, files, p, world):
        files, p = super().write_put(files, p, world)
        files[p.format] = (p.name, world.clock + p.skew)
        return files, p


class SwapsWithAFreshMark(Protocol):
    """Gives a conditional write a later mark than that of a writer who published in between."""

    def swap_time(self, world, p, seen):
        return max(world.clock + p.skew, seen + 1)


@pytest.mark.parametrize(
    ("broken", "files", "processes"),
    [
        (WithoutClaim(), ONE_FILE, [Process("w0", "write", "npy"), Process("w1", "write", "json")]),
        (RemovesFirst(), ONE_FILE, [Process("w0", "write", "npy")]),
        (KeepsTheOldMark(), TWO_FILES, [Process("w0", "write", "npy", skew=-50), Process("r", "read")]),
        (SwapsWithAFreshMark(), ONE_FILE, [Process("w0", "write", "npy"), Process("s", "swap")]),
    ],
    ids=lambda case: type(case).__name__,
)
def test_a_weaker_protocol_is_noticed(broken, files, processes):
    """Without any one of its steps the protocol loses a value, and the walk finds it."""
    with pytest.raises(Violation):
        explore(broken, files, processes, crashes=1)
