"""Stored checks: what they say of values that are gone, of another type, too short, too old or of other columns."""

from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from autostore import AutoStore, InvalidConfigError, LocalFileBackend
from autostore_dagster import AutoStoreIOManager, build_stored_checks

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
DAYS = days.get_partition_keys()
ALL = {"min_rows": 2, "fresh_within": timedelta(hours=1), "schema_unchanged": True}


@dg.asset
def table() -> pl.DataFrame:
    """Three rows."""
    return pl.DataFrame({"x": [1, 2, 3]})


@dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def daily(context) -> dict[str, pl.DataFrame]:
    """Two rows a day."""
    return {day: pl.DataFrame({"x": [1, 2]}) for day in context.partition_keys}


@dg.asset
def names() -> list[str]:
    """Two names."""
    return ["a", "b"]


@dg.asset
def nothing() -> None:
    """Nothing at all."""


def checked(rig, *assets, checks=None, only=False, **run):
    """What the checks of these assets say, alone or beside them: name -> text, empty where passed."""
    checks = checks or build_stored_checks(assets, **ALL)
    select = dg.AssetSelection.checks(*checks) if only else None
    result = rig.run(*assets, *checks, select=select, **run)
    return {each.check_name: "" if each.passed else each.description for each in result.get_asset_check_evaluations()}


NAMES = ["stored", "readable", "row_count", "fresh", "schema_unchanged"]


@pytest.mark.parametrize("asset", [table, names])
def test_all_is_well(local_rig, asset):
    """Beside the asset, and in a run of their own, all pass; assets that store nothing have none."""
    assert checked(local_rig, asset) == dict.fromkeys(NAMES, "")
    assert checked(local_rig, asset, only=True) == dict.fromkeys(NAMES, "")
    assert build_stored_checks([nothing], **ALL) == []
    assert [spec.name for checks in build_stored_checks([table], readable=False) for spec in checks.check_specs] == [
        "stored"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"min_rows": "3"}, {"min_rows": -1}, {"max_rows": True}, {"min_rows": 3, "max_rows": 2}),
        *({"fresh_within": 3}, {"assets": table}, {"assets": "table"}, {"assets": [dg.AssetKey("table")]}),
    ],
    ids=["text", "negative", "bool", "swapped", "number of seconds", "one", "name", "key"],
)
def test_what_cannot_be_checked_is_refused_where_it_is_asked(wrong):
    """Not in each run, as a check that never passes."""
    with pytest.raises(InvalidConfigError, match=r"Pass|Swap"):
        build_stored_checks(**{"assets": [table], **wrong})


