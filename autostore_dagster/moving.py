"""Carries over what another manager wrote: read in the previous place, written here, read again and compared."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from autostore import (
    AutoStore,
    InvalidConfigError,
    PreconditionFailedError,
    StorageConnectionError,
    StorageError,
    StorageFileNotFoundError,
)
from autostore.plugins import in_order, same
from autostore_dagster import annotations
from autostore_dagster.choosing import Asset, chosen_assets, graph_of
from autostore_dagster.io_manager import AutoStoreIOManager, manager_of
from autostore_dagster.keys import asset_key
from autostore_dagster.outputs import stored_assets
from autostore_dagster.partitions import dimensions
from autostore_dagster.previous import Previous
from autostore_dagster.reading import Request
from autostore_dagster.writing import Options

__all__ = ["Moved", "build_move_in_job", "move_in"]

AT_ONCE = 4
"""Values on their way: each is in memory twice, to be compared."""

SHOWN = 1000
"""Rows of the table in the UI."""


@dataclasses.dataclass(frozen=True)
class Moved:
    """What was carried over, or would be by a dry run: the keys, and why some were not."""

    keys: list[str]
    failed: dict[str, str]
    dry_run: bool

    def records(self) -> list[dict[str, str]]:
        """A row for each, as tables of Dagster and of Polars take them."""
        done = "would move" if self.dry_run else "moved, and reads the same"
        return [{"key": key, "what": why} for key, why in [*self.failed.items(), *((key, done) for key in self.keys)]]

    def __str__(self) -> str:
        """A table for a terminal."""
        rows = [f"{row['key']}  {row['what']}" for row in self.records()]
        return "\n".join([*rows, f"{len(self.keys)} value(s), {len(self.failed)} failed"])


@dataclasses.dataclass(frozen=True)
class _Value:
    """One asset or partition: its key here, what it is annotated to be, and the asked format."""

    key: str
    annotation: Any
    format: str | None


def move_in(
    defs: dg.Definitions,
    *,
    assets: Sequence[Asset] | None = None,
    dry_run: bool = False,
    instance: dg.DagsterInstance | None = None,
    io_manager_key: str = "io_manager",
) -> Moved:
    """Write what the manager's `previous` place has of these definitions' assets here, and compare it read again.

    What is here already stays, the previous place is never changed, and what is in neither place is passed over. A
    value that cannot be read there, be written exactly or be read again is listed with the reason, and is not here
    afterwards. It may be killed and run again. Costs 1 LIST here per 1,000 keys, and for each value a look and a read
    there, a write and a read here; four values are in memory at a time, each twice.

    Args:
        defs: whose resource `io_manager_key` is an `AutoStoreIOManager` with a `previous`.
        assets: only these, each with all its partitions; None: all that it stores. One that is not defined is refused.
        dry_run: all is read in the previous place, and nothing written.
        instance: whose dynamic partitions count; None: that of `DAGSTER_HOME`, where some asset has such.
        io_manager_key: the resource that has both places.
    """
    manager = manager_of(defs, io_manager_key, "move_in")
    graph = defs.resolve_asset_graph()
    return _move(manager, _values(graph, assets, instance, io_manager_key), dry_run=dry_run)


class MoveInConfig(dg.Config):
    """What is moved: these assets, as `raw/flights`, or all; by a dry run nothing."""

    assets: list[str] | None = None
    dry_run: bool = False


def build_move_in_job(
    *, name: str = "move_in", io_manager_key: str = "io_manager", defs: Callable[[], dg.Definitions] | None = None
) -> dg.JobDefinition:
    """A job that moves what the definitions it is part of store; the page of its run has the table.

    Its run configuration chooses: `{"ops": {name: {"config": {"assets": ["raw/flights"], "dry_run": True}}}}`. `defs`
    gives what is defined where the job is executed in a test's own process.
    """

    @dg.op(name=f"{name}_op", required_resource_keys={io_manager_key}, out=dg.Out(dg.Nothing))
    def move_in_op(context: dg.OpExecutionContext, config: MoveInConfig) -> None:
        graph = graph_of(context, defs)
        values = _values(graph, config.assets, context.instance, io_manager_key)
        moved = _move(getattr(context.resources, io_manager_key), values, dry_run=config.dry_run)
        rows = [dg.TableRecord(dict(row)) for row in moved.records()[:SHOWN]]
        counts = {"values": len(moved.keys), "failed": len(moved.failed)}
        context.add_output_metadata({**({"moved": dg.MetadataValue.table(rows)} if rows else {}), **counts})

    @dg.job(name=name, executor_def=dg.in_process_executor)
    def move_in_job() -> None:
        move_in_op.alias(name)()  # a job and an op of one name cannot be loaded

    return move_in_job


def _values(
    graph: Any, assets: Sequence[Asset] | None, instance: dg.DagsterInstance | None, io_manager_key: str
) -> Iterator[_Value]:
    wanted = None if assets is None else set(chosen_assets(assets, graph))
    for definition in graph.assets_defs:
        for asset in stored_assets(definition, io_manager_key):
            if wanted is not None and asset.key not in wanted:
                continue
            chosen = Options().of_asset(graph.get(asset.key).metadata).format
            partitions = asset.partitions_def
            if partitions is None:
                yield _Value(asset_key(asset.key.path), asset.annotation, chosen)
                continue
            for partition in _partitions(partitions, instance):
                key = asset_key(asset.key.path, dimensions(partitions, partition))
                yield _Value(key, asset.annotation, chosen)


def _partitions(definition: dg.PartitionsDefinition[Any], instance: dg.DagsterInstance | None) -> Sequence[str]:
    parts = definition.partitions_defs if isinstance(definition, dg.MultiPartitionsDefinition) else [definition]
    dynamic = any(isinstance(getattr(part, "partitions_def", part), dg.DynamicPartitionsDefinition) for part in parts)
    known = instance or (dg.DagsterInstance.get() if dynamic else None)
    return definition.get_partition_keys(dynamic_partitions_store=known)


def _move(manager: AutoStoreIOManager, values: Iterator[_Value], *, dry_run: bool) -> Moved:
    moved = Moved([], {}, dry_run)
    with _both(manager) as (store, previous):
        present = set(store.keys(""))
        absent = [value for value in values if value.key not in present]

        def one(value: _Value) -> str | None:
            return _moved(store, previous, value, dry_run=dry_run)

        for value, problem in zip(absent, in_order(one, absent, AT_ONCE), strict=True):
            if problem == "":
                moved.keys.append(value.key)
            elif problem is not None:
                moved.failed[value.key] = problem
    return moved


@contextmanager
def _both(manager: AutoStoreIOManager) -> Iterator[tuple[AutoStore, Previous]]:
    if manager.previous is None:
        raise InvalidConfigError(
            "The manager knows no previous place, so there is nothing to move. Give it previous='./storage'."
        )
    assert not isinstance(manager.previous, str)  # a text was made a resource
    with manager.open() as store, manager.previous.open() as before:
        yield store, Previous(before, before.config)


def _moved(store: AutoStore, previous: Previous, value: _Value, *, dry_run: bool) -> str | None:
    """Empty where it was moved, None where the previous place has nothing of it, else why it was not moved."""
    try:
        before = previous.read(value.key, lambda there, path: _read(there, path, value.annotation))
    except StorageFileNotFoundError:
        return None
    except StorageConnectionError:
        raise
    except StorageError as error:
        return str(error)
    return "" if dry_run else _written(store, before, value)


def _written(store: AutoStore, before: Any, value: _Value) -> str | None:
    try:
        chosen = value.format if before is not None else None  # a None has a format of its own
        file = store.write(value.key, before, format=chosen, if_absent=True)
    except PreconditionFailedError:  # an asset that ran meanwhile is newer
        return None
    except StorageConnectionError:
        raise
    except StorageError as error:
        return str(error)
    if same(before, _read(store, value.key, value.annotation)):
        return ""
    if store.get_metadata(value.key).etag == file.etag:
        del store[value.key]
    return f"it reads otherwise as {file.path}; give the asset another format"


def _read(store: AutoStore, key: str, annotation: Any) -> Any:
    context = dg.build_input_context(asset_key="moved")
    wanted = annotations.required(annotation)
    request = Request(store, context, wanted, False, None, False, 1, lambda action: action(), None)
    return request.read(key, wanted)
