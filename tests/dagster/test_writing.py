"""Writing: atomic, in the format that was asked for, partition by partition, and retried without computing again."""

import hashlib
from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest

import autostore
from autostore import AutoStore, LocalFileBackend, StorageConnectionError

days = dg.DailyPartitionsDefinition("2013-01-01", end_date="2013-01-04")
DAYS = days.get_partition_keys()
WHOLE = (DAYS[0], DAYS[-1])
not_in_the_oldest = pytest.mark.skipif(dg.__version__ == "1.13.0", reason="Dagster 1.13.0 takes no such annotation")


def by_day(values, policy=True, name="daily", annotation=Any):
    """An asset that returns these values for a run of several days."""

    @dg.asset(name=name, partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run() if policy else None)
    def daily() -> annotation:
        return values

    return daily


def test_a_dict_is_written_by_partition(rig):
    """One run over a range stores each partition under its own key."""
    rig.run(by_day({day: index for index, day in enumerate(DAYS)}), between=WHOLE)
    assert {key: rig.store()[key] for key in rig.stored()} == {f"daily/date={d}/data": i for i, d in enumerate(DAYS)}


def test_a_range_of_one(rig):
    """An asset that returns its dict for a run of one day stores the day's value."""
    daily = by_day({DAYS[1]: 5})
    rig.run(daily, between=(DAYS[1], DAYS[1]))
    assert rig.load(daily, partition=DAYS[1]) == 5


MAY_BE_MAPPING = pytest.param(Mapping[str, int] | None, marks=not_in_the_oldest)


@pytest.mark.parametrize("annotation", [dict[str, int], dict[str, int] | None, MAY_BE_MAPPING])
@pytest.mark.parametrize("values", [{}, {DAYS[2]: 1}, {DAYS[1]: 1, DAYS[2]: 1}])
def test_a_range_of_one_that_is_wrong(rig, annotation, values):
    """A dict of other days, from an asset that says it returns a dict by day, does not become the day's value."""
    rig.run(by_day({DAYS[1]: 5}, annotation=annotation), partition=DAYS[1])
    result = rig.run(by_day(values, annotation=annotation), partition=DAYS[1], expect=False)
    assert "Nothing was written" in str(result.all_events)
    assert {key: rig.store()[key] for key in rig.stored()} == {f"daily/date={DAYS[1]}/data": 5}


@pytest.mark.parametrize("annotation", [Any, dict, dict[str, Any]])
def test_a_range_of_one_that_may_be_a_dict(local_rig, annotation):
    """Where the annotation does not say what the dict is of, a dict with other keys is the day's value."""
    local_rig.run(by_day({"x": 1}, annotation=annotation), partition=DAYS[1])
    assert local_rig.load(by_day({}), partition=DAYS[1]) == {"x": 1}


def test_a_dict_that_happens_to_have_that_key(rig):
    """An asset of one partition a run stores its dict as it is, whatever its keys."""
    daily = by_day({DAYS[1]: 5}, policy=False)
    rig.run(daily, partition=DAYS[1])
    assert rig.load(daily, partition=DAYS[1]) == {DAYS[1]: 5}


@pytest.mark.parametrize("values", [{DAYS[0]: 1}, {**dict.fromkeys(DAYS, 1), "2014-01-01": 1}, 5, [1, 2, 3]])
def test_what_is_not_by_partition_is_refused(rig, values):
    """A missing or foreign partition, or no dict at all, writes nothing."""
    daily = by_day(dict.fromkeys(DAYS, "old"))
    rig.run(daily, between=WHOLE)
    result = rig.run(by_day(values), between=WHOLE, expect=False)
    assert "Nothing was written" in str(result.all_events)
    assert [rig.store()[key] for key in rig.stored()] == ["old"] * 3


def test_each_partition_has_its_own_metadata(rig):
    """The event of each partition speaks of its own file."""
    frames = {day: pl.DataFrame({"x": range(index + 1)}) for index, day in enumerate(DAYS)}
    metadata = rig.metadata(rig.run(by_day(frames), between=WHOLE), "daily")
    assert [metadata[day]["dagster/partition_row_count"] for day in DAYS] == [1, 2, 3]
    assert [metadata[day]["key"] for day in DAYS] == rig.stored()
    assert all(day in metadata[day]["uri"] for day in DAYS)


