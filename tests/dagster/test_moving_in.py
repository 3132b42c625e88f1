"""Moving in: public addresses that go both ways, definitions that say where they store, and others' files."""

import os
import subprocess
import sys

import dagster as dg
import numpy as np
import pandas as pd
import polars as pl
import pytest
from dagster_aws.s3 import S3PickleIOManager, S3Resource
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from autostore import AutoStore, InvalidConfigError, InvalidKeyError, StorageFileNotFoundError, UntrustedDataError
from autostore_dagster import (
    AutoStoreIOManager,
    AutoStoreResource,
    LocalStorageConfig,
    S3StorageConfig,
    asset_key,
    asset_uri,
    build_move_in_job,
    move_in,
    parse_key,
    stamp,
)
from tests.dagster.conftest import Rig, forget_connections

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
DAYS = days.get_partition_keys()
colors = dg.StaticPartitionsDefinition(["red", "2024-01-01"])
cells = dg.MultiPartitionsDefinition({"day": days, "color": dg.StaticPartitionsDefinition(["p/q", "red"])})


@dg.asset(partitions_def=days)
def daily(context) -> str:
    """Its day."""
    return context.partition_key


@dg.asset(partitions_def=cells)
def cell(context) -> str:
    """Its cell."""
    return context.partition_key


@dg.asset(key=["raw", "q1.csv"])
def plain() -> dict[str, int]:
    """A dict."""
    return {"a": 1}


@dg.asset(partitions_def=colors)
def colored(context) -> str:
    """Its color."""
    return context.partition_key


def test_addresses_are_where_values_lie(local_rig):
    """The public key of an asset and partition reads what a run stored, and its file leads back to both."""
    parts = [(plain, None), *[(daily, day) for day in DAYS], *[(colored, key) for key in colors.get_partition_keys()]]
    parts += [(cell, key) for key in cells.get_partition_keys()[:3]]
    for asset, partition in parts:
        local_rig.run(asset, partition=partition)
        assert local_rig.store()[asset_key(asset, partition)] == (partition or {"a": 1})
    assert sorted(asset_key(asset, partition) for asset, partition in parts) == local_rig.stored()
    found = [parse_key(path) for path in local_rig.store().list_files()]
    assert {(each.asset_key, each.partition_key) for each in found} == {(asset.key, key) for asset, key in parts}


@pytest.mark.parametrize(
    ("key", "partition", "more", "wanted"),
    [
        ("flights", None, {}, "flights"),
        (["raw", "flights"], None, {}, "raw/flights"),
        (dg.AssetKey(["raw", "flights"]), "EWR", {}, "raw/flights/partition=EWR/data"),
        ("flights", "2024-01-01", {}, "flights/date=2024-01-01/data"),
        ("flights", "2024-01-01", {"partitions_def": colors}, "flights/partition=2024-01-01/data"),
        ("flights", {"a": "1", "b": "2"}, {}, "flights/a=1/b=2/data"),
        (dg.AssetSpec("flights", partitions_def=days), "2024-01-01", {}, "flights/date=2024-01-01/data"),
    ],
)
def test_addresses_of_keys(key, partition, more, wanted):
    """Keys, specs and definitions are taken as Dagster takes them."""
    assert asset_key(key, partition, **more) == wanted
    assert asset_uri(key, partition, uri="s3://bucket/prefix/", **more) == f"s3://bucket/prefix/{wanted}"


@pytest.mark.parametrize("uri", [None, "", 3])
def test_an_address_is_below_a_store(uri):
    """Without one there is none."""
    with pytest.raises(InvalidConfigError, match=r"store\.uri"):
        asset_uri("flights", uri=uri)


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4), st.text(min_size=1, max_size=30) | st.none())
def test_addresses_go_both_ways(path, partition):
    """Whatever an asset and its partition are called, their key gives them back."""
    assume(not any("\ud800" <= char <= "\udfff" for text in [*path, partition or ""] for char in text))
    address = parse_key(asset_key(path, partition))
    assert address.asset_key == dg.AssetKey(path)
    assert address.partition_key == partition


@pytest.mark.parametrize("wrong", [None, 1, [], [1], object, {"a": "b"}])
def test_what_is_no_asset_has_no_address(wrong):
    """Nor is there one of a partition that is no text, such as the year 2026."""
    with pytest.raises(InvalidKeyError, match="is no asset"):
        asset_key(wrong)
    for partition in [2026, 1.5, object(), [1], {"date": 2026}, {1: "a"}]:
        with pytest.raises(InvalidKeyError, match="is no partition"):
            asset_key("a", partition)
    with pytest.raises(InvalidKeyError, match="is no key"):
        parse_key(None)


