"""One shape of an input, however many partitions a run has, wherever it is read; what makes no shape is named."""

import subprocess
import sys
import threading
from datetime import date
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository
from pydantic import BaseModel

import autostore
from autostore import AutoStore, InvalidConfigError, StorageError, StorageFileNotFoundError, UnsupportedFormatError
from autostore_dagster import AutoStoreIOManager, AutoStoreResource, LocalStorageConfig, S3StorageConfig, asset_key

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
DAYS = days.get_partition_keys()
colors = dg.StaticPartitionsDefinition(["red", "blue"])
clients = dg.DynamicPartitionsDefinition(name="clients")
cells = dg.MultiPartitionsDefinition({"day": days, "color": colors})
MANY = dg.BackfillPolicy.single_run()


@dg.asset(partitions_def=days, backfill_policy=MANY)
def rows(context) -> dict[str, pl.DataFrame]:
    """A table of one row for each day of the run."""
    return {day: pl.DataFrame({"v": [1]}) for day in context.partition_keys}


def failure(result):
    """The causes of what failed, as texts."""
    return " ".join(str(event.event_specific_data.error) for event in result.all_events if event.is_step_failure)


@pytest.mark.parametrize("partitioned", [True, False])
@pytest.mark.parametrize("run", [{"partition": DAYS[0]}, {"between": (DAYS[0], DAYS[0])}, {"between": DAYS[:2]}])
def test_a_check_sees_one_shape(local_rig, run, partitioned):
    """A check of an asset whose runs may have many partitions gets its columns for one as well, alone or beside it."""
    seen = []

    @dg.asset_check(asset=rows, partitions_def=days if partitioned else None)
    def of_a_day(rows: pl.DataFrame) -> dg.AssetCheckResult:
        seen.append(rows.columns)
        return dg.AssetCheckResult(passed=True)

    local_rig.run(rows, between=(DAYS[0], DAYS[-1]))
    local_rig.run(rows, of_a_day, **run)
    alone = partitioned and "between" in run  # Dagster gives a check alone no partition by its key
    if alone:
        local_rig.run(rows, of_a_day, select=dg.AssetSelection.checks(of_a_day), **run)
    assert seen == [["v", "date"]] * len(seen)
    assert len(seen) == 1 + alone


@pytest.mark.parametrize("definition", [days, colors, clients, cells])
def test_an_asset_that_is_loaded_without_a_partition(local_rig, definition):
    """Outside of runs, in sensors too, a partitioned asset is all of its partitions."""
    local_rig.instance.add_dynamic_partitions("clients", ["zoe", "adam"])

    @dg.asset(partitions_def=definition)
    def part(context) -> str:
        return context.partition_key

    keys = definition.get_partition_keys(dynamic_partitions_store=local_rig.instance)
    for key in keys[1:]:
        local_rig.run(part, partition=key)
    with pytest.raises(StorageFileNotFoundError, match="1 partition"):
        local_rig.load(part, dict[str, str])
    local_rig.run(part, partition=keys[0])
    assert local_rig.load(part) == {key: key for key in keys}
    seen = []

    @dg.sensor(asset_selection="*")
    def watching(context):
        with context.repository_def.get_asset_value_loader(context.instance) as loader:
            seen.append(loader.load_asset_value("part", python_type=dict[str, str]))

    defs = dg.Definitions([part], resources={"io_manager": local_rig.manager}, sensors=[watching])
    watching(dg.build_sensor_context(instance=local_rig.instance, repository_def=defs.get_repository_def()))
    assert list(seen[0]) == list(keys)


FRAME, LAZY = pl.DataFrame, pl.LazyFrame


@pytest.mark.parametrize("annotation", [Any, dict, dict[str, FRAME], FRAME, LAZY, FRAME | None, int | None])
def test_no_partition_is_left(local_rig, annotation):
    """A set of no partitions is an empty dict or frame, with the partition's column; None where nothing else fits."""

    @dg.asset(partitions_def=clients)
    def spent() -> pl.DataFrame:
        return pl.DataFrame({"x": [1]})

    seen = []

    @dg.asset
    def whole(spent: annotation) -> None:
        seen.append(spent)

    local_rig.run(spent, whole, select=[whole])
    frame = annotation in (FRAME, LAZY, FRAME | None)
    if frame:
        assert seen[0].lazy().collect_schema() == {"partition": pl.String}
        assert isinstance(seen[0], LAZY if annotation is LAZY else FRAME)
    else:
        assert seen == [None if annotation == int | None else {}]