SPOILT = {
    "gone": (None, {"stored", "readable", "row_count", "fresh"}),
    "no table": ({"x": 1}, {"readable", "row_count"}),
    "short": (pl.DataFrame({"x": [1]}), {"row_count"}),
    "another type": (pl.DataFrame({"x": ["a", "b"]}), {"schema_unchanged"}),
    "another name": (pl.DataFrame({"y": [1, 2]}), {"schema_unchanged"}),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_was_spoilt_is_named(local_rig, case):
    """What somebody else did to the file since it was materialized fails the checks that it concerns, and no other."""
    value, wanted = SPOILT[case]
    local_rig.run(table)
    if value is None:
        del local_rig.store()["table"]
    else:
        local_rig.store()["table"] = value
    said = checked(local_rig, table, only=True)
    assert {name for name, text in said.items() if text} == wanted
    if case == "another type":
        assert said["schema_unchanged"] == "column 'x' was Int64 and is String"


@pytest.mark.parametrize("how", ["manager", "asset"])
def test_columns_that_nobody_told(local_rig, how):
    """Where previews are off it is not known what changed, which is a warning and never a pass."""
    columns = ["x"]

    @dg.asset(metadata={"autostore/previews": False} if how == "asset" else {})
    def hidden() -> pl.DataFrame:
        return pl.DataFrame({name: [1, 2] for name in columns})

    checks = build_stored_checks([hidden], schema_unchanged=True)
    assert checked(local_rig, hidden, checks=checks, only=True)["schema_unchanged"] == ""
    if how == "manager":
        local_rig.manager = local_rig.manage(previews=False)
    local_rig.run(hidden)
    columns[:] = ["y"]
    result = local_rig.run(hidden, *checks)
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "schema_unchanged"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "previews of this asset are off" in found.description


def test_columns_that_the_asset_tells_itself(local_rig):
    """What an asset calls the types of its columns is no change, and one of the stored table is still found."""
    kinds = [[1, 2]]

    @dg.asset
    def told(context) -> pl.DataFrame:
        context.add_output_metadata({"dagster/column_schema": dg.TableSchema([dg.TableColumn("x", type="number")])})
        return pl.DataFrame({"x": kinds[-1]})

    assert checked(local_rig, told)["schema_unchanged"] == ""
    assert checked(local_rig, told)["schema_unchanged"] == ""
    kinds.append(["a", "b"])
    assert checked(local_rig, told)["schema_unchanged"] == "column 'x' was Int64 and is String"


def test_old_files_are_not_fresh(local_rig):
    """A file is as old as its modification time."""
    local_rig.run(table)
    checks = build_stored_checks([table], fresh_within=timedelta(0))
    assert "youngest file" in checked(local_rig, table, checks=checks, only=True)["fresh"]


def test_partitions(local_rig):
    """A run of some partitions checks these, any other all that were materialized, and each is named."""
    assert checked(local_rig, daily, only=True)["stored"] == "no partition was materialized"
    local_rig.run(daily, between=(DAYS[0], DAYS[1]))
    assert checked(local_rig, daily, only=True) == dict.fromkeys(NAMES, "")
    del local_rig.store()[f"daily/date={DAYS[1]}/data"]
    assert checked(local_rig, daily, only=True)["stored"] == f"{DAYS[1]}: nothing is stored"
    assert checked(local_rig, daily, partition=DAYS[2]) == dict.fromkeys(NAMES, "")
    local_rig.store()[f"daily/date={DAYS[1]}/data"] = pl.DataFrame({"x": ["a", "b"]})
    assert checked(local_rig, daily, only=True)["schema_unchanged"].startswith(f"{DAYS[1]}: column 'x'")


class Counting(LocalFileBackend):
    """A folder that counts how often a file of it is opened or sent."""

    read = 0

    def local_file(self, *args, **kwargs):
        """Counted."""
        Counting.read += 1
        return super().local_file(*args, **kwargs)

    def download(self, *args, **kwargs):
        """Counted."""
        Counting.read += 1
        return super().download(*args, **kwargs)


def test_no_value_is_read_to_see_that_it_is_there(local_rig, tmp_path):
    """`stored` and `fresh` ask for the file only."""
    AutoStore.register_backend("counting", Counting)
    try:
        local_rig.manager = AutoStoreIOManager(uri=f"counting://{tmp_path}/store")
        local_rig.run(names)
        Counting.read = 0
        checks = build_stored_checks([names], readable=False, fresh_within=timedelta(hours=1))
        assert checked(local_rig, names, checks=checks, only=True) == {"stored": "", "fresh": ""}
        assert Counting.read == 0
        assert checked(local_rig, names, only=True) == dict.fromkeys(NAMES, "")
        assert Counting.read > 0
    finally:
        AutoStore.unregister_backend("counting")


def test_other_managers(local_rig):
    """Assets of another manager's key have no checks; a resource that is no such manager is refused by name."""

    @dg.asset(io_manager_key="other")
    def elsewhere() -> int:
        return 1

    assert build_stored_checks([elsewhere]) == []
    (checks,) = build_stored_checks([elsewhere], io_manager_key="other")
    result = local_rig.run(elsewhere, checks, other=dg.mem_io_manager, expect=False)
    assert "build_stored_checks" in str([event.event_specific_data for event in result.all_events if event.is_failure])


@pytest.mark.parametrize("kind", ["spec", "source", "observable"])
def test_files_of_others(local_rig, kind):
    """External assets are checked by their key, whatever type lies there."""

    @dg.observable_source_asset(io_manager_key="io_manager", name="outside")
    def outside():
        return dg.DataVersion("1")

    spec = dg.AssetSpec("outside")
    asset = {"spec": spec, "source": dg.SourceAsset("outside"), "observable": outside}[kind]
    checks = build_stored_checks([asset])
    assert "nothing is stored" in checked(local_rig, asset, checks=checks, only=True)["stored"]
    local_rig.store()["outside"] = {"a": 1}
    assert checked(local_rig, asset, checks=checks, only=True) == {"stored": "", "readable": ""}


def test_optional_tables(local_rig):
    """A stored None is readable where the annotation allows it."""

    @dg.asset
    def maybe() -> pl.DataFrame | None:
        return None

    @dg.asset
    def anything() -> Any:
        return {"a": 1}

    assert checked(local_rig, maybe, checks=build_stored_checks([maybe])) == {"stored": "", "readable": ""}
    assert checked(local_rig, anything, checks=build_stored_checks([anything])) == {"stored": "", "readable": ""}


def test_rows_of_no_partition_are_not_as_they_should_be(local_rig):
    """It was said that 0 values are."""
    checks = build_stored_checks([daily], min_rows=1)
    assert checked(local_rig, daily, checks=checks, only=True)["row_count"] == "no partition was materialized"


def test_the_checks_of_an_asset_do_not_get_the_name_of_another(local_rig):
    """Of `raw` and `stored_raw` one op had the name of the other, and no run of both could begin."""

    @dg.asset
    def raw() -> list[int]:
        return [1, 1]

    @dg.asset
    def stored_raw() -> list[int]:
        return [2, 2]

    assert set(checked(local_rig, raw, stored_raw).values()) == {""}