def test_addresses_of_ops_and_strangers():
    """An op's output is told apart from an asset; what Dagster never wrote is refused."""
    assert parse_key("_runs/1c2d/load/result.parquet").run == ("1c2d", "load", "result")
    assert parse_key("_runs/1c2d/load/result").asset_key is None
    with pytest.raises(InvalidKeyError, match="asset_key"):
        parse_key("a/b=c/other")


def test_definitions_are_stamped_whole(monkeypatch):
    """Definitions keep all else they hold, and know the place from their own manager, by a variable too."""

    @dg.asset
    def table() -> pl.DataFrame:
        return pl.DataFrame()

    @dg.asset_check(asset=table)
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.define_asset_job("all")
    schedule = dg.ScheduleDefinition(job=job, cron_schedule="@daily")
    monkeypatch.setenv("PLACE", "s3://bucket/p/")
    for uri in ("s3://bucket/p/", dg.EnvVar("PLACE")):
        defs = dg.Definitions(
            [table, dg.AssetSpec("outside")],
            asset_checks=[check],
            jobs=[job],
            schedules=[schedule],
            resources={"io_manager": AutoStoreIOManager(uri=uri)},
        )
        stamped = stamp(defs)
        graph = stamped.resolve_asset_graph()
        assert graph.get(table.key).metadata["dagster/uri"] == "s3://bucket/p/table"
        assert graph.get(table.key).kinds == {"polars"}
        assert graph.get(dg.AssetKey("outside")).metadata["dagster/uri"] == "s3://bucket/p/outside"
        assert stamped.resolve_job_def("all").name == "all"
        assert stamped.resolve_schedule_def(schedule.name).cron_schedule == "@daily"
        assert [key.name for key in graph.asset_check_keys] == ["check"]
        assert stamped.resources == defs.resources
    assert stamp(defs, uri="/other").resolve_asset_graph().get(table.key).metadata["dagster/uri"] == "/other/table"
    with pytest.raises(InvalidConfigError, match="uri="):
        stamp(dg.Definitions([table]))


def moved(rig, old, storage=None):
    """The rig with a manager that reads the old place too."""
    place = AutoStoreResource(uri=str(old), storage=storage)
    rig.manager = rig.manage(previous=place)
    return rig


def whole(rig, asset, kind=dict[str, str]):
    """All partitions, as a consumer of a run gets them."""
    seen = []

    @dg.asset(ins={"given": dg.AssetIn(asset.key)})
    def consumer(given: kind) -> None:
        seen.append(given)

    rig.run(asset, consumer, select=[consumer])
    return seen[0]


def test_pickles_of_dagster_in_a_folder(local_rig, tmp_path, instance):
    """Each asset and partition is the old one until it is written anew, also side by side in one input."""
    before = Rig(str(tmp_path / "old"), instance, manager=dg.FilesystemIOManager(base_dir=str(tmp_path / "old")))
    before.run(plain)
    for asset in (daily, cell, colored):
        for key in asset.partitions_def.get_partition_keys():
            before.run(asset, partition=key)
    moved(local_rig, tmp_path / "old")
    assert local_rig.load(plain) == {"a": 1}
    for asset in (daily, cell, colored):
        assert whole(local_rig, asset) == {key: key for key in asset.partitions_def.get_partition_keys()}
    assert local_rig.stored() == []
    local_rig.store()[asset_key(daily, DAYS[1])] = "new"
    assert whole(local_rig, daily) == {DAYS[0]: DAYS[0], DAYS[1]: "new", DAYS[2]: DAYS[2]}
    assert local_rig.load(daily, partition=DAYS[1]) == "new"
    assert (tmp_path / "old" / "daily" / DAYS[1]).is_file()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_pickles_of_dagster_on_s3(bucket, local_rig, instance):
    """The same of S3PickleIOManager's objects below its prefix."""
    server, name = bucket
    s3 = S3Resource(endpoint_url=server.endpoint)
    before = Rig("", instance, manager=S3PickleIOManager(s3_resource=s3, s3_bucket=name, s3_prefix="dagster"))
    before.run(plain)
    for day in DAYS:
        before.run(daily, partition=day)
    moved(local_rig, f"s3://{name}/dagster/", S3StorageConfig(endpoint_url=server.endpoint))
    assert local_rig.load(plain) == {"a": 1}
    assert whole(local_rig, daily) == {day: day for day in DAYS}
    forget_connections()