def test_no_partition_for_a_value_that_must_be(local_rig):
    """Where neither fits, the error says so in a sentence: on the first day, and for a fan-in."""
    before = dg.AssetIn(partition_mapping=dg.TimeWindowPartitionMapping(-1, -1))

    @dg.asset(partitions_def=days, ins={"running": before})
    def running(running: int) -> int:
        return running + 1

    told = failure(local_rig.run(running, partition=DAYS[0], expect=False))
    assert "no partition of asset running" in told
    assert "int | None" in told

    @dg.asset(partitions_def=days, ins={"seeded": before})
    def seeded(seeded) -> int:
        return (seeded or 0) + 1

    local_rig.run(seeded, partition=DAYS[0])
    assert local_rig.load(seeded, partition=DAYS[0]) == 1


DIFFER = {
    "whole numbers and text": ([1], ["a"]),
    "switches and numbers": ([True], [1]),
    "days and text": ([date(2024, 1, 1)], ["2024-01-01"]),
    "numbers and lists": ([1], [[1]]),
    "lists of numbers and of text": ([[1]], [["a"]]),
    "records": ([{"a": 1}], [{"a": "x"}]),
    "other fields": ([{"a": 1}], [{"b": 1}]),
}


def two_days(rig, first, second):
    """An asset of two days, with these columns."""

    @dg.asset(partitions_def=days)
    def part(context) -> pl.DataFrame:
        return pl.DataFrame({"ok": [1], "id": first if context.partition_key == DAYS[0] else second})

    rig.run(part, partition=DAYS[0])
    rig.run(part, partition=DAYS[1])
    return part


@pytest.mark.parametrize("case", DIFFER)
@pytest.mark.parametrize("turned", [False, True])
def test_types_that_differ_are_named(local_rig, case, turned):
    """Partitions whose columns have other types are refused as one frame, by name; nothing is cast."""
    first, second = reversed(DIFFER[case]) if turned else DIFFER[case]
    part = two_days(local_rig, first, second)
    with pytest.raises(UnsupportedFormatError, match=rf"'id'.*date={DAYS[0]}.*date={DAYS[1]}"):
        local_rig.load(part, pl.DataFrame, between=DAYS[:2])
    ok = local_rig.load(part, pl.DataFrame, between=DAYS[:2], metadata={"columns": ["ok", "date"]})
    assert ok.rows() == [(1, DAYS[0]), (1, DAYS[1])]
    assert len(local_rig.load(part, dict[str, pl.DataFrame], between=DAYS[:2])) == 2


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ([1], [1.5], [1.0, 1.5]),
        ([2**63], [-1], [2**63, -1]),
        ([None], ["a"], [None, "a"]),
        (["a"], [None], ["a", None]),
        ([[]], [["a"]], [[], ["a"]]),
    ],
)
def test_types_that_widen(local_rig, first, second, wanted):
    """Numbers widen without loss of whole ones, and nulls and empty lists have any type."""
    part = two_days(local_rig, pl.Series(first), pl.Series(second))
    assert local_rig.load(part, pl.DataFrame, between=DAYS[:2])["id"].to_list() == wanted


class Place(BaseModel):
    """Where something is."""

    x: int


MOVED = """
import sys, types
import dagster as dg
from autostore_dagster import AutoStoreIOManager
module = types.ModuleType("old_place"); sys.modules["old_place"] = module
exec("from pydantic import BaseModel\\nclass Place(BaseModel):\\n    x: int", module.__dict__)
manager = AutoStoreIOManager(uri=sys.argv[1])
for key, value in {"one": module.Place(x=1), "many": [module.Place(x=1)], "named": {"k": module.Place(x=1)}}.items():
    manager.handle_output(dg.build_output_context(asset_key=key), value)
"""


