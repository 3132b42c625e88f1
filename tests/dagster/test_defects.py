"""Eleven defects of today's IO managers: each scenario runs on Dagster's own manager, which fails it, and on ours.

The expected failures are strict: the day that Dagster mends one, its line here says so.
"""

import asyncio
import pickle
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster_aws.s3 import S3PickleIOManager, S3Resource

from autostore import AutoStore, LocalFileBackend, StorageConnectionError
from autostore_dagster import AutoStoreIOManager, S3StorageConfig
from tests.dagster.conftest import Rig, forget_connections

days = dg.DailyPartitionsDefinition("2013-01-01", end_date="2013-01-04")
DAYS = days.get_partition_keys()


def theirs(reason):
    """Dagster's own manager, and how it fails."""
    return pytest.mark.xfail(reason=reason, strict=True)


def on(*, theirs_fails):
    """The scenario on FilesystemIOManager, which fails as said, and on ours."""
    return pytest.mark.parametrize(
        "local", ["autostore", pytest.param("filesystem", marks=theirs(theirs_fails))], indirect=True
    )


def on_s3(*, theirs_fails):
    """The scenario on S3PickleIOManager, which fails as said, and on ours."""
    # It never closes its connections.
    leaky = [theirs(theirs_fails), pytest.mark.filterwarnings("ignore::ResourceWarning")]
    return pytest.mark.parametrize("remote", ["autostore", pytest.param("s3_pickle", marks=leaky)], indirect=True)


@pytest.fixture
def local(request, tmp_path, instance):
    """A rig on a local folder."""
    folder = str(tmp_path / "deep" / "er" / "store")
    kinds = {"filesystem": lambda: dg.FilesystemIOManager(base_dir=folder), "autostore": lambda: None}
    return Rig(folder, instance, manager=kinds[request.param]())


@pytest.fixture
def remote(request, bucket, instance):
    """A rig on a bucket."""
    server, name = bucket
    uri = f"s3://{name}/p/"
    if request.param == "autostore":
        yield Rig(uri, instance, storage=S3StorageConfig(endpoint_url=server.endpoint))
        return
    s3 = S3Resource(endpoint_url=server.endpoint)
    yield Rig(uri, instance, manager=S3PickleIOManager(s3_resource=s3, s3_bucket=name, s3_prefix="p"))
    forget_connections()


class Unpicklable:
    """Fails after half of it was written."""

    def __reduce__(self):
        raise pickle.PicklingError("half way")


@on(theirs_fails="the file was opened for writing before the value was pickled")
def test_1_a_failed_write_keeps_the_old_value(local):
    """A value that cannot be stored leaves the one before."""
    values = [{"good": (1, 2)}, {"bad": Unpicklable()}]

    @dg.asset
    def thing() -> Any:
        return values.pop(0)

    local.run(thing)
    local.run(thing, expect=False)
    assert local.load(thing) == {"good": (1, 2)}


@on_s3(theirs_fails="`path.exists()` and `unlink()` on a local path before the upload")
def test_2_local_files_are_nobody_s(remote, tmp_path, monkeypatch):
    """A file in the current folder that is named like the key stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    mine = tmp_path / "p" / "daily"
    mine.write_text("mine")

    @dg.asset(partitions_def=days)
    def daily() -> int:
        return 1

    remote.run(daily, partition=DAYS[0])
    assert mine.read_text() == "mine"


@on_s3(theirs_fails="its uri names the asset, not the partition")
def test_3_the_uri_has_its_partition(remote):
    """The uri in the event log is that of the file that was written."""

    @dg.asset(partitions_def=days)
    def daily() -> int:
        return 1

    metadata = remote.metadata(remote.run(daily, partition=DAYS[1]), "daily")
    assert DAYS[1] in metadata[DAYS[1]]["uri"]


@on(theirs_fails="the partition's file is the other asset's")
def test_4_a_partition_and_an_asset_of_that_name(local):
    """Partition `child` of `par` and the asset `par/child` are two things."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["child"]))
    def par() -> str:
        return "partition"

    @dg.asset(key=["par", "child"])
    def child() -> str:
        return "asset"

    local.run(par, partition="child")
    local.run(child)
    assert local.load(par, partition="child") == "partition"
    assert local.load(child) == "asset"


