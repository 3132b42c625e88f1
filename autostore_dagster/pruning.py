"""Housekeeping: takes away what runs, old partitions and assets that are gone left in the store, and nothing else.

What Dagster did not write, as its own event log says, or what was changed since, is never touched.
"""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from autostore import AutoStore, StorageFileNotFoundError
from autostore_dagster.choosing import graph_of
from autostore_dagster.evidence import Evidence, runs_of
from autostore_dagster.io_manager import manager_of
from autostore_dagster.keys import RUNS
from autostore_dagster.leftovers import Defined, Leftover, orphan_or_partition, output_of_run
from autostore_dagster.origins import lies_in_base

__all__ = ["Pruned", "build_prune_job", "prune"]

SHOWN = 1000
"""Rows of the table in the UI."""


BASE_S = "it lies in the base"
"""Of a branch: removed here it would be hidden only, and be deleted there by the next promotion."""


@dataclasses.dataclass(frozen=True)
class _Wanted:
    partitions: bool
    orphans: bool
    runs_older_than: timedelta | None
    dry_run: bool


@dataclasses.dataclass(frozen=True)
class Pruned:
    """What was removed, or would be by a dry run, and what stayed although nobody needs it."""

    removed: list[Leftover]
    kept: list[Leftover]
    dry_run: bool

    @property
    def bytes(self) -> int:
        """How much was removed."""
        return sum(leftover.bytes for leftover in self.removed)

    def records(self) -> list[dict[str, str | int]]:
        """A row for each, as tables of Dagster and of Polars take them."""
        done = "would go" if self.dry_run else "gone"
        return [
            {"key": each.key, "why": each.why, "bytes": each.bytes, "what": each.kept or done}
            for each in [*self.removed, *self.kept]
        ]

    def __str__(self) -> str:
        """A table for a terminal."""
        rows = [f"{row['why']:<10} {row['bytes']:>12,} {row['key']}  ({row['what']})" for row in self.records()]
        return "\n".join([*rows, f"{len(self.removed)} value(s), {self.bytes:,} bytes"])


def prune(
    defs: dg.Definitions,
    *,
    instance: dg.DagsterInstance | None = None,
    runs_older_than: timedelta | None = None,
    partitions: bool = True,
    orphans: bool = True,
    dry_run: bool = False,
    io_manager_key: str = "io_manager",
) -> Pruned:
    """Remove what no definition and no run needs any more from the store of the definitions' `AutoStoreIOManager`.

    Of an asset or partition only the file that its last materialization wrote; of runs those that have ended. What
    another code location materialized stays, and so do assets that are only named here, as a dependency. Costs 1 LIST
    per 1,000 keys; for each value that may go 1 request and 1 query of the event log, 2 requests more to remove it.

    Args:
        defs: all that is defined over this store.
        instance: whose event log and dynamic partitions count; None: that of `DAGSTER_HOME`.
        runs_older_than: outputs of ops go when their run ended so long ago; None: they stay. Re-executions
            of a run read them.
        partitions: partitions of defined assets, that are no longer defined themselves, go.
        orphans: assets that are no longer defined go.
        dry_run: nothing goes.
        io_manager_key: the resource that has the store.
    """
    wanted = _Wanted(partitions, orphans, runs_older_than, dry_run)
    with manager_of(defs, io_manager_key, "prune").open() as store:
        return _prune(store, defs.resolve_asset_graph(), instance or dg.DagsterInstance.get(), wanted)


def build_prune_job(
    *,
    name: str = "prune_store",
    cron_schedule: str = "0 3 * * *",
    runs_older_than: timedelta | None = timedelta(days=30),
    partitions: bool = True,
    orphans: bool = False,
    dry_run: bool = False,
    io_manager_key: str = "io_manager",
    defs: Callable[[], dg.Definitions] | None = None,
) -> dg.ScheduleDefinition:
    """A schedule, with its job, that prunes the store of the definitions it is part of; the run's page has the table.

    The arguments are those of `prune`; orphans are left unless asked for. `defs` gives all that is defined, where
    the code location that launches the run is not all of it, or where a test executes the job in its own process.
    """
    prune_op = _op(name, io_manager_key, _Wanted(partitions, orphans, runs_older_than, dry_run), defs)

    @dg.job(name=name, executor_def=dg.in_process_executor)
    def prune_job() -> None:
        prune_op.alias(name)()  # a job and an op of one name cannot be loaded

    return dg.ScheduleDefinition(job=prune_job, cron_schedule=cron_schedule)


def _op(name: str, io_manager_key: str, wanted: _Wanted, defs: Callable[[], dg.Definitions] | None) -> dg.OpDefinition:
    @dg.op(name=f"{name}_op", required_resource_keys={io_manager_key}, out=dg.Out(dg.Nothing))
    def prune_op(context: dg.OpExecutionContext) -> None:
        graph = graph_of(context, defs)
        with getattr(context.resources, io_manager_key).open() as store:
            pruned = _prune(store, graph, context.instance, wanted)
        rows = [dg.TableRecord(row) for row in pruned.records()[:SHOWN]]
        counts = {"values": len(pruned.removed), "bytes": pruned.bytes, "kept": len(pruned.kept)}
        context.add_output_metadata({**({"pruned": dg.MetadataValue.table(rows)} if rows else {}), **counts})

    return prune_op


def _prune(store: AutoStore, graph: Any, instance: dg.DagsterInstance, wanted: _Wanted) -> Pruned:
    defined, evidence = Defined.of(graph, instance), Evidence(instance, graph)
    kinds = {"partition": wanted.partitions, "orphan": wanted.orphans}
    found = [left for key in store.keys("") if (left := orphan_or_partition(key, defined)) and kinds[left.why]]
    looked = [seen for left in found if (seen := _of_an_asset(store, evidence, left))]
    if wanted.runs_older_than is not None:
        looked += _of_runs(store, instance, datetime.now(UTC) - wanted.runs_older_than)
    if not wanted.dry_run:
        looked = [done for left in looked if (done := left if left.kept else _removed(store, left))]
    going = [left for left in looked if not left.kept]
    return Pruned(going, [left for left in looked if left.kept], wanted.dry_run)


def _of_an_asset(store: AutoStore, evidence: Evidence, left: Leftover) -> Leftover | None:
    try:
        file = store.get_metadata(left.key)
    except StorageFileNotFoundError:  # gone since it was listed
        return None
    kept = BASE_S if lies_in_base(store, left.key) else evidence.why_kept(left, file.etag)
    return dataclasses.replace(left, bytes=file.size, etag=file.etag, kept=kept)


def _of_runs(store: AutoStore, instance: dg.DagsterInstance, before: datetime) -> list[Leftover]:
    outputs = [left for key in store.keys(f"{RUNS}/") if (left := output_of_run(key))]
    runs = runs_of(instance, {left.address.run[0] for left in outputs}) if outputs else None
    looked = []
    for left in outputs:
        try:
            file = store.get_metadata(left.key)
        except StorageFileNotFoundError:
            continue
        kept = runs.why_kept(left.address.run[0], file.modified_time, before) if runs else ""
        kept = BASE_S if lies_in_base(store, left.key) else kept
        looked.append(dataclasses.replace(left, bytes=file.size, etag=file.etag, kept=kept))
    return looked


def _removed(store: AutoStore, left: Leftover) -> Leftover | None:
    """What became of it; None where it was gone. It is looked at again, as a run may have written it meanwhile."""
    try:
        if store.get_metadata(left.key).etag != left.etag:
            return dataclasses.replace(left, kept="it was changed meanwhile")
        del store[left.key]
    except StorageFileNotFoundError:
        return None
    return left
