"""Asset checks of what is stored: that it is there, readable as annotated, as long, as fresh and of the columns it was.

They look into the store, not at the run's memory, and read no more of a value than the question needs.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg

from autostore import AutoStore, InvalidConfigError
from autostore_dagster.inspecting import inspect
from autostore_dagster.io_manager import AutoStoreIOManager
from autostore_dagster.judging import UNTOLD, Schemas, Values, Wanted, described, problems
from autostore_dagster.keys import asset_key
from autostore_dagster.metadata import COLUMNS, STORED_COLUMNS
from autostore_dagster.outputs import StoredAsset, stored_assets
from autostore_dagster.partitions import dimensions

__all__ = ["build_stored_checks"]


def build_stored_checks(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset],
    *,
    readable: bool = True,
    min_rows: int | None = None,
    max_rows: int | None = None,
    fresh_within: timedelta | None = None,
    schema_unchanged: bool = False,
    io_manager_key: str = "io_manager",
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> list[dg.AssetChecksDefinition]:
    """Checks of what these assets have in the store; assets that store nothing under `io_manager_key` get none.

    A run of some partitions checks these; any other all that Dagster counts as materialized. Each value costs
    1 request; `readable`, rows and schema read it: of polars tables the footer, of all else the whole.

    Args:
        assets: what is checked; of a multi-asset each of its outputs.
        readable: reads each value as what the asset is annotated to return.
        min_rows: how many rows a table, or members another value, has at least in each partition.
        max_rows: how many at most.
        fresh_within: how old the youngest file may be.
        schema_unchanged: the columns of all that is checked are those of the previous materialization.
        io_manager_key: the resource that is the `AutoStoreIOManager`.
        severity: of a check that fails.
    """
    wanted = Wanted(readable, min_rows, max_rows, fresh_within, schema_unchanged)
    if isinstance(assets, dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset) or not isinstance(assets, Iterable):
        raise InvalidConfigError("build_stored_checks takes several assets. Pass a list: [asset].")
    found = [asset for definition in assets for asset in stored_assets(definition, io_manager_key)]
    return [_checks_of(asset, wanted, io_manager_key, severity) for asset in found]


def _checks_of(
    asset: StoredAsset, wanted: Wanted, io_manager_key: str, severity: dg.AssetCheckSeverity
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        specs=[dg.AssetCheckSpec(name, asset=asset.key) for name in wanted.names()],
        name="stored_checks_of__" + "__".join(asset.key.to_python_identifier().split("/")),
        required_resource_keys={io_manager_key},
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        manager = getattr(context.resources, io_manager_key)
        if not isinstance(manager, AutoStoreIOManager):
            raise InvalidConfigError(
                f"The resource {io_manager_key!r} is a {type(manager).__name__}, and stored checks look into the store "
                "of an AutoStoreIOManager. Name its resource: build_stored_checks(..., io_manager_key=...)."
            )
        names = [check.name for check in context.selected_asset_check_keys]
        with manager.open() as store:
            values = _look(store, context, asset, deep=wanted.deep(names), threads=manager.concurrency)
        before = _shown_before(context.instance, asset.key) if "schema_unchanged" in names else None
        for name in names:
            yield _judged(name, asset, problems(name, values, wanted, before), values, severity)

    return checks


def _judged(
    name: str, asset: StoredAsset, found: list[str], values: Values, severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    sizes = [value.file.size for value in values.values() if value.file]
    return dg.AssetCheckResult(
        passed=not found,
        asset_key=asset.key,
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN if found == [UNTOLD] else severity,
        description=described(found, len(values)),
        metadata={"values": len(sizes), "bytes": sum(sizes)},
    )


def _look(
    store: AutoStore, context: dg.AssetCheckExecutionContext, asset: StoredAsset, *, deep: bool, threads: int
) -> Values:
    keys = {"": asset_key(asset.key.path)}
    if asset.partitions_def is not None:
        asked = _partitions(context, asset, asset.partitions_def)
        keys = {key: asset_key(asset.key.path, dimensions(asset.partitions_def, key)) for key in asked}
    with ThreadPoolExecutor(max(1, min(threads, len(keys))), "autostore-check") as pool:
        look = partial(inspect, store, annotation=asset.annotation, deep=deep)
        return dict(zip(keys, pool.map(look, keys.values()), strict=True))


def _partitions(
    context: dg.AssetCheckExecutionContext, asset: StoredAsset, definition: dg.PartitionsDefinition[Any]
) -> list[str]:
    """Those of the run, where it has some of the asset's; else all that were materialized and are still defined."""
    every = definition.get_partition_keys(dynamic_partitions_store=context.instance)
    if context.op_execution_context.has_partition_key or context.has_partition_key_range:
        asked = set(context.partition_keys)
        if asked <= set(every):
            return [key for key in every if key in asked]
    known = context.instance.get_materialized_partitions(asset.key)
    return [key for key in every if key in known]


def _shown_before(instance: dg.DagsterInstance, key: dg.AssetKey) -> Schemas | None:
    """The columns that the last two materializations showed: the one that is checked, perhaps, and the one before.

    None where it was never materialized.
    """
    events = [record.asset_materialization for record in instance.fetch_materializations(key, limit=2).records]
    if not events:
        return None
    # What one asset tells of its columns itself, it does not call as the store does.
    told = any(STORED_COLUMNS in event.metadata for event in events if event)
    shown = [event.metadata.get(STORED_COLUMNS if told else COLUMNS) for event in events if event]
    return [
        {column.name: column.type for column in schema.value.columns}
        for schema in shown
        if isinstance(schema, dg.TableSchemaMetadataValue)
    ]