def test_models_that_moved(local_rig):
    """What was stored under a class of a module that is gone reads under the annotation, in lists too."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", MOVED, local_rig.uri], check=True, timeout=120)
    stored = {
        "one": (Place, Place(x=1)),
        "many": (list[Place], [Place(x=1)]),
        "named": (dict[str, Place], {"k": Place(x=1)}),
    }
    for key, (annotation, wanted) in stored.items():
        assert local_rig.load(dg.AssetSpec(key).with_io_manager_key("io_manager"), annotation) == wanted


def test_an_op_reads_an_asset(local_rig):
    """An op's input that names an asset and has no upstream loads it, in a run of one partition that one."""
    local_rig.store().update({"thing": 5, **{f"part/date={day}/data": day for day in DAYS}})
    seen = []

    def job_of(key, **options):
        @dg.op(
            ins={"given": dg.In(asset_key=dg.AssetKey(key), input_manager_key="io_manager")}
            if key
            else {"given": dg.In(input_manager_key="io_manager")}
        )
        def reading(given):
            seen.append(given)

        @dg.job(resource_defs={"io_manager": local_rig.manager}, **options)
        def reads():
            reading()

        return reads

    job_of("thing").execute_in_process(instance=local_rig.instance)
    job_of("part", partitions_def=days).execute_in_process(instance=local_rig.instance, partition_key=DAYS[1])
    assert seen == [5, DAYS[1]]
    result = job_of(None).execute_in_process(instance=local_rig.instance, raise_on_error=False)
    assert "neither an upstream output nor an asset" in failure(result)


months = dg.TimeWindowPartitionsDefinition(start="2024-01", end="2024-04", fmt="%Y-%m", cron_schedule="0 0 1 * *")
quarters = dg.StaticPartitionsDefinition(["2024-01-01", "2024-04-01"])


@pytest.mark.parametrize(("definition", "key"), [(months, "2024-02"), (quarters, "2024-04-01")])
@pytest.mark.parametrize("job_has_them", [True, False])
def test_an_op_reads_a_partition_whose_name_does_not_tell(local_rig, definition, key, job_has_them):
    """Months, and static partitions that look like days, are found by an op, whatever kind the job has."""

    @dg.asset(partitions_def=definition)
    def part(context) -> str:
        return context.partition_key

    local_rig.run(part, partition=key)
    seen = []

    @dg.op(ins={"given": dg.In(asset_key=part.key, input_manager_key="io_manager")}, out=dg.Out(dg.Nothing))
    def reading(given):
        seen.append(given)

    other = dg.DynamicPartitionsDefinition(name="any")
    local_rig.instance.add_dynamic_partitions("any", [key, "never"])

    @dg.job(resource_defs={"io_manager": local_rig.manager}, partitions_def=definition if job_has_them else other)
    def reads():
        reading()

    reads.execute_in_process(instance=local_rig.instance, partition_key=key)
    assert seen == [key]
    if not job_has_them:
        told = failure(
            reads.execute_in_process(instance=local_rig.instance, partition_key="never", raise_on_error=False)
        )
        assert "by partition" in told


def test_an_op_does_not_read_what_an_asset_was_before(local_rig):
    """Of an asset that has partitions now an op gets its run's, and never the value from before it had any."""

    @dg.asset(name="part")
    def before() -> str:
        return "old"

    @dg.asset(partitions_def=colors)
    def part(context) -> str:
        return context.partition_key

    local_rig.run(before)
    local_rig.run(part, partition="red")
    seen = []

    @dg.op(ins={"given": dg.In(asset_key=part.key, input_manager_key="io_manager")}, out=dg.Out(dg.Nothing))
    def reading(given):
        seen.append(given)

    def run(partition=None):
        @dg.job(resource_defs={"io_manager": local_rig.manager}, partitions_def=colors if partition else None)
        def reads():
            reading()

        told = {"partition_key": partition} if partition else {}
        return reads.execute_in_process(instance=local_rig.instance, raise_on_error=False, **told)

    assert run("red").success
    assert "by partition" in failure(run("blue"))
    assert "by partition" in failure(run())
    assert seen == ["red"]


