"""What a Dagster context says about partitions: which ones, in which order, under which store keys."""

from collections.abc import Mapping, Sequence

import dagster as dg

from autostore_dagster.keys import DATE, PARTITION, asset_key, run_key
from autostore_dagster.mappings import is_fixed, maps_to_one

__all__ = ["is_one_to_one", "keys_by_partition", "single_key"]


def single_key(context: dg.InputContext | dg.OutputContext) -> str:
    """The store key of an unpartitioned asset or an op's output."""
    if context.has_asset_key:
        return asset_key(context.asset_key.path)
    return run_key(context.get_identifier())


def keys_by_partition(context: dg.InputContext | dg.OutputContext) -> dict[str, str]:
    """Partition key -> store key, in the order of the partitions definition."""
    path = context.asset_key.path
    definition = context.asset_partitions_def
    return {key: asset_key(path, dimensions(definition, key)) for key in _ordered(context, definition)}


def dimensions(definition: dg.PartitionsDefinition, key: str) -> Mapping[str, str]:
    """The value of each dimension of one partition, by the dimension's name.

    A partition of one dimension has no name in Dagster: it is `date` where time windows
    partition the asset, else `partition`.
    """
    if isinstance(definition, dg.MultiPartitionsDefinition):
        if not isinstance(key, dg.MultiPartitionKey):
            key = definition.get_partition_key_from_str(key)
        return key.keys_by_dimension
    return {DATE if isinstance(definition, dg.TimeWindowPartitionsDefinition) else PARTITION: key}


def is_one_to_one(context: dg.InputContext) -> bool:
    """Whether this input is always exactly one partition, rather than a set that has one today.

    So the same consumer gets the same shape for a range of one day and for a range of two.
    """
    if len(context.asset_partition_keys) != 1:
        return False
    try:
        consumer = context.step_context.assets_def
    except dg.DagsterInvariantViolationError:  # load_asset_value: one partition was asked for, or a range
        return context.has_partition_key
    mapping = consumer.get_partition_mapping(context.asset_key) if consumer else None
    if is_fixed(mapping):
        return True
    if consumer is None or consumer.partitions_def is None or not context.has_partition_key:
        return False
    policy = consumer.backfill_policy  # a run of one partition that might have had many gets what those would
    if policy is not None and policy.max_partitions_per_run != 1:
        return False
    return maps_to_one(mapping, consumer.partitions_def, context.asset_partitions_def)


def _ordered(context: dg.InputContext | dg.OutputContext, definition: dg.PartitionsDefinition) -> Sequence[str]:
    """Dagster hands a range of keys in any order."""
    given = context.asset_partition_keys
    if len(given) < 2:
        return given
    position = {key: index for index, key in enumerate(_all_keys(context, definition))}
    return sorted(given, key=lambda key: (position.get(key, len(position)), key))


def _all_keys(context: dg.InputContext | dg.OutputContext, definition: dg.PartitionsDefinition) -> Sequence[str]:
    instance = _instance(context)
    if instance is None and isinstance(definition, dg.DynamicPartitionsDefinition):
        return []
    return definition.get_partition_keys(dynamic_partitions_store=instance)


def _instance(context: dg.InputContext | dg.OutputContext) -> dg.DagsterInstance | None:
    """The instance, which knows dynamic partitions; None in a context that was built by hand."""
    try:
        return context.instance if isinstance(context, dg.InputContext) else context.step_context.instance
    except dg.DagsterInvariantViolationError:
        return None
