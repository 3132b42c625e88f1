"""Pruning: what goes, what stays and why, and that a dry run and strangers' files are as they were."""

import os
import subprocess
import sys
import uuid
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from autostore import AutoStore, InvalidConfigError
from autostore_dagster import AutoStoreIOManager, build_prune_job, prune

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
clients = dg.DynamicPartitionsDefinition(name="clients")
NOW = timedelta(0)


@dg.op
def one() -> int:
    """A number."""
    return 1


@dg.op
def more(number: int) -> int:
    """One more."""
    return number + 1


@dg.graph_asset
def graph():
    """An asset with an op's output behind it."""
    return more(one())


@dg.asset(partitions_def=days)
def daily(context) -> str:
    """Its day."""
    return context.partition_key


@dg.asset(partitions_def=clients)
def client(context) -> str:
    """Its client."""
    return context.partition_key


@dg.asset
def gone() -> int:
    """An asset that a later version of the code does not have."""
    return 1


@dg.asset(name="daily", partitions_def=dg.DailyPartitionsDefinition("2024-01-03", end_date="2024-01-05"))
def shorter(context) -> str:
    """The same asset, whose first days are no longer defined."""
    return context.partition_key


def defs_of(rig, *assets, **more):
    """Definitions over the rig's store."""
    return dg.Definitions(list(assets), resources={"io_manager": rig.manager}, **more)


def fill(rig):
    """Two runs of ops, four days, two clients of whom one leaves, and an asset that is deleted."""
    for day in days.get_partition_keys():
        rig.run(daily, partition=day)
    rig.instance.add_dynamic_partitions("clients", ["zoe", "adam"])
    for key in ("zoe", "adam"):
        rig.run(client, partition=key)
    rig.instance.delete_dynamic_partition("clients", "zoe")
    rig.run(gone)
    return [rig.run(graph).run_id for _ in range(2)]


LEFT = ["daily/date=2024-01-01/data", "daily/date=2024-01-02/data"]


def gone_of(rig, *assets, **options):
    """The keys that pruning takes."""
    before = set(rig.stored())
    pruned = prune(defs_of(rig, *assets), instance=rig.instance, **options)
    keys = sorted(left.key for left in pruned.removed)
    assert sorted(before - set(rig.stored())) == ([] if pruned.dry_run else keys)
    return keys


def test_what_goes(rig):
    """Outputs of runs that ended, partitions and assets that are no longer defined go; nothing else, and once."""
    runs = fill(rig)
    outputs = [f"_runs/{run}/graph.one/result" for run in runs]
    keep = (shorter, client, graph)
    options = {"runs_older_than": NOW}
    wanted = sorted([*outputs, *LEFT, "client/partition=zoe/data", "gone"])
    assert gone_of(rig, *keep, dry_run=True, **options) == wanted
    assert gone_of(rig, *keep, partitions=False, orphans=False) == []
    assert gone_of(rig, *keep, partitions=False, orphans=False, runs_older_than=timedelta(days=1)) == []
    assert gone_of(rig, *keep, **options) == wanted
    assert gone_of(rig, *keep, **options) == []
    assert rig.stored() == [
        "client/partition=adam/data",
        "daily/date=2024-01-03/data",
        "daily/date=2024-01-04/data",
        "graph",
    ]


def test_a_partition_that_comes_again(local_rig):
    """A client that leaves and comes again after pruning does not read what was stored before."""
    fill(local_rig)
    prune(defs_of(local_rig, client), instance=local_rig.instance, orphans=False)
    local_rig.instance.add_dynamic_partitions("clients", ["zoe"])
    with pytest.raises(FileNotFoundError):
        local_rig.load(client, partition="zoe")


