"""History in Dagster: each materialization says its version, and a run reads what was stored at a moment."""

import dataclasses
from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from autostore import AutoStore, InvalidConfigError, StorageFileNotFoundError
from autostore_dagster import AutoStoreIOManager, LocalStorageConfig
from autostore_dagster.replaying import AS_OF_TAG
from autostore_dagster.writing import _version

HISTORY = LocalStorageConfig(history=True)
DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])


class Number(dg.Config):
    """What the asset returns."""

    n: int = 1


@dg.asset
def number(config: Number) -> int:
    """A number of the run."""
    return config.n


@dg.asset
def double(number: int) -> int:
    """Made of it."""
    return 2 * number


@dg.asset(partitions_def=DAYS)
def by_day(context, config: Number) -> pl.DataFrame:
    """A day's."""
    return pl.DataFrame({"n": [config.n]})


@dg.asset
def total(by_day: pl.DataFrame) -> int:
    """Over all days."""
    return by_day["n"].sum()


@pytest.fixture
def keeping(tmp_path, instance):
    """Runs over a store with history."""

    def run(*assets, n=None, tags=None, manager=None, **how):
        select = [assets[-1]]
        config = None if n is None else {"ops": {assets[-1].op.name: {"config": {"n": n}}}}
        return dg.materialize(
            list(assets), selection=select, run_config=config, tags=tags, instance=instance,
            resources={"io_manager": manager or manage()}, raise_on_error=False, **how,
        )  # fmt: skip

    def manage(**more):
        return AutoStoreIOManager(uri=str(tmp_path / "store"), storage=HISTORY, retry_wait=0, **more)

    run.manage = manage
    return run


def value(keeping, key):
    with keeping.manage().open() as store:
        return store[key]


def version_of(result, name):
    (event,) = result.asset_materializations_for_node(name)
    return event.metadata["version"].value


def test_each_materialization_has_its_version(keeping):
    """The id reads that value from a plain store, also after it was replaced."""
    first, second = (version_of(keeping(number, n=n), "number") for n in (1, 2))
    assert first != second
    with keeping.manage().open() as store:
        assert store.read("number", version=first) == 1
        assert store.read("number", version=second) == 2
        assert [version.id for version in store.versions("number")] == [second, first]


def test_without_history_there_is_no_version(rig):
    """And nothing is asked for."""
    result = rig.run(number)
    assert "version" not in rig.metadata(result, "number")[None]


def test_a_run_reads_what_was_stored_at_a_moment(keeping):
    """By its tag, else by the manager's setting, else now; what the run computes itself is read as it is."""
    keeping(number, n=1)
    then = datetime.now(UTC).isoformat()
    keeping(number, n=10)
    assert keeping(number, double).success
    assert value(keeping, "double") == 20
    assert keeping(number, double, tags={AS_OF_TAG: then}).success
    assert value(keeping, "double") == 2
    assert keeping(number, double, manager=keeping.manage(as_of=then)).success
    assert value(keeping, "double") == 2
    now = datetime.now(UTC).isoformat()
    assert keeping(number, double, manager=keeping.manage(as_of=then), tags={AS_OF_TAG: now}).success
    assert value(keeping, "double") == 20


def test_what_a_run_computes_is_read_as_it_is(keeping, instance):
    """An asset that is materialized in the same run, and outputs of ops, have no past."""
    keeping(number, n=1)
    then = datetime.now(UTC).isoformat()
    result = dg.materialize(
        [number, double], run_config={"ops": {"number": {"config": {"n": 7}}}}, instance=instance,
        resources={"io_manager": keeping.manage(as_of=then)},
    )  # fmt: skip
    assert result.success
    assert value(keeping, "double") == 14


def test_a_fan_in_of_the_past(keeping):
    """Each partition as it was then, though all of them are stored now."""
    for day in ("mon", "tue"):
        keeping(by_day, n=1, partition_key=day)
    then = datetime.now(UTC).isoformat()
    keeping(by_day, n=100, partition_key="mon")
    assert keeping(by_day, total, tags={AS_OF_TAG: then}).success
    assert value(keeping, "total") == 2


def test_a_partition_that_was_deleted_since(keeping):
    """It is read as it was; one that came later is missing."""
    for day in ("mon", "tue"):
        keeping(by_day, n=1, partition_key=day)
    then = datetime.now(UTC).isoformat()
    keeping(by_day, n=100, partition_key="mon")
    with keeping.manage().open() as store:
        del store["by_day/partition=tue/data"]
    assert keeping(by_day, total, tags={AS_OF_TAG: then}).success
    assert value(keeping, "total") == 2
    early = keeping(by_day, total, tags={AS_OF_TAG: "2001-01-01T00:00:00+00:00"})
    assert not early.success


def test_many_partitions_that_had_another_format(keeping):
    """Where they lie now says nothing of where they lay."""
    many = dg.StaticPartitionsDefinition([str(number) for number in range(12)])

    @dg.asset(partitions_def=many)
    def counted() -> int:
        return 0

    @dg.asset
    def texts(counted: dict[str, str]) -> str:
        return "".join(counted[key] for key in sorted(counted, key=int))

    keys = {number: f"counted/partition={number}/data" for number in range(12)}
    with keeping.manage().open() as store:
        store.update({key: "ab"[number % 2] for number, key in keys.items()})
        then = datetime.now(UTC).isoformat()
        store.update(dict.fromkeys(keys.values(), 7))
    assert keeping(counted, texts, tags={AS_OF_TAG: then}).success
    assert value(keeping, "texts") == "ab" * 6


def test_a_version_is_that_of_the_file_that_was_written(keeping):
    """And none where the file is not among them."""
    with keeping.manage().open() as store:
        first = store.write("k", 1)
        store.write("k", 2)
        named = _version(store, "k", first)
        assert store.read("k", version=named) == 1
        assert _version(store, "k", dataclasses.replace(first, etag="another")) is None


def test_an_input_names_its_version(keeping):
    """Or its moment, in its own metadata."""
    first = version_of(keeping(number, n=1), "number")
    then = datetime.now(UTC).isoformat()
    keeping(number, n=5)
    for metadata in ({"version": first}, {"as_of": then}):

        @dg.asset(name="double", ins={"number": dg.AssetIn(metadata=metadata)})
        def pinned(number: int) -> int:
            return 2 * number

        assert keeping(number, pinned).success
        assert value(keeping, "double") == 2


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", ""])
def test_what_is_no_moment_is_refused(keeping, text):
    """When the manager is made, and before anything is read."""
    with pytest.raises(InvalidConfigError, match="offset"):
        keeping.manage(as_of=text)
    keeping(number, n=1)
    if text:
        result = keeping(number, double, tags={AS_OF_TAG: text})
        assert not result.success
        assert "offset" in str(result.all_events)


@pytest.mark.parametrize("moved_in", [False, True])
def test_an_unknown_version_is_not_found(keeping, moved_in, tmp_path):
    """And says so, in the words of the store; what another manager wrote before is not that version."""
    keeping(number, n=1)
    manager = keeping.manage(previous=str(tmp_path / "before") if moved_in else None)
    with AutoStore(tmp_path / "before") as before:
        before["number"] = 7

    @dg.asset(name="double", ins={"number": dg.AssetIn(metadata={"version": "123-abc"})})
    def pinned(number: int) -> int:
        return 2 * number

    result = keeping(number, pinned, manager=manager)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert StorageFileNotFoundError.__name__ in str(failure.event_specific_data.error)