@on(theirs_fails="both partitions are the file p/q/r")
def test_5_two_dimensions_do_not_mix(local):
    """`p|q/r` and `p/q|r` are two partitions."""
    names = {"a": dg.StaticPartitionsDefinition(["p", "p/q"]), "b": dg.StaticPartitionsDefinition(["q/r", "r"])}

    @dg.asset(partitions_def=dg.MultiPartitionsDefinition(names))
    def cell(context) -> str:
        return context.partition_key

    keys = [dg.MultiPartitionKey({"a": "p", "b": "q/r"}), dg.MultiPartitionKey({"a": "p/q", "b": "r"})]
    for key in keys:
        local.run(cell, partition=key)
    assert [local.load(cell, partition=key) for key in keys] == ["p|q/r", "p/q|r"]


@on(theirs_fails="the file lies beside the base folder")
def test_6_nothing_outside_the_root(local, tmp_path):
    """An asset called `../x` lies in the store."""

    @dg.asset(key=["..", "..", "x"])
    def escaping() -> int:
        return 1

    local.run(escaping)
    assert local.load(escaping) == 1
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(local.uri)]
    assert outside == []


@on(theirs_fails="FileExistsError: n is a file where a folder is needed")
def test_7_an_asset_and_one_below_it(local):
    """`n` and `n/m` live side by side."""

    @dg.asset
    def n() -> int:
        return 1

    @dg.asset(key=["n", "m"])
    def m() -> int:
        return 2

    local.run(n)
    local.run(m)
    assert (local.load(n), local.load(m)) == (1, 2)


@on(theirs_fails="IsADirectoryError: the partitions' folder is in the way")
def test_7_an_asset_loses_its_partitions(local):
    """An asset that was partitioned yesterday is stored today."""

    @dg.asset(name="thing", partitions_def=days)
    def before() -> int:
        return 1

    @dg.asset(name="thing")
    def after() -> int:
        return 2

    local.run(before, partition=DAYS[0])
    local.run(after)
    assert local.load(after) == 2


class Down:
    """How many transfers the line still fails."""

    failures = 0

    @classmethod
    def maybe(cls):
        """Fail, or not."""
        if cls.failures:
            cls.failures -= 1
            raise StorageConnectionError("The line is down.")


class FlakyFolder(LocalFileBackend):
    """A place whose first uploads fail."""

    def upload(self, *args, **kwargs):
        """Fails, or uploads."""
        Down.maybe()
        return super().upload(*args, **kwargs)


class FlakyPickles(dg.UPathIOManager):
    """Dagster's base class over the same bad line."""

    def dump_to_path(self, context, obj, path):
        """Fails, or writes."""
        Down.maybe()
        path.write_bytes(pickle.dumps(obj))

    def load_from_path(self, context, path):
        """Read."""
        return pickle.loads(path.read_bytes())


@pytest.mark.parametrize(
    "ours", [True, pytest.param(False, marks=theirs("UPathIOManager: the step is computed again"))]
)
def test_8_a_failed_transfer_computes_nothing_again(tmp_path, instance, ours):
    """A write that fails once is repeated; the step that took an hour is not."""
    from upath import UPath

    AutoStore.register_backend("flaky", FlakyFolder)
    manager = AutoStoreIOManager(uri=f"flaky://{tmp_path}", retry_wait=0) if ours else FlakyPickles(UPath(tmp_path))
    computed = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def expensive() -> int:
        computed.append(1)
        return 5

    Down.failures = 1
    rig = Rig(str(tmp_path), instance, manager=manager)
    rig.run(expensive)
    assert rig.load(expensive) == 5
    assert computed == [1]


