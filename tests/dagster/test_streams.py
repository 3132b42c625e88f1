"""Partitions(): written and read one after another, in flat memory, and refused where they are not the run's."""

import gc
import weakref

import dagster as dg
import polars as pl
import pytest

from autostore_dagster import Partitions

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-03-01")
DAYS = days.get_partition_keys()
WHOLE = (DAYS[0], DAYS[-1])
MANY = dg.BackfillPolicy.single_run()


def streaming(values, name="daily"):
    """An asset that returns these pairs for its run."""

    @dg.asset(name=name, partitions_def=days, backfill_policy=MANY)
    def daily(context) -> Partitions:
        return Partitions(values(context.partition_keys))

    return daily


class Big:
    """A value that says whether it is alive."""

    alive: weakref.WeakSet = weakref.WeakSet()
    most = 0

    def __init__(self, day):
        self.day = day
        Big.alive.add(self)
        Big.most = max(Big.most, len(Big.alive))


@pytest.mark.filterwarnings("ignore::autostore.PickledWarning")
def test_flat_memory(local_rig):
    """However many partitions a run has, a few values are in memory, written and read."""
    daily = streaming(lambda keys: ((day, Big(day)) for day in keys))
    gc.disable()
    try:
        local_rig.run(daily, between=WHOLE)
        assert len(local_rig.stored()) == len(DAYS) == 60
        assert Big.most <= 10
    finally:
        gc.enable()
    seen = []

    @dg.asset
    def each(daily: Partitions) -> None:
        for day, value in daily:
            seen.append((day, value.day))

    local_rig.run(daily, each, select=[each])
    assert seen == [(day, day) for day in DAYS]


def test_frames_and_their_events(rig):
    """Each partition has its file and its own event; a run of one partition returns its stream too."""
    daily = streaming(lambda keys: ((day, pl.DataFrame({"x": range(int(day[-2:]))})) for day in reversed(keys)))
    metadata = rig.metadata(rig.run(daily, between=(DAYS[0], DAYS[4])), "daily")
    assert {day: metadata[day]["dagster/partition_row_count"] for day in DAYS[:5]} == dict(
        zip(DAYS[:5], range(1, 6), strict=True)
    )
    rig.run(daily, partition=DAYS[5])
    assert rig.load(daily, partition=DAYS[5]).height == 6
    assert rig.load(daily, pl.DataFrame, between=(DAYS[0], DAYS[5])).height == 21


WRONG = {
    "foreign": (lambda keys: [("2030-01-01", 1)], "2030-01-01.*not one of this run"),
    "twice": (lambda keys: [(keys[0], 1), (keys[0], 2)], "came twice"),
    "lacking": (lambda keys: [(keys[0], 1)], "lacks 1 of the 2"),
    "no pairs": (lambda keys: keys, "not a pair"),
    "numbers": (lambda keys: [1, 2], "yielded a int"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_the_run_s(local_rig, case):
    """What is not exactly the partitions of the run fails the step and says why."""
    values, said = WRONG[case]
    result = local_rig.run(streaming(values), between=DAYS[:2], expect=False)
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(str(failed.event_specific_data.error))


def test_an_asset_without_partitions(local_rig):
    """A stream from an asset without partitions is refused, with what to do."""

    @dg.asset
    def single() -> Partitions:
        return Partitions([("a", 1)])

    result = local_rig.run(single, expect=False)
    assert "partitions_def" in str(result.failure_data_for_node("single"))
    assert local_rig.stored() == []


def test_a_failure_on_the_way(local_rig):
    """The user's own exception passes, what was written before stays, and the next run writes the rest."""
    broken = [True]

    def values(keys):
        for index, day in enumerate(keys):
            if index == 20 and broken:
                raise ZeroDivisionError("my own")
            yield day, index

    daily = streaming(values)
    result = local_rig.run(daily, between=WHOLE, expect=False)
    assert "my own" in str(result.failure_data_for_node("daily"))
    assert [local_rig.store()[key] for key in local_rig.stored()] == list(range(20))
    broken.clear()
    local_rig.run(daily, between=WHOLE)
    assert len(local_rig.stored()) == 60


def test_a_unit_test_of_such_an_asset():
    """Called as a function it gives its pairs."""
    daily = streaming(lambda keys: ((day, day) for day in keys))
    with dg.build_asset_context(partition_key_range=dg.PartitionKeyRange(*DAYS[:2])) as context:
        assert dict(daily(context)) == {day: day for day in DAYS[:2]}


def test_missing_partitions_of_a_stream(local_rig):
    """A partition that is not stored fails where it is reached, or is left out where that is allowed."""
    daily = streaming(lambda keys: ((day, day) for day in keys))
    local_rig.run(daily, between=DAYS[1:3])
    assert dict(local_rig.load(daily, Partitions, metadata={"allow_missing_partitions": True})) == {
        day: day for day in DAYS[1:3]
    }
    with pytest.raises(FileNotFoundError, match=DAYS[0]):
        dict(local_rig.load(daily, Partitions))