LOCATION = """
import dagster as dg
from autostore_dagster import AutoStoreIOManager

colors = dg.StaticPartitionsDefinition(["red", "blue"])

@dg.asset(partitions_def=colors)
def part(context) -> str:
    return context.partition_key

@dg.asset
def thing() -> None: ...

@dg.asset
def after(thing) -> int:
    return thing

@dg.op(ins={"given": dg.In(asset_key=part.key, input_manager_key="io_manager")})
def reading(given) -> str:
    return given

@dg.job(partitions_def=colors)
def reads():
    reading()

defs = dg.Definitions(
    [part, thing, after],
    jobs=[reads, dg.define_asset_job("computes", [after])],
    executor=dg.in_process_executor,
    resources={"io_manager": AutoStoreIOManager(uri=URI)},
)
"""


@pytest.fixture
def located(tmp_path):
    """Runs a job of a code location, as a worker process does, over a store in which lie values from before."""
    with AutoStore(str(tmp_path / "store")) as store, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        store.update({"part": "old", "thing": 1})
        file = tmp_path / "location.py"
        file.write_text(LOCATION.replace("URI", repr(store.uri)))
        repository = ReconstructableRepository.for_file(str(file), "defs", str(tmp_path))

        def run(job, partition=None):
            tags = {"dagster/partition": partition} if partition else {}
            chosen = repository.get_reconstructable_job(job)
            return dg.execute_job(chosen, instance=instance, tags=tags, raise_on_error=False)

        yield SimpleNamespace(run=run, store=store, instance=instance)


def test_a_code_location_knows_what_has_partitions_now(located):
    """Also before any of the new partitions was materialized."""
    with located.run("reads", "red") as result:
        assert not result.success
    located.store[asset_key("part", "red")] = "red"
    with located.run("reads", "red") as result:
        assert result.output_for_node("reading") == "red"


def test_what_is_left_of_an_asset_that_returns_nothing_now(located):
    """It is read, as other code may store it, and that is told."""
    with located.run("computes") as result:
        assert result.success
    told = [entry.user_message for entry in located.instance.all_logs(result.run_id)]
    assert any("thing returns nothing" in message for message in told)


BY_HAND = {
    "an asset": ({"asset_key": "thing"}, "thing"),
    "a segmented asset": ({"asset_key": ["deep", "er"]}, "deep/er"),
    "a partition": ({"asset_key": "thing", "partition_key": "red"}, "thing/partition=red/data"),
    "a day": ({"asset_key": "thing", "partition_key": "2024-01-02"}, "thing/date=2024-01-02/data"),
    "an hour": ({"asset_key": "thing", "partition_key": "2024-01-02-03:00"}, "thing/date=2024-01-02-03%3A00/data"),
    "an hour that comes twice": ({"asset_key": "thing", "partition_key": "2024-11-03-01:00-0500"},
                                 "thing/date=2024-11-03-01%3A00-0500/data"),
    "a definition": ({"asset_key": "thing", "partition_key": "red", "asset_partitions_def": colors},
                     "thing/partition=red/data"),
    "dimensions": ({"asset_key": "thing", "partition_key": dg.MultiPartitionKey({"day": DAYS[0], "color": "red"})},
                   f"thing/color=red/day={DAYS[0]}/data"),
    "an op": ({"step_key": "step", "name": "result", "run_id": "run"}, "_runs/run/step/result"),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_HAND)
@pytest.mark.parametrize("kind", ["ours", "theirs"])
def test_contexts_built_by_hand(tmp_path, case, kind):
    """Whatever Dagster's own manager takes of contexts that unit tests build is taken here."""
    options, key = BY_HAND[case]
    manager = (
        AutoStoreIOManager(uri=str(tmp_path))
        if kind == "ours"
        else dg.FilesystemIOManager(base_dir=str(tmp_path)).create_io_manager(dg.build_init_resource_context())
    )
    written = dg.build_output_context(**options)
    manager.handle_output(written, {"a": 1})
    reading = {name: value for name, value in options.items() if name not in ("step_key", "name", "run_id")}
    assert manager.load_input(dg.build_input_context(**reading, upstream_output=written)) == {"a": 1}
    if kind == "ours":
        assert manager.load_input(dg.build_input_context(upstream_output=written)) == {"a": 1}
        assert list(AutoStore(tmp_path).keys()) == [key]