@pytest.mark.parametrize("extension", ["csv", ".csv"])
def test_the_format_of_an_asset(rig, extension):
    """The asset's metadata chooses the format."""

    @dg.asset(metadata={"autostore/format": extension})
    def table() -> pl.DataFrame:
        return pl.DataFrame({"x": [1, 2]})

    rig.run(table)
    assert list(rig.store().list_files()) == ["table.csv"]
    assert rig.load(table)["x"].to_list() == [1, 2]


def test_the_format_of_one_output(rig):
    """What a step says of its output goes before what the asset says; it was passed over in silence."""

    @dg.asset(metadata={"autostore/format": "parquet"})
    def table():
        return dg.Output(pl.DataFrame({"x": [1]}), metadata={"autostore/format": "csv"})

    rig.run(table)
    assert rig.store().get_metadata("table").path == "table.csv"


@pytest.mark.parametrize(
    "metadata", [{"autostore/format": "xyz"}, {"autostore/fromat": "csv"}, {"autostore/previews": "no"}]
)
def test_unknown_options_are_refused(rig, metadata):
    """A format that does not exist, or a misspelt option, fails the step with its name."""

    @dg.asset(metadata=metadata)
    def table() -> pl.DataFrame:
        return pl.DataFrame({"x": [1, 2]})

    result = rig.run(table, expect=False)
    assert next(iter(metadata.values())) in str(result.all_events)
    assert rig.stored() == []


def test_the_format_may_not_hold_the_value(rig):
    """A value that the asset's format cannot hold is refused, and the old one stays."""
    values = [{"a": 1}, {"a": (1, 2)}]

    @dg.asset(metadata={"autostore/format": "json"})
    def document() -> Any:
        return values.pop(0)

    rig.run(document)
    rig.run(document, expect=False)
    assert rig.load(document) == {"a": 1}


def test_a_none_has_a_format_of_its_own(rig):
    """The asset's format is for its values; a None is stored as a None."""

    @dg.asset(metadata={"autostore/format": "csv"})
    def table() -> pl.DataFrame | None:
        return None

    rig.run(table)
    assert list(rig.store().list_files()) == ["table.json"]
    assert rig.load(table, pl.DataFrame | None) is None


def test_another_type_leaves_no_sibling(rig):
    """An asset that returns another type today leaves nothing of yesterday's file."""
    values = [{"a": 1}, pl.DataFrame({"x": [1]}), None, "text"]

    @dg.asset
    def changing() -> Any:
        return values.pop(0)

    for suffix in ("json", "parquet", "json", "txt"):
        rig.run(changing)
        assert list(rig.store().list_files()) == [f"changing.{suffix}"]


def test_nothing_is_stored_for_nothing(rig):
    """`-> None` never calls the manager; an Optional None is stored."""

    @dg.asset
    def nothing() -> None:
        return None

    @dg.asset
    def maybe() -> int | None:
        return None

    rig.run(nothing, maybe)
    assert rig.stored() == ["maybe"]
    assert rig.load(maybe, int | None) is None


class Flaky(LocalFileBackend):
    """A folder behind a bad line: its first transfers fail, as many as `failures` says."""

    failures = 0

    def _line(self):
        if Flaky.failures:
            Flaky.failures -= 1
            raise StorageConnectionError("The line is down. Try again.")

    def upload(self, *args, **kwargs):
        """Fails, or uploads."""
        self._line()
        return super().upload(*args, **kwargs)

    def local_file(self, *args, **kwargs):
        """Fails, or opens."""
        self._line()
        return super().local_file(*args, **kwargs)

    def find(self, *args, **kwargs):
        """Fails, or finds."""
        self._line()
        return super().find(*args, **kwargs)