def test_tables_of_dagster_polars(local_rig, tmp_path):
    """Parquet files as dagster-polars lays them are tables, lazy ones, columns and one frame over new and old."""
    for day in DAYS:
        file = tmp_path / "old" / "table" / f"{day}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"x": [1], "y": ["a"]}).write_parquet(file)
    pl.DataFrame({"x": [7]}).write_parquet(tmp_path / "old" / "single.parquet")
    (tmp_path / "old" / "raw").mkdir()
    pl.DataFrame({"x": [8]}).write_parquet(tmp_path / "old" / "raw" / "q1.csv.parquet")

    @dg.asset(partitions_def=days)
    def table() -> pl.DataFrame:
        return pl.DataFrame({"x": [5], "y": ["new"]})

    @dg.asset
    def single() -> pl.DataFrame:
        return pl.DataFrame()

    moved(local_rig, tmp_path / "old")
    assert local_rig.load(single, pl.LazyFrame).collect().rows() == [(7,)]
    assert local_rig.load(plain, pl.DataFrame).rows() == [(8,)]
    local_rig.run(table, partition=DAYS[0])
    assert whole(local_rig, table, pl.DataFrame).rows() == [(5, "new", DAYS[0]), (1, "a", DAYS[1]), (1, "a", DAYS[2])]
    assert local_rig.load(table, pl.DataFrame, partition=DAYS[1], metadata={"columns": ["x"]}).columns == ["x"]


def test_variables_of_the_previous_place(local_rig, tmp_path, monkeypatch):
    """Its EnvVars are resolved in a run, under load_asset_value and by hand; it is closed with the manager."""
    AutoStore(tmp_path / "old")["plain"] = 5
    monkeypatch.setenv("OLD", str(tmp_path / "old"))
    monkeypatch.setenv("OFTEN", "2")
    storage = LocalStorageConfig(max_retries=dg.EnvVar.int("OFTEN"))
    local_rig.manager = local_rig.manage(previous=AutoStoreResource(uri=dg.EnvVar("OLD"), storage=storage))
    plain = dg.AssetSpec("plain").with_io_manager_key("io_manager")

    @dg.asset
    def after(plain: int) -> int:
        return plain + 1

    local_rig.run(plain, after)
    assert local_rig.store()["after"] == 6
    assert local_rig.load(plain) == 5
    assert local_rig.manager.load_input(dg.build_input_context(asset_key="plain")) == 5
    local_rig.manager.teardown_after_execution(dg.build_init_resource_context())
    assert local_rig.manager.load_input(dg.build_input_context(asset_key="plain")) == 5


class Point(BaseModel):
    """A point."""

    x: int


def test_files_of_a_store(local_rig, tmp_path):
    """Files that the original library, or a plain store, laid under the assets' names, whatever their format."""
    old = AutoStore(tmp_path / "old")
    old.update({"raw/q1": {"a": 2}, "daily/2024-01-01": "text", "point": Point(x=1)})
    (tmp_path / "old" / "by_hand.json").write_text('{"x": 3}')
    moved(local_rig, tmp_path / "old")
    manager = "io_manager"
    assert local_rig.load(dg.AssetSpec(["raw", "q1"]).with_io_manager_key(manager)) == {"a": 2}
    assert local_rig.load(daily, partition=DAYS[0]) == "text"
    assert local_rig.load(dg.AssetSpec("point").with_io_manager_key(manager)) == Point(x=1)
    assert local_rig.load(dg.AssetSpec("by_hand").with_io_manager_key(manager), Point) == Point(x=3)


def test_what_is_in_neither_place(local_rig, tmp_path):
    """Missing in both is missing, and a step that fails to be written anew leaves the old one."""
    moved(local_rig, tmp_path / "old")
    with pytest.raises(StorageFileNotFoundError, match=r"(?s)raw/q1.csv is not stored.*previous place"):
        local_rig.load(plain)
    with pytest.raises(StorageFileNotFoundError, match="3 partition"):
        local_rig.load(daily, dict[str, str], between=(DAYS[0], DAYS[-1]))


EVIL = """
import os, pickle, sys
class Evil:
    def __reduce__(self):
        return os.system, (f"touch {sys.argv[2]}",)
with open(sys.argv[1], "wb") as file:
    pickle.dump(Evil(), file)
"""


@pytest.mark.parametrize("storage", [{"allow_pickle": False}, {"pickle_key": "k"}])
def test_old_pickles_run_only_where_they_may(local_rig, tmp_path, storage):
    """Settings that refuse unsigned pickles refuse those of another manager too; nothing of them runs."""
    (tmp_path / "old").mkdir()
    ran = tmp_path / "ran"
    subprocess.run([sys.executable, "-c", EVIL, str(tmp_path / "old" / "evil"), str(ran)], check=True, timeout=60)
    moved(local_rig, tmp_path / "old", LocalStorageConfig(**storage))
    with pytest.raises(UntrustedDataError, match="previous place"):
        local_rig.load(dg.AssetSpec("evil").with_io_manager_key("io_manager"))
    assert not ran.exists()
    assert os.listdir(tmp_path / "old") == ["evil"]