def test_contexts_that_say_too_little(tmp_path):
    """A context without anything to store under, or a range of an unknown definition, is a sentence with the remedy."""
    manager = AutoStoreIOManager(uri=str(tmp_path))
    between = {"asset_key": "a", "asset_partition_key_range": dg.PartitionKeyRange("red", "blue")}
    with pytest.raises(StorageFileNotFoundError, match="asset_key"):
        manager.handle_output(dg.build_output_context(), 1)
    with pytest.raises(StorageFileNotFoundError, match="upstream_output"):
        manager.load_input(dg.build_input_context())
    with pytest.raises(UnsupportedFormatError, match="asset_partitions_def"):
        manager.load_input(dg.build_input_context(**between))
    written = dg.build_output_context(**between, asset_partitions_def=colors)
    manager.handle_output(written, {"red": 1, "blue": 2})
    assert manager.load_input(dg.build_input_context(**between, asset_partitions_def=colors)) == {"red": 1, "blue": 2}


@pytest.mark.parametrize("kind", [AutoStoreIOManager, AutoStoreResource, LocalStorageConfig, S3StorageConfig])
@pytest.mark.parametrize(("name", "near"), [("urii", "uri"), ("time_out", "timeout"), ("colour", "")])
def test_unknown_settings_are_refused(kind, name, near):
    """A misspelt setting is refused when the thing is made, with the nearest one that exists."""
    uri = {"uri": "somewhere"} if "uri" in kind.model_fields else {}
    with pytest.raises(InvalidConfigError) as error:
        kind(**uri, **{name: "x"})
    assert f"no setting {name!r}" in str(error.value)
    assert ("Did you mean" in str(error.value)) is (near in kind.model_fields)

    class Heir(kind):
        colour: str = "red"

    assert Heir(**uri, colour="blue").colour == "blue"


def test_what_stores_nothing(local_rig):
    """Outputs that are not required, and Nothing, leave nothing; who reads them is told what to do."""

    @dg.multi_asset(
        outs={"made": dg.AssetOut(is_required=False), "left": dg.AssetOut(is_required=False)}, can_subset=True
    )
    def both():
        yield dg.Output(1, "made")

    @dg.asset
    def after_made(made) -> int:
        return made + 1

    @dg.asset
    def after_left(left) -> int:
        return 1

    @dg.asset
    def nothing() -> None: ...

    @dg.asset
    def after_nothing(nothing) -> int:
        return 1

    local_rig.run(both, after_made, after_left, nothing)
    assert local_rig.stored() == ["after_made", "made"]
    assert "deps=" in failure(local_rig.run(nothing, after_nothing, expect=False))


@pytest.mark.parametrize("kind", [dict[str, int], int | None])
def test_an_asset_that_reads_its_own_past_in_runs_of_many(local_rig, kind):
    """It gets what lies before the run, also the second time: never what the run is about to replace."""
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    seen = []

    @dg.asset(partitions_def=days, backfill_policy=MANY, ins={"sum_": dg.AssetIn("sum_", partition_mapping=before)})
    def sum_(context, sum_: kind) -> dict[str, int]:
        seen.append(sum_)
        return {day: len(seen) * 10 + number for number, day in enumerate(context.partition_keys)}

    for between in ((DAYS[0], DAYS[1]), (DAYS[1], DAYS[2]), (DAYS[0], DAYS[2])):
        local_rig.run(sum_, between=between)
    assert seen == ([{}, {DAYS[0]: 10}, {}] if kind == dict[str, int] else [None, 10, None])


def test_graph_assets_with_partitions(local_rig):
    """Inner ops of a graph asset get the shape that the asset's own mapping and policy give."""
    seen = []

    @dg.asset(partitions_def=days)
    def up() -> int:
        return 3

    @dg.op
    def use(x):
        seen.append(x)
        return x

    def graph(name, **options):
        @dg.graph_asset(name=name, **options)
        def made(up):
            return use(up)

        return made

    for day in DAYS:
        local_rig.run(up, partition=day)
    single, several = graph("single", partitions_def=days), graph("several", partitions_def=days, backfill_policy=MANY)
    local_rig.run(up, single, select=[single], partition=DAYS[0])
    local_rig.run(up, several, select=[several], partition=DAYS[0])
    whole = graph("whole")
    local_rig.run(up, whole, select=[whole])
    assert seen == [3, {DAYS[0]: 3}, dict.fromkeys(DAYS, 3)]


