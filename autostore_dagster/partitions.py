"""Which partitions an input or output has, in which order, under which store keys."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from autostore import StorageFileNotFoundError
from autostore_dagster import contexts
from autostore_dagster.keys import DATE, PARTITION, asset_key, run_key
from autostore_dagster.mappings import is_fixed, maps_to_one

__all__ = ["dimension_names", "dimensions", "is_one_to_one", "keys_by_partition", "keys_in_this_run", "single_key"]

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(-\d{2}:\d{2}([+-]\d{4})?)?")
"""How Dagster writes days and hours, unless a definition says otherwise; an hour that comes twice has its offset."""


def single_key(context: contexts.Context) -> str:
    """The store key of an unpartitioned asset or an op's output."""
    asset = contexts.asset(context)
    if asset is not None:
        return asset_key(asset.path)
    if isinstance(context, dg.InputContext) and context.upstream_output is None:
        raise StorageFileNotFoundError(
            "This input has neither an upstream output nor an asset, so it is not known what to load. Connect it to an "
            "op or asset, or name one: In(asset_key=AssetKey(...), input_manager_key=...); by hand, "
            "build_input_context(asset_key=...) or build_input_context(upstream_output=...)."
        )
    try:
        return run_key(context.get_identifier())
    except dg.DagsterInvariantViolationError as error:
        raise StorageFileNotFoundError(
            f"This context does not say which value it is for: {error}. Give build_output_context an asset_key, "
            "or step_key, name and run_id."
        ) from error


def keys_by_partition(context: contexts.Context) -> dict[str, str] | None:
    """Partition key -> store key, in the order of the partitions definition; None where there are no partitions.

    What a run of several partitions computes itself of an asset that reads its own past is left out: it is not
    there yet, and what may lie there the run replaces.
    """
    asset, asked = contexts.asset(context), contexts.asked_partitions(context)
    if asset is None or asked is None:
        return None
    definition = contexts.definition(context)
    if own := contexts.computed_here(context):
        asked = [key for key in asked if key not in own]
    return {key: asset_key(asset.path, dimensions(definition, key)) for key in _ordered(context, definition, asked)}


def keys_in_this_run(context: dg.InputContext, key: str) -> list[str]:
    """The store keys under which a value may lie of which the context knows no partitions; the likeliest first.

    That is `key`. An op's asset may have partitions: what was stored of it before it had any is not read then.
    """
    asset = contexts.asset(context)
    if asset is None or context.has_asset_key:
        return [key]
    partitioned, definition = contexts.partitioning(context, asset)
    found = (
        [asset_key(asset.path, each) for each in _in_this_run(context, definition)] if partitioned is not False else []
    )
    return list(dict.fromkeys(found if partitioned else [key, *found]))


def _in_this_run(
    context: dg.InputContext, definition: dg.PartitionsDefinition[Any] | None
) -> Sequence[Mapping[str, str]]:
    """How the one partition of the run may be called, where there is one.

    Where the definition is not known: first as the job has it, then as either kind of definition does.
    """
    if not contexts.is_for_one(context):
        return []
    key = context.partition_key
    if definition is not None:
        several = len(dimension_names(definition))
        return [dimensions(definition, key)] if several in (1, len(key.split("|"))) else []
    told = [dimensions(contexts.step(context).job_def.partitions_def, key), dimensions(None, key)]
    return [*told, *([] if len(told[0]) > 1 else [{DATE: key}, {PARTITION: key}])]


def dimensions(definition: dg.PartitionsDefinition[Any] | None, key: str) -> Mapping[str, str]:
    """The value of each dimension of one partition, by the dimension's name.

    A partition of one dimension has no name in Dagster: it is `date` where time windows
    partition the asset, else `partition`. Without a definition the key itself tells.
    """
    if isinstance(definition, dg.MultiPartitionsDefinition) and not isinstance(key, dg.MultiPartitionKey):
        key = definition.get_partition_key_from_str(key)
    if isinstance(key, dg.MultiPartitionKey):
        return key.keys_by_dimension
    if definition is None:
        return {DATE if _TIME.fullmatch(key) else PARTITION: key}
    return {dimension_names(definition)[0]: key}


def dimension_names(definition: dg.PartitionsDefinition[Any] | None) -> list[str]:
    """The names of a definition's dimensions, by which its partitions' folders and columns are called."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return [dimension.name for dimension in definition.partitions_defs]
    return [DATE if isinstance(definition, dg.TimeWindowPartitionsDefinition) else PARTITION]


def is_one_to_one(context: dg.InputContext) -> bool:
    """Whether this input is always at most one partition, rather than a set that has one today.

    So the same consumer gets the same shape for a range of one day and for a range of two.
    """
    step, upstream = contexts.step(context), contexts.definition(context)
    if step is None:  # load_asset_value, or by hand: one partition was asked for, or a range
        return contexts.is_for_one(context)
    consumer = step.assets_def
    mapping = consumer.get_partition_mapping(context.asset_key) if consumer else None
    if is_fixed(mapping):
        return True
    if consumer is None or consumer.partitions_def is None or not context.has_partition_key or upstream is None:
        return False
    # A run of one partition that might have had many gets what those would.
    return not _may_have_many(step, consumer) and maps_to_one(mapping, consumer.partitions_def, upstream)


def _may_have_many(step: Any, consumer: dg.AssetsDefinition) -> bool:
    """Whether a policy allows runs over several partitions: the consumer's, or that of an asset that it checks."""
    layer = step.job_def.asset_layer
    checked = [layer.get(spec.asset_key) for spec in consumer.check_specs if layer.has(spec.asset_key)]
    policies = [consumer.backfill_policy, *(asset.backfill_policy for asset in checked)]
    return any(policy is not None and policy.max_partitions_per_run != 1 for policy in policies)


def _ordered(
    context: contexts.Context, definition: dg.PartitionsDefinition[Any] | None, asked: Sequence[str]
) -> Sequence[str]:
    """Dagster hands a range of keys in any order."""
    if len(asked) < 2 or definition is None:
        return asked
    position = {key: index for index, key in enumerate(contexts.every_partition(context, definition))}
    return sorted(asked, key=lambda key: (position.get(key, len(position)), key))