@pytest.fixture
def flaky(tmp_path, local_rig):
    """A rig whose store is reached over the bad line."""
    AutoStore.register_backend("flaky", Flaky)
    local_rig.uri = f"flaky://{tmp_path}/store"
    local_rig.manager = local_rig.manage(retries=3)
    yield local_rig
    Flaky.failures = 0
    AutoStore.unregister_backend("flaky")


def test_a_failed_transfer_is_repeated_here(flaky):
    """A write that fails twice is written without computing the step again; a read alike."""
    computed = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=3))
    def expensive() -> int:
        computed.append(1)
        Flaky.failures = 2
        return 5

    flaky.run(expensive)
    assert computed == [1]
    Flaky.failures = 3
    assert flaky.load(expensive) == 5


def test_retries_end(flaky):
    """A place that stays away fails the step with the store's own error."""

    @dg.asset
    def one() -> int:
        Flaky.failures = 99
        return 5

    result = flaky.run(one, expect=False)
    assert "The line is down" in str(result.failure_data_for_node("one"))
    assert Flaky.failures == 99 - 4


class Capsule:
    """Another library's stream."""

    def __init__(self, reader):
        self._reader = reader

    def __arrow_c_stream__(self, schema=None):
        return self._reader.__arrow_c_stream__(schema)


@pytest.mark.parametrize("kind", ["reader", "stream"])
def test_what_is_given_once_is_not_written_without_its_beginning(flaky, kind):
    """A table that is gone through while it is written is not tried again with what a failed attempt left of it."""
    frames, computed = [pl.DataFrame({"n": [n]}) for n in range(3)], []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1), metadata={"autostore/format": "parquet"})
    def table() -> Any:
        computed.append(1)
        Flaky.failures = 1 if len(computed) == 1 else 0
        reader = pa.RecordBatchReader.from_batches(
            pl.concat(frames).to_arrow().schema, pl.concat(frames).to_arrow().to_batches()
        )
        return {"reader": reader, "stream": Capsule(reader)}[kind]

    flaky.run(table)
    assert flaky.load(table, pl.DataFrame)["n"].to_list() == [0, 1, 2]
    assert computed == [1, 1]


def test_other_errors_are_not_repeated(flaky):
    """What would fail again is not tried again."""

    @dg.asset(metadata={"autostore/format": "json"})
    def one() -> Any:
        return {1: 2}

    Flaky.failures = 0
    result = flaky.run(one, expect=False)
    assert autostore.UnsupportedFormatError.__name__ in str(result.failure_data_for_node("one"))


@pytest.mark.parametrize("how", ["manager", "asset"])
def test_the_data_version(rig, how):
    """Asked for, the version changes with the content and only then; the user's own wins."""
    values = [{"a": 1}, {"a": 1}, {"a": 2}]
    if how == "manager":
        rig.manager = rig.manage(data_version=True)

    @dg.asset(metadata={"autostore/data_version": True} if how == "asset" else None)
    def document() -> Any:
        return values.pop(0)

    @dg.asset
    def own():
        return dg.Output(1, data_version=dg.DataVersion("mine"))

    versions = []
    for _ in range(3):
        event = rig.run(document).asset_materializations_for_node("document")[0]
        versions.append(event.tags["dagster/data_version"])
    assert versions[0] == versions[1] != versions[2]
    assert rig.run(own).asset_materializations_for_node("own")[0].tags["dagster/data_version"] == "mine"


def test_the_data_version_is_read_over_a_bad_line(flaky, monkeypatch):
    """A connection that is lost while the version is made is tried again, without computing the step again."""
    computed, upload = [], Flaky.upload

    def upload_and_fail(self, *args, **kwargs):
        written = upload(self, *args, **kwargs)
        Flaky.failures = 2
        return written

    monkeypatch.setattr(Flaky, "upload", upload_and_fail)

    @dg.asset(metadata={"autostore/data_version": True}, retry_policy=dg.RetryPolicy(max_retries=3))
    def expensive() -> int:
        computed.append(1)
        return 5

    event = flaky.run(expensive).asset_materializations_for_node("expensive")[0]
    assert computed == [1]
    stored = flaky.store().read("expensive", as_type=bytes)
    assert event.tags["dagster/data_version"] == hashlib.sha256(stored).hexdigest()
