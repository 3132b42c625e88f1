"""Runs as they happen: ops and graphs, mapped steps, processes of their own, and re-execution after a failure."""

import os
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from autostore import AutoStore
from autostore_dagster import AutoStoreIOManager, LocalStorageConfig, S3StorageConfig


@dg.op
def one() -> int:
    """A number."""
    return 1


@dg.op(out=dg.DynamicOut(int))
def fan_out():
    """Two numbers, one by one."""
    yield dg.DynamicOutput(10, "a")
    yield dg.DynamicOutput(20, "b")


@dg.op
def add_one(number: int) -> int:
    """One more."""
    return number + 1


@dg.op
def total(numbers: list[int]) -> int:
    """Their sum."""
    return sum(numbers)


@dg.graph_asset
def summed():
    """Mapped steps, collected."""
    return total(fan_out().map(add_one).collect())


def test_graph_backed_assets(rig):
    """Inner outputs lie by run and step, the asset at its own key; parts of a fan-in come one by one."""
    run = rig.run(summed).run_id
    steps = f"_runs/{run}/summed"
    assert rig.stored() == [
        f"{steps}.add_one[a]/result", f"{steps}.add_one[b]/result",
        f"{steps}.fan_out/result/a", f"{steps}.fan_out/result/b", "summed",
    ]  # fmt: skip
    assert rig.load(summed) == 32


def test_jobs_of_ops(rig, instance):
    """Two runs of a job of ops do not touch each other's outputs."""

    @dg.job(resource_defs={"io_manager": rig.manager})
    def job():
        add_one(one())

    runs = [job.execute_in_process(instance=instance).run_id for _ in range(2)]
    assert rig.stored() == sorted(f"_runs/{run}/{step}/result" for run in runs for step in ("one", "add_one"))
    assert [rig.store()[f"_runs/{run}/add_one/result"] for run in runs] == [2, 2]


def test_multi_assets(rig):
    """Each output of a multi-asset has its asset's key."""

    @dg.multi_asset(outs={"first": dg.AssetOut(), "second": dg.AssetOut(key=["deep", "er"])})
    def both() -> tuple[int, str]:
        return 1, "two"

    rig.run(both)
    assert {key: rig.store()[key] for key in rig.stored()} == {"first": 1, "deep/er": "two"}


# Each step is a process of its own, whose imports were done once for all.
FORKED = {"forkserver": {"preload_modules": ["tests.dagster.test_runs"]}}


def resilient_job():
    """A job whose last step fails until the file that UP names exists."""

    @dg.op
    def measure() -> dict[str, Any]:
        return {"pid": os.getpid(), "number": 5}

    @dg.op(out={"plain": dg.Out(int), "doubled": dg.Out(int)})
    def split(measured: dict[str, Any]):
        return measured["number"], 2 * measured["number"]

    @dg.op
    def report(context: dg.OpExecutionContext, plain: int, doubled: int) -> int:
        if not os.path.exists(os.environ["UP"]):
            raise dg.Failure("not yet", allow_retries=False)
        with open(os.environ["UP"], "a") as file:
            file.write(f"{os.getpid()} {plain + doubled}")
        return plain + doubled

    @dg.job(
        resource_defs={"io_manager": AutoStoreIOManager(uri=dg.EnvVar("PLACE"))},
        executor_def=dg.multiprocess_executor.configured({"max_concurrent": 1, "start_method": FORKED}),
    )
    def resilient():
        report(*split(measure()))

    return resilient


@pytest.fixture
def persistent(tmp_path, monkeypatch):
    """An instance on disk, that other processes can open, and the variables of the job."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", str(tmp_path / "store"))
    monkeypatch.setenv("UP", str(tmp_path / "up"))
    with dg.DagsterInstance.get() as instance:
        yield instance


def test_re_execution_from_failure(persistent, tmp_path):
    """Steps in processes of their own hand values through the store; a re-execution reads the parent run's."""
    job = dg.reconstructable(resilient_job)
    with dg.execute_job(job, persistent) as first:
        assert not first.success
    (tmp_path / "up").touch()
    options = dg.ReexecutionOptions.from_failure(first.run_id, persistent)
    with dg.execute_job(job, persistent, reexecution_options=options) as second:
        assert second.success
    store = AutoStore(tmp_path / "store")
    assert store[f"_runs/{second.run_id}/report/result"] == 15
    assert [key.split("/")[1] for key in store.keys("_runs/") if "/split/" in key] == [first.run_id] * 2
    pid, number = (tmp_path / "up").read_text().split()
    assert number == "15"
    assert len({int(pid), store[f"_runs/{first.run_id}/measure/result"]["pid"], os.getpid()}) == 3