def test_a_value_that_is_computed_while_it_is_judged(local_rig, monkeypatch):
    """A client that comes again while pruning looks at the event log keeps what its new run wrote."""
    fill(local_rig)
    fetch = local_rig.instance.fetch_materializations

    def meanwhile(asked, **more):
        found = fetch(asked, **more)
        if asked.asset_partitions == ["zoe"]:
            monkeypatch.undo()
            local_rig.instance.add_dynamic_partitions("clients", ["zoe"])
            local_rig.run(client, partition="zoe")
        return found

    monkeypatch.setattr(local_rig.instance, "fetch_materializations", meanwhile)
    pruned = prune(defs_of(local_rig, client), instance=local_rig.instance, orphans=False)
    assert [(left.key, left.kept) for left in pruned.kept] == [
        ("client/partition=zoe/data", "it was changed meanwhile")
    ]
    assert local_rig.load(client, partition="zoe") == "zoe"


def test_strangers(local_rig, tmp_path):
    """What Dagster did not write, and what was changed since, stays, and the table says why."""
    fill(local_rig)
    store = local_rig.store()
    strangers = {"notes": 1, "daily/date=1999-01-01/data": 2, "_runs/mine/x": 3, "_runs/alone": 4, "other/deep": 5}
    store.update(strangers)
    store["gone"] = "changed"
    folder = tmp_path / "store"
    (folder / "README.md").write_text("by hand")
    (folder / "gone.d").mkdir()
    (folder / "gone.d" / "x.csv").write_text("a\n1\n")
    pruned = prune(defs_of(local_rig, shorter, client, graph), instance=local_rig.instance, runs_older_than=NOW)
    assert not {left.key for left in pruned.removed} & {*strangers, "gone"}
    why = {left.key: left.kept for left in pruned.kept}
    assert why["notes"] == why["daily/date=1999-01-01/data"] == "Dagster did not write it"
    assert why["gone"] == "it was changed since Dagster wrote it"
    assert why["_runs/mine/x"] == "no run of Dagster's is called so"
    assert {key: store[key] for key in strangers} == strangers
    assert (folder / "README.md").read_text() == "by hand"
    assert (folder / "gone.d" / "x.csv").exists()
    assert "partition" in str(pruned)
    assert f"{len(pruned.removed)} value(s)" in str(pruned)
    assert pruned.bytes == sum(left.bytes for left in pruned.removed) > 0


def test_a_branch_prunes_what_is_its_own(local_rig, tmp_path):
    """What lies in the base stays: here it would only be hidden, and the next promotion would delete it there."""
    fill(local_rig)
    before = local_rig.stored()
    base, local_rig.uri = local_rig.manager, str(tmp_path / "branch")
    local_rig.manager = local_rig.manage(base=base)
    local_rig.run(gone)
    with local_rig.manager.open() as branch:
        pruned = prune(defs_of(local_rig, shorter, client, graph), instance=local_rig.instance, runs_older_than=NOW)
        assert [left.key for left in pruned.removed] == ["gone"]
        assert {left.kept for left in pruned.kept} == {"it lies in the base"}
        assert "daily/date=2024-01-01/data" in branch
        assert "gone" not in branch
    with base.open() as production:
        assert sorted(production.keys()) == before


def test_runs_that_go_on(local_rig):
    """The outputs of a run that goes on, and of one that it re-executes, stay; those of runs that are forgotten go."""
    (first, second) = fill(local_rig)
    instance = local_rig.instance
    forgotten = str(uuid.uuid4())
    local_rig.store()[f"_runs/{forgotten}/step/result"] = 1
    instance.create_run_for_job(
        defs_of(local_rig, graph).resolve_implicit_global_asset_job_def(),
        parent_run_id=first,
        root_run_id=first,
        status=dg.DagsterRunStatus.STARTED,
    )
    pruned = prune(defs_of(local_rig, graph), instance=instance, partitions=False, orphans=False, runs_older_than=NOW)
    assert sorted(left.key.split("/")[1] for left in pruned.removed) == sorted([second, forgotten])
    assert [left.kept for left in pruned.kept] == ["the run, or a re-execution of it, goes on"]


