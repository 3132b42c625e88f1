"""Which partition mappings give a consumer exactly one upstream partition, today and always.

Where that is not certain the answer is no: the consumer gets a set, which may have one member today.
"""

from collections import Counter

import dagster as dg

__all__ = ["is_fixed", "maps_to_one"]


def is_fixed(mapping: dg.PartitionMapping | None) -> bool:
    """Whether the mapping names one upstream partition, whatever the consumer's own are."""
    if isinstance(mapping, dg.SpecificPartitionsPartitionMapping):
        return len(mapping.partition_keys) == 1
    return isinstance(mapping, dg.LastPartitionMapping)


def maps_to_one(
    mapping: dg.PartitionMapping | None, own: dg.PartitionsDefinition, upstream: dg.PartitionsDefinition
) -> bool:
    """Whether each of the consumer's partitions has exactly one upstream partition."""
    if mapping is None:
        return _inferred_maps_to_one(own, upstream)
    if isinstance(mapping, dg.TimeWindowPartitionMapping):
        return _windows_lie_in_one(mapping, own, upstream)
    if isinstance(mapping, dg.StaticPartitionMapping):
        return _keys_have_one(mapping)
    if isinstance(mapping, dg.MultiToSingleDimensionPartitionMapping):
        return _a_dimension_maps_to_one(own, upstream)
    if isinstance(mapping, dg.MultiPartitionMapping):
        return _each_dimension_maps_to_one(mapping, own, upstream)
    # Any other is all partitions, or a mapping of the user's, whose sets may grow.
    return is_fixed(mapping) or isinstance(mapping, dg.IdentityPartitionMapping)


def _inferred_maps_to_one(own: dg.PartitionsDefinition, upstream: dg.PartitionsDefinition) -> bool:
    """By what Dagster takes where an input names no mapping: a dimension, time windows, or the identity."""
    if isinstance(own, dg.MultiPartitionsDefinition) != isinstance(upstream, dg.MultiPartitionsDefinition):
        return _a_dimension_maps_to_one(own, upstream)
    if isinstance(own, dg.TimeWindowPartitionsDefinition) and isinstance(upstream, dg.TimeWindowPartitionsDefinition):
        return _windows_lie_in_one(dg.TimeWindowPartitionMapping(), own, upstream)
    return True


def _windows_lie_in_one(
    mapping: dg.TimeWindowPartitionMapping, own: dg.PartitionsDefinition, upstream: dg.PartitionsDefinition
) -> bool:
    if not isinstance(own, dg.TimeWindowPartitionsDefinition):
        return False
    if not isinstance(upstream, dg.TimeWindowPartitionsDefinition) or own.timezone != upstream.timezone:
        return False
    if mapping.start_offset or mapping.end_offset:
        same = (own.cron_schedule, own.exclusions) == (upstream.cron_schedule, upstream.exclusions)
        return same and mapping.start_offset == mapping.end_offset
    return _is_at_least_as_fine(own.cron_schedule, upstream.cron_schedule)


def _is_at_least_as_fine(schedule: str, coarse: str) -> bool:
    """Whether the schedule ticks whenever the coarse one does, so that no window of it reaches over such a tick."""
    fields, wanted = _cron_fields(schedule), _cron_fields(coarse)
    return len(fields) == len(wanted) and all(
        field in (other, "*", ("*", "*")) for field, other in zip(fields, wanted, strict=True)
    )


def _cron_fields(schedule: str) -> list[object]:
    """Minute, hour, month and days: of month and of week are one, as cron takes either where both are given."""
    fields = schedule.split()
    if len(fields) != 5:
        return [schedule]
    minute, hour, of_month, month, of_week = fields
    return [minute, hour, month, (of_month, of_week)]


def _keys_have_one(mapping: dg.StaticPartitionMapping) -> bool:
    upstream = Counter[str]()
    for keys in mapping.downstream_partition_keys_by_upstream_partition_key.values():
        upstream.update([keys] if isinstance(keys, str) else set(keys))
    return all(count == 1 for count in upstream.values())


def _a_dimension_maps_to_one(own: dg.PartitionsDefinition, upstream: dg.PartitionsDefinition) -> bool:
    if not isinstance(own, dg.MultiPartitionsDefinition):
        return False  # every key of the upstream's other dimensions
    dimensions = [dimension.partitions_def for dimension in own.partitions_defs]
    windows = [each for each in dimensions if isinstance(each, dg.TimeWindowPartitionsDefinition)]
    if upstream in dimensions:
        return True
    return len(windows) == 1 and _windows_lie_in_one(dg.TimeWindowPartitionMapping(), windows[0], upstream)


def _each_dimension_maps_to_one(
    mapping: dg.MultiPartitionMapping, own: dg.PartitionsDefinition, upstream: dg.PartitionsDefinition
) -> bool:
    if not isinstance(own, dg.MultiPartitionsDefinition) or not isinstance(upstream, dg.MultiPartitionsDefinition):
        return False
    mapped = mapping.downstream_mappings_by_upstream_dimension
    return all(
        dimension.name in mapped
        and maps_to_one(
            mapped[dimension.name].partition_mapping,
            own.get_partitions_def_for_dimension(mapped[dimension.name].dimension_name),
            dimension.partitions_def,
        )
        for dimension in upstream.partitions_defs
    )
