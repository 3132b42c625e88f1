"""With little of something, each operation works or says what there was too little of, and nothing stored is harmed."""

from collections import Counter

import pytest

from tests.reliability import diet
from tests.reliability.scale import SOAK, measured, scaled

MIB = 1 << 20
AMOUNTS = {
    "descriptors": ([0, 2, 5], list(range(40))),
    "memory": ([MIB, 20 * MIB], [n * MIB for n in (0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256)]),
    "file_size": ([0, 3000], [0, 1, 10, 100, 1000, 4096, 10_000, MIB, 20 * MIB]),
    "threads": ([0, 1], [0, 1, 2, 3, 4]),
}
"""What is left of each: for `make test`, and in full."""


@pytest.mark.parametrize("limit", AMOUNTS)
@pytest.mark.parametrize("place", ["local", "moto-cached"], indirect=True)
@pytest.mark.timeout(scaled(120, 4 * 3600))
def test_each_operation(nursery, place, limit, request):
    """Descriptors, memory, room on the disk or threads run out in the middle of an operation."""
    amounts = AMOUNTS[limit][SOAK]
    with measured(f"diet, {request.node.callspec.params['place']}: {limit}") as facts:
        said = nursery.start(diet.live, *place, limit, amounts).last_words(scaled(60, 600))
        facts.update(Counter(outcome for _, _, outcome in said))
    assert [words for words in said if " " in words[2]] == []
    assert len(said) == len(amounts) * len(diet.CALLS)