def test_a_run_that_is_re_executed_for_the_third_time(local_rig):
    """It reads what every run before it left, as each took over from the one before what that had done."""
    instance, store = local_rig.instance, local_rig.store()
    job = defs_of(local_rig, graph).resolve_implicit_global_asset_job_def()
    runs: list[str] = []
    statuses = [*[dg.DagsterRunStatus.FAILURE] * 3, dg.DagsterRunStatus.STARTED]
    for status in statuses:
        origin = {"parent_run_id": runs[-1], "root_run_id": runs[0]} if runs else {}
        runs.append(instance.create_run_for_job(job, status=status, **origin).run_id)
        store[f"_runs/{runs[-1]}/step_{len(runs)}/result"] = 1
    pruned = prune(defs_of(local_rig, graph), instance=instance, runs_older_than=NOW)
    assert pruned.removed == []
    assert {left.key.split("/")[1] for left in pruned.kept} == set(runs)


def test_an_asset_that_got_partitions(local_rig):
    """The single value of an asset that has partitions now goes, however long ago it was written."""

    @dg.asset(name="daily")
    def whole() -> str:
        return "whole"

    local_rig.run(whole)
    for day in days.get_partition_keys():
        local_rig.run(daily, partition=day)
    assert gone_of(local_rig, daily) == ["daily"]
    assert gone_of(local_rig, whole) == [f"daily/date={day}/data" for day in days.get_partition_keys()]


def test_a_job_and_its_schedule(local_rig):
    """The ready job prunes the store of the definitions that it is given, and shows what it did."""
    fill(local_rig)
    keep = (shorter, client, graph)
    schedule = build_prune_job(runs_older_than=None, orphans=True, defs=lambda: defs_of(local_rig, *keep))
    defs = defs_of(local_rig, *keep, schedules=[schedule])
    result = defs.resolve_job_def("prune_store").execute_in_process(instance=local_rig.instance)
    assert "gone" not in local_rig.stored()
    assert not set(LEFT) & set(local_rig.stored())
    assert defs.resolve_schedule_def(schedule.name).cron_schedule == "0 3 * * *"
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    assert event.event_specific_data.metadata["values"].value == 4


def test_a_job_that_finds_nothing(local_rig):
    """The nightly run of a store in which all is needed succeeds, and counts nothing."""
    local_rig.run(gone)
    schedule = build_prune_job(defs=lambda: defs_of(local_rig, gone))
    defs = defs_of(local_rig, gone, schedules=[schedule])
    result = defs.resolve_job_def("prune_store").execute_in_process(instance=local_rig.instance)
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    assert {name: shown.value for name, shown in event.event_specific_data.metadata.items()} == {
        "values": 0,
        "bytes": 0,
        "kept": 0,
    }
    assert local_rig.stored() == ["gone"]


def test_a_job_outside_of_a_code_location(local_rig):
    """What is defined is not known there, and the error says how to say it."""
    defs = defs_of(local_rig, gone, schedules=[build_prune_job()])
    with pytest.raises(InvalidConfigError, match=r"outside of a code location.*defs="):
        defs.resolve_job_def("prune_store").execute_in_process(instance=local_rig.instance)


PROJECT = """
import dagster as dg
from datetime import timedelta
from autostore_dagster import AutoStoreIOManager, build_prune_job

@dg.asset
def kept(): return 1

@dg.asset
def gone(): return 1

defs = dg.Definitions([kept, gone], resources={"io_manager": AutoStoreIOManager(uri=dg.EnvVar("PLACE"))},
                      schedules=[build_prune_job(orphans=True)])
"""