def test_graphs_of_several_assets(local_rig):
    """An inner output that is an asset and feeds another op is read where it was written."""

    @dg.op
    def first() -> int:
        return 1

    @dg.op
    def second(x: int) -> int:
        return x + 1

    @dg.graph_multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
    def both():
        x = first()
        return {"a": x, "b": second(x)}

    local_rig.run(both)
    assert {key: local_rig.store()[key] for key in local_rig.stored()} == {"a": 1, "b": 2}


def test_observable_sources(local_rig):
    """What is laid there by others and observed loads by its key, in a run and outside."""
    local_rig.store()["outside"] = 7

    @dg.observable_source_asset(io_manager_key="io_manager")
    def outside():
        return dg.DataVersion("1")

    @dg.asset
    def after(outside) -> int:
        return outside + 1

    for select in ([after], None):
        result = local_rig.run(outside, after, select=select)
        assert local_rig.store()["after"] == 8
        assert not any("returns nothing" in entry.user_message for entry in local_rig.instance.all_logs(result.run_id))
    assert local_rig.load(outside) == 7
    del local_rig.store()["outside"]
    assert "returns nothing" not in failure(local_rig.run(outside, after, expect=False))


def test_a_step_that_is_retried(local_rig):
    """A step that fails once and succeeds then stores its value once; the old value stays until then."""
    tried = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def shaky() -> int:
        tried.append(local_rig.store().get("shaky"))
        if len(tried) == 2:
            raise ValueError("not yet")
        return len(tried)

    local_rig.run(shaky)
    local_rig.run(shaky)
    assert tried == [None, 1, 1]
    assert local_rig.load(shaky) == 3


def test_runs_of_one_partition_at_the_same_time(tmp_path):
    """Two runs that write one partition at once leave one of the two values, whole, and nothing beside it."""
    meet = threading.Barrier(2)

    @dg.asset(partitions_def=colors)
    def part(context) -> Any:
        meet.wait(30)
        return pl.DataFrame({"x": [1]}) if context.run.tags["frame"] == "yes" else {"x": 1}

    def run(frame):
        with dg.DagsterInstance.ephemeral() as instance:
            manager = AutoStoreIOManager(uri=str(tmp_path))
            results.append(
                dg.materialize(
                    [part],
                    partition_key="red",
                    tags={"frame": frame},
                    instance=instance,
                    resources={"io_manager": manager},
                ).success
            )

    results: list[bool] = []
    threads = [threading.Thread(target=run, args=[frame]) for frame in ("yes", "no")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [True, True]
    assert len(list(AutoStore(tmp_path).list_files())) == 1
    assert AutoStore(tmp_path)["part/partition=red/data"] is not None


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"base_dir": "x"}, "Did you mean 'uri'"),
        ({"s3_bucket": "x"}, "'s3://bucket/prefix/'"),
        ({"uri": "x", "history": True}, r"storage=LocalStorageConfig\(history=...\)"),
        ({"uri": "x", "endpoint_url": "http://x"}, r"storage=S3StorageConfig\(endpoint_url=...\)"),
        ({}, "has no uri"),
        ({"uri": None}, "is not set"),
        ({"uri": "x", "storage": autostore.StorageConfig(history=True)}, "from autostore_dagster import LocalStorage"),
        ({"uri": "x", "storage": autostore.S3StorageConfig()}, "from autostore_dagster import S3StorageConfig"),
        ({"uri": "x", "previous": dg.FilesystemIOManager(base_dir="y")}, "previous='./folder'"),
        ({"uri": "s3//bucket/prefix"}, "Write two slashes"),
    ],
)
def test_slips_of_somebody_who_moves_in(settings, remedy):
    """What a manager elsewhere, or the core, calls otherwise is told with what it is called here."""
    with pytest.raises(StorageError, match=remedy):
        AutoStoreIOManager(**settings)
