"""What a context says of the asset that is read or written: in a run, outside of one, or built by hand.

Dagster's contexts raise where they were not told something; here each question has an answer, or None.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg

from autostore import UnsupportedFormatError
from autostore_dagster.choosing import graph_around
from autostore_dagster.outputs import output_type

__all__ = [
    "Context",
    "add_input_metadata",
    "annotation",
    "asked_partitions",
    "asset",
    "computed_here",
    "definition",
    "every_partition",
    "is_for_one",
    "is_of_this_run",
    "partitioning",
    "returns_nothing",
    "run_tags",
    "step",
]

Context = dg.InputContext | dg.OutputContext


def step(context: Context) -> Any:
    """The step of a run; None under `load_asset_value` and in a context that was built by hand."""
    try:
        return context.step_context
    except dg.DagsterInvariantViolationError:
        return None


def asset(context: Context) -> dg.AssetKey | None:
    """The asset that is read or written; None for an op's own output."""
    told = _told(context)
    if told.has_asset_key:
        return told.asset_key
    return _of_an_op(context) if isinstance(context, dg.InputContext) else None


def definition(context: Context) -> dg.PartitionsDefinition[Any] | None:
    """How the asset is partitioned; None where it is not, or where a context built by hand does not say."""
    told = _told(context)
    try:
        return told.asset_partitions_def if told.has_asset_key else None
    except dg.DagsterInvariantViolationError:
        return None


def asked_partitions(context: Context) -> Sequence[str] | None:
    """The partitions that are read or written, in any order; None where the asset has none.

    A partitioned asset that is loaded outside of a run, without a partition, is asked for whole.
    """
    told = _told(context)
    if told.has_asset_partitions:
        try:
            return told.asset_partition_keys
        except NotImplementedError as error:  # Dagster's stand-in for a range whose definition it was not given
            raise UnsupportedFormatError(
                f"The partitions of asset {told.asset_key.to_user_string()} between two keys are not known to this "
                "context. Give build_input_context or build_output_context the asset_partitions_def as well."
            ) from error
    whole = definition(context)
    if whole is None or isinstance(context, dg.OutputContext) or step(context) is not None:
        return None
    return every_partition(context, whole)


def computed_here(context: Context) -> Collection[str]:
    """The partitions that the reading step itself computes, of an asset that reads others of its own in one run."""
    running, read, whole = step(context), asset(context), definition(context)
    if running is None or whole is None or isinstance(context, dg.OutputContext) or not running.has_partition_key_range:
        return ()
    consumer = running.assets_def
    if consumer is None or read not in consumer.keys or not is_of_this_run(context):
        return ()
    dynamic = {"dynamic_partitions_store": running.instance} if isinstance(whole, dg.MultiPartitionsDefinition) else {}
    return frozenset(whole.get_partition_keys_in_range(running.partition_key_range, **dynamic))


def partitioning(
    context: dg.InputContext, asset: dg.AssetKey
) -> tuple[bool | None, dg.PartitionsDefinition[Any] | None]:
    """Whether an op's asset has partitions, and which: its code location knows, or else its last materialization does.

    Where neither does, the answer is None.
    """
    if (running := step(context)) is None:
        return None, None
    node = _defined(running, asset)
    if node is not None and (node.is_executable or node.partitions_def is not None):
        return node.partitions_def is not None, node.partitions_def
    event = running.instance.get_latest_materialization_event(asset)
    return True if event and event.asset_materialization.partition is not None else None, None


def every_partition(context: Context, whole: dg.PartitionsDefinition[Any]) -> Sequence[str]:
    """All partitions of a definition, in its order; none of a dynamic one where no instance is at hand."""
    known = instance(context)
    if known is None and isinstance(whole, dg.DynamicPartitionsDefinition):
        return []
    return whole.get_partition_keys(dynamic_partitions_store=known)


def instance(context: Context) -> dg.DagsterInstance | None:
    """The instance, which knows dynamic partitions; None in a context that was built by hand without one."""
    try:
        return context.instance if isinstance(context, dg.InputContext) else context.step_context.instance
    except dg.DagsterInvariantViolationError:
        return None


def is_for_one(context: dg.InputContext) -> bool:
    """Whether one partition was named: by the run, by `load_asset_value`, or by hand; not by a range of one."""
    return _told(context).has_partition_key


def add_input_metadata(context: dg.InputContext, metadata: Mapping[str, Any]) -> None:
    """Add to the event that the input was loaded; of one asset or partition also an observation, as Dagster does."""
    if not context.has_asset_partitions or len(context.asset_partition_keys) == 1:
        context.add_input_metadata(metadata)
        return
    # Dagster's own method asks for the one partition, and has no other way to this event.
    texts = {name: dg.MetadataValue.text(text) for name, text in metadata.items()}
    context._user_generated_metadata = {**context._user_generated_metadata, **texts}  # noqa: SLF001


def is_of_this_run(context: dg.InputContext) -> bool:
    """Whether the run computes what is read: an op's output, or an asset that is materialized as well."""
    running, read = step(context), asset(context)
    if running is None:
        return False
    return read is None or read in running.job_def.asset_layer.selected_asset_keys


def run_tags(context: dg.InputContext) -> Mapping[str, str]:
    """The tags of the run; none outside of one."""
    running = step(context)
    return {} if running is None else running.dagster_run.tags


def returns_nothing(context: dg.InputContext) -> bool:
    """Whether it is known that the upstream stores no value, as `-> None` says: of this run, or its code location.

    Not so of what is only observed, as others store it.
    """
    upstream, read, running = context.upstream_output, asset(context), step(context)
    layer = running.job_def.asset_layer if running else None
    if read is not None and layer is not None and layer.has(read) and layer.get(read).is_observable:
        return False
    try:
        if upstream is not None and upstream.dagster_type.is_nothing:
            return True
    except dg.DagsterInvariantViolationError:
        pass
    if read is None:
        return False
    node = _defined(running, read)
    return node is not None and node.is_materializable and output_type(node.assets_def, read).is_nothing


def annotation(context: dg.InputContext) -> Any:
    """What the consumer's annotation asks for; Any where a context built by hand has no type."""
    try:
        return context.dagster_type.typing_type
    except dg.DagsterInvariantViolationError:
        return Any


def _defined(running: Any, asset: dg.AssetKey) -> Any:
    """What the code location of a run defines of an asset; None where there is none, or it does not."""
    graph = None if running is None else graph_around(running)
    return graph.get(asset) if graph is not None and graph.has(asset) else None


def _told(context: Context) -> Context:
    """The context that knows the asset: by hand, an input may know it only by its upstream output."""
    if isinstance(context, dg.OutputContext) or context.has_asset_key or step(context) is not None:
        return context
    upstream = context.upstream_output
    return upstream if upstream is not None and upstream.has_asset_key else context


def _of_an_op(context: dg.InputContext) -> dg.AssetKey | None:
    """The asset of an op's input without upstream: `In(asset_key=..., input_manager_key=...)`."""
    if context.upstream_output is not None or step(context) is None or not context.has_input_name:
        return None
    return context.op_def.input_dict[context.name].get_asset_key(context)