def test_the_job_in_a_project(tmp_path):
    """Launched from a code location, the job knows what that defines: an asset taken out of the code goes."""
    project = tmp_path / "project.py"
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "PLACE": str(tmp_path / "store")}

    def launch(*command):
        dagster = [sys.executable, "-W", "ignore", "-m", "dagster", *command, "-f", str(project)]
        subprocess.run(dagster, check=True, env=environment, timeout=300, capture_output=True)

    project.write_text(PROJECT)
    launch("asset", "materialize", "--select", "*")
    project.write_text(PROJECT.replace("[kept, gone]", "[kept]"))
    assert sorted(AutoStore(tmp_path / "store").keys()) == ["gone", "kept"]
    launch("job", "execute", "-j", "prune_store")
    assert sorted(AutoStore(tmp_path / "store").keys()) == ["kept"]


def test_other_code_locations(local_rig, monkeypatch):
    """An asset that another code location materialized is no orphan of these definitions."""
    fill(local_rig)

    def origin(name):
        target = LoadableTargetOrigin(python_file=__file__)
        return RemoteJobOrigin(
            RemoteRepositoryOrigin(InProcessCodeLocationOrigin(target, location_name=name), "r"), "j"
        )

    find, theirs = local_rig.instance.get_run_by_id, {"gone": "theirs"}

    def from_a_location(run):  # in-process runs have none
        return find(run)._replace(remote_job_origin=origin(theirs.get(_asset_of(local_rig, run), "ours")))

    monkeypatch.setattr(local_rig.instance, "get_run_by_id", from_a_location)
    pruned = prune(defs_of(local_rig, daily, client, graph), instance=local_rig.instance, partitions=False)
    assert {left.key: left.kept for left in pruned.kept} == {"gone": "it is of the code location theirs"}


COMMANDED = """
import dagster as dg
from autostore_dagster import AutoStoreIOManager

@dg.asset
def NAME() -> int:
    return 1

defs = dg.Definitions([NAME], resources={"io_manager": AutoStoreIOManager(uri=URI)})
"""


def test_other_code_locations_whose_runs_a_command_started(tmp_path):
    """Such a run tells no code location, but its module; one of a script tells nothing, and is nobody's orphan then."""
    home, uri = tmp_path / "home", str(tmp_path / "store")
    home.mkdir()
    for name in ("ours", "theirs"):
        file = tmp_path / f"{name}.py"
        file.write_text(COMMANDED.replace("NAME", name).replace("URI", repr(uri)))
        command = [sys.executable, "-W", "ignore", "-m", "dagster", "asset", "materialize", "-f", str(file)]
        environment = {**os.environ, "DAGSTER_HOME": str(home)}
        subprocess.run([*command, "--select", name], env=environment, check=True, capture_output=True, timeout=100)

    @dg.asset
    def ours() -> int:
        return 1

    @dg.asset
    def scripted() -> int:
        return 1

    resources = {"io_manager": AutoStoreIOManager(uri=uri)}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        dg.materialize([scripted], resources=resources, instance=instance)
        pruned = prune(dg.Definitions([ours], resources=resources), instance=instance)
    assert pruned.removed == []
    told = {left.key: left.kept for left in pruned.kept}
    assert "theirs.py" in told["theirs"]
    assert told["scripted"] == "its run does not say of which code location it is"


def _asset_of(rig, run):
    events = rig.instance.all_logs(run, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return events[0].dagster_event.asset_key.to_user_string() if events else None


def test_assets_that_are_only_named_here(local_rig):
    """What others define and these depend on, is theirs, with all of its partitions."""
    fill(local_rig)

    @dg.asset(deps=["daily", "gone"])
    def after() -> int:
        return 1

    assert gone_of(local_rig, after, client, graph) == ["client/partition=zoe/data"]
    specs = [dg.AssetSpec("daily"), dg.AssetSpec("gone")]
    assert gone_of(local_rig, *specs, client, graph) == []


def test_other_managers(tmp_path):
    """Definitions without a store of ours are refused by name."""
    with pytest.raises(InvalidConfigError, match="io_manager_key"):
        prune(dg.Definitions([gone]))
    with pytest.raises(InvalidConfigError, match=r"prune\(\) takes Definitions"):
        prune([gone])
    assert os.listdir(tmp_path) == []
    assert list(AutoStore(tmp_path).keys()) == []
