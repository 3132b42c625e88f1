"""Compare-and-swap between processes: nothing is counted twice, nothing is lost."""

import pytest

from autostore import AutoStore
from tests.reliability.scale import measured, scaled

PROCESSES = 16
INCREMENTS = {"local": scaled(50, 500), "radosgw": scaled(4, 500)}


def increment(channel, uri, config, times):
    """Count upwards."""
    with AutoStore(uri, config) as store:
        for _ in range(times):
            store.modify("counter", lambda value: value + 1)
    channel.say("done")


@pytest.mark.parametrize("place", INCREMENTS, indirect=True)
@pytest.mark.timeout(scaled(300, 7200))
def test_sixteen_processes_count_exactly(place, nursery, request):
    """16 processes that increment one number by `modify` end at exactly their sum."""
    # Mutations that this was seen to catch: LocalFileBackend._expect ignores `if_etag`; on S3
    # put_if sends no condition.
    name = request.node.callspec.params["place"]
    uri, config = place
    times = INCREMENTS[name]
    with measured(f"compare-and-swap, {name}") as facts, AutoStore(uri, config) as store:
        store["counter"] = 0
        children = [nursery.start(increment, uri, config, times) for _ in range(PROCESSES)]
        assert [child.last_words(scaled(250, 7000)) for child in children] == [["done"]] * PROCESSES
        assert store["counter"] == PROCESSES * times
        facts["counted"] = PROCESSES * times