def hand_built(definition=None, keys=(), *, kind=None):
    """The contexts that unit tests of pipelines build: for writing, and for reading."""
    options = {"asset_key": dg.AssetKey("thing"), "asset_partitions_def": definition}
    if keys:
        options["asset_partition_key_range"] = dg.PartitionKeyRange(keys[0], keys[-1])
    written = dg.build_output_context(**options)
    dagster_type = dg.PythonObjectDagsterType(kind) if kind else None
    return written, dg.build_input_context(**options, upstream_output=written, dagster_type=dagster_type)


def test_contexts_built_by_hand(rig):
    """A manager is used without a run, as unit tests do."""
    writing, reading = hand_built()
    rig.manager.handle_output(writing, {"a": 1})
    assert rig.manager.load_input(reading) == {"a": 1}
    assert rig.store()["thing"] == {"a": 1}


class Opaque:
    """What only a pickle can hold: its own code says how it is made."""

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Opaque) and other.text == self.text

    def __hash__(self):
        return hash(self.text)

    def __reduce__(self):
        return Opaque, (self.text,)


def test_variables_of_managers_used_by_hand(tmp_path, monkeypatch):
    """Each EnvVar is resolved as in a run, nested ones too, and one that is missing is named."""
    for name, value in {"PLACE": str(tmp_path / "store"), "KEY": "the real key", "OFTEN": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    storage = LocalStorageConfig(pickle_key=dg.EnvVar("KEY"))
    manager = AutoStoreIOManager(uri=dg.EnvVar("PLACE"), storage=storage, retries=dg.EnvVar.int("OFTEN"))
    writing, reading = hand_built()
    manager.handle_output(writing, {"real": Opaque("x")})
    assert manager.load_input(reading) == {"real": Opaque("x")}
    signed = AutoStore(tmp_path / "store", LocalStorageConfig(pickle_key="the real key").to_core())
    assert signed["thing"] == {"real": Opaque("x")}
    assert list(signed.list_files()) == ["thing.pkl"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    with pytest.raises(dg.DagsterInvalidConfigError, match="NOWHERE"):
        AutoStoreIOManager(uri=dg.EnvVar("NOWHERE")).handle_output(writing, 1)


def test_a_lazy_table_of_a_manager_used_by_hand(bucket, tmp_path):
    """A lazy table is read after the call that loaded it, until the manager is torn down."""
    server, name = bucket
    storage = S3StorageConfig(endpoint_url=server.endpoint, temp_dir=str(tmp_path))
    manager = AutoStoreIOManager(uri=f"s3://{name}/", storage=storage)
    writing, reading = hand_built(kind=pl.LazyFrame)
    manager.handle_output(writing, pl.DataFrame({"x": [1]}))
    table = manager.load_input(reading)
    assert table.collect()["x"].to_list() == [1]
    assert len(list(tmp_path.iterdir())) == 1
    manager.teardown_after_execution(dg.build_init_resource_context())
    assert list(tmp_path.iterdir()) == []
    assert manager.load_input(reading).collect()["x"].to_list() == [1]


def test_partitions_of_contexts_built_by_hand(rig):
    """Also with partitions: one, and one after another in their order."""
    colors = dg.StaticPartitionsDefinition(["red", "blue", "green"])
    for color in colors.get_partition_keys():
        rig.manager.handle_output(hand_built(colors, [color])[0], color.upper())
    assert rig.manager.load_input(hand_built(colors, ["blue"])[1]) == {"blue": "BLUE"}
    assert rig.manager.load_input(hand_built(colors, ["blue"], kind=str)[1]) == "BLUE"
    whole = rig.manager.load_input(hand_built(colors, ["red", "green"])[1])
    assert list(whole.items()) == [("red", "RED"), ("blue", "BLUE"), ("green", "GREEN")]


def test_hours_are_escaped(rig):
    """The colon of an hour is no character of a key, and comes back."""
    hours = dg.HourlyPartitionsDefinition("2013-01-01-00:00", end_date="2013-01-01-02:00")

    @dg.asset(partitions_def=hours)
    def hourly(context) -> str:
        return context.partition_key

    rig.run(hourly, partition="2013-01-01-01:00")
    assert rig.stored() == ["hourly/date=2013-01-01-01%3A00/data"]
    assert rig.load(hourly, partition="2013-01-01-01:00") == "2013-01-01-01:00"


@pytest.mark.parametrize("kind", [pl.LazyFrame, pd.DataFrame])
def test_the_frames_of_a_fan_in_are_of_the_kind_that_is_asked_for(local_rig, kind):
    """As a single one is; Dagster's check of the type failed."""

    @dg.op(out=dg.DynamicOut(pl.DataFrame))
    def frames():
        for name in ("a", "b"):
            yield dg.DynamicOutput(pl.DataFrame({"x": [1]}), mapping_key=name)

    @dg.op
    def same(frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    @dg.op
    def count(found: list[kind]) -> int:
        assert all(isinstance(one, kind) for one in found)
        return len(found)

    @dg.graph_asset
    def counted() -> int:
        return count(frames().map(same).collect())

    local_rig.run(counted)
    assert local_rig.store()["counted/data" if "counted/data" in local_rig.store() else "counted"] == 2