def test_files_without_an_extension(local_rig, tmp_path):
    """What the original autostore wrote under a bare key, or under a name of another format, is read by its content."""
    (tmp_path / "old").mkdir()
    frame = pl.DataFrame({"x": [1]})
    frame.write_parquet(tmp_path / "old" / "frame")
    frame.write_parquet(tmp_path / "old" / "table.csv")
    np.save(tmp_path / "array.npy", np.arange(3))
    (tmp_path / "array.npy").rename(tmp_path / "old" / "array")
    Image.new("RGB", (2, 2), "red").save(tmp_path / "old" / "picture", "PNG")
    for name, text in {"settings": '{"x": 1}', "number": "5", "rows": '[{"x": 1}]', "nothing": "null"}.items():
        (tmp_path / "old" / name).write_text(text)
    moved(local_rig, tmp_path / "old")

    def load(name, kind=None):
        return local_rig.load(dg.AssetSpec(name).with_io_manager_key("io_manager"), kind)

    assert load("frame").equals(frame)
    assert load("frame", pl.LazyFrame).collect().equals(frame)
    assert load("frame", pd.DataFrame).x.to_list() == [1]
    assert load("table.csv", pl.DataFrame).equals(frame)
    assert load("array").tolist() == [0, 1, 2]
    assert load("picture").getpixel((0, 0)) == (255, 0, 0)
    assert (load("settings"), load("number"), load("rows"), load("nothing")) == ({"x": 1}, 5, [{"x": 1}], None)
    assert load("settings", Point) == Point(x=1)


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="names"), metadata={"autostore/format": "csv"})
def named(context) -> pl.DataFrame:
    """One row."""
    return pl.DataFrame({"x": [1]})


@dg.asset(metadata={"autostore/format": "csv"})
def doubtful() -> pl.DataFrame:
    """A frame that CSV does not hold."""
    return pl.DataFrame({"x": ["1"]})


@dg.asset
def broken() -> pl.DataFrame:
    """A frame whose file is none."""
    return pl.DataFrame()


MOVING = [plain, daily, cell, named, doubtful, broken]


def test_moving_all(local_rig, tmp_path, instance):
    """What is not here yet is moved, read again and compared; what cannot be is named, and is not here afterwards."""
    old = tmp_path / "old"
    before = Rig(str(old), instance, manager=dg.FilesystemIOManager(base_dir=str(old)))
    instance.add_dynamic_partitions("names", ["a"])
    before.run(plain)
    before.run(doubtful)
    before.run(daily, partition=DAYS[0])
    before.run(cell, partition=cells.get_partition_keys()[0])
    before.run(named, partition="a")
    (old / "broken").write_bytes(b"\x80\x04.")
    moved(local_rig, old)
    local_rig.store()[asset_key(daily, DAYS[0])] = "newer"
    job = build_move_in_job(defs=lambda: defs)
    defs = dg.Definitions(MOVING, jobs=[job], resources={"io_manager": local_rig.manager})

    rehearsed = move_in(defs, instance=instance, dry_run=True)
    assert local_rig.stored() == [asset_key(daily, DAYS[0])]
    done = move_in(defs, instance=instance)
    wanted = {asset_key(plain), asset_key(cell, cells.get_partition_keys()[0]), asset_key(named, "a")}
    assert set(done.keys) == wanted
    assert set(rehearsed.keys) == wanted | {"doubtful"}
    assert set(done.failed) == {"doubtful", "broken"}
    assert "doubtful" in str(done)
    assert set(local_rig.stored()) == wanted | {asset_key(daily, DAYS[0])}
    assert local_rig.store()[asset_key(daily, DAYS[0])] == "newer"
    assert local_rig.store().get_metadata(asset_key(named, "a")).path.endswith(".csv")
    assert move_in(defs, instance=instance, assets=["raw/q1.csv", ["raw", "q1.csv"]]).keys == []
    for wrong, told in [(["plain", "raw/q1"], "No asset 'plain'"), (["raw/q1"], "'raw/q1.csv'"), ("cell", "no list")]:
        with pytest.raises(InvalidConfigError, match=told):
            move_in(defs, instance=instance, assets=wrong)

    del local_rig.store()[asset_key(plain)]
    run = defs.resolve_job_def("move_in").execute_in_process(instance=instance)
    output = next(event for event in run.all_node_events if event.is_successful_output)
    assert output.step_output_data.metadata["values"].value == 1
    assert local_rig.stored()[-1] == asset_key(plain)


def test_moving_needs_a_previous_place(local_rig):
    """A manager without one says so, and names the setting."""
    with pytest.raises(InvalidConfigError, match="previous="):
        move_in(dg.Definitions([plain], resources={"io_manager": local_rig.manager}))