class AsyncPickles(dg.UPathIOManager):
    """The concurrent loading that Dagster documents: an async `load_from_path`."""

    extension = ".pkl"

    def dump_to_path(self, context, obj, path):
        """Write."""
        path.write_bytes(pickle.dumps(obj))

    async def load_from_path(self, context, path):
        """Read, as a coroutine."""
        return pickle.loads(path.read_bytes())


@pytest.fixture(params=["autostore", pytest.param("async", marks=theirs("UPathIOManager with async loading"))])
def concurrent(request, tmp_path, instance):
    """A rig whose manager loads many partitions at a time."""
    from upath import UPath

    return Rig(str(tmp_path), instance, manager=None if request.param == "autostore" else AsyncPickles(UPath(tmp_path)))


@dg.asset(partitions_def=days)
def daily(context) -> str:
    """Its own partition key."""
    return context.partition_key


def test_9_a_missing_partition_moves_no_value(concurrent):
    """Each value stays with its own key where the first is missing."""
    for day in DAYS[1:]:
        concurrent.run(daily, partition=day)
    allowed = {"allow_missing_partitions": True}
    loaded = concurrent.load(daily, dict[str, str], between=(DAYS[0], DAYS[-1]), metadata=allowed)
    assert loaded == {day: day for day in DAYS[1:]}


def test_9_a_running_loop(concurrent):
    """Many partitions load inside a running event loop."""
    for day in DAYS:
        concurrent.run(daily, partition=day)

    async def load():
        return concurrent.load(daily, dict[str, str], between=(DAYS[0], DAYS[-1]))

    assert asyncio.run(load()) == {day: day for day in DAYS}


@on(theirs_fails="None is taken for missing")
def test_9_a_none_stays_in_the_dict(local):
    """A partition whose value is None is there."""

    @dg.asset(partitions_def=days)
    def maybe(context) -> int | None:
        return None if context.partition_key == DAYS[1] else 1

    for day in DAYS:
        local.run(maybe, partition=day)
    loaded = local.load(maybe, dict[str, int | None], between=(DAYS[0], DAYS[-1]))
    assert loaded == {DAYS[0]: 1, DAYS[1]: None, DAYS[2]: 1}


def test_10_an_unannotated_lazy_frame(rig):
    """dagster-polars dispatches on the annotation and crashes; here the object decides."""

    @dg.asset
    def lazy():
        return pl.LazyFrame({"x": [1]})

    rig.run(lazy)
    assert rig.load(lazy).collect().rows() == [(1,)]


def test_10_a_none_replaces_the_table(rig):
    """dagster-polars leaves the old file; here None is the value now."""
    values = [pl.DataFrame({"x": [1]}), None]

    @dg.asset
    def maybe() -> pl.DataFrame | None:
        return values.pop(0)

    rig.run(maybe)
    rig.run(maybe)
    assert rig.load(maybe, pl.DataFrame | None) is None
    assert list(rig.store().list_files()) == ["maybe.json"]


@on(theirs_fails="exactly one partition comes as the bare object")
def test_11_a_dict_of_one_partition(local):
    """`dict[str, T]` is a dict, also of one partition."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["only"]))
    def parts() -> int:
        return 5

    seen = []

    @dg.asset
    def whole(parts: dict[str, int]) -> None:
        seen.append(parts)

    local.run(parts, partition="only")
    local.run(parts, whole, select=[whole])
    assert seen == [{"only": 5}]


def test_11_no_stale_sibling(rig):
    """An asset of another type leaves no file of the old one."""
    values = [pl.DataFrame({"x": [1]}), {"x": 1}]

    @dg.asset
    def changing() -> Any:
        return values.pop(0)

    rig.run(changing)
    rig.run(changing)
    assert list(rig.store().list_files()) == ["changing.json"]
