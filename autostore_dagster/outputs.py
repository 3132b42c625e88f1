"""What definitions say that their assets store: under which manager, of which type, in which partitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from autostore import InvalidConfigError
from autostore_dagster.annotations import by_partition, required
from autostore_dagster.streams import Partitions

__all__ = ["StoredAsset", "output_type", "stored_assets"]


@dataclass(frozen=True)
class StoredAsset:
    """One asset whose values a manager keeps.

    Attributes:
        annotation: what each value, or each partition's, is annotated to be; Any where nobody says.
    """

    key: dg.AssetKey
    annotation: Any = Any
    partitions_def: dg.PartitionsDefinition[Any] | None = None


def stored_assets(
    definition: dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset, io_manager_key: str
) -> Iterator[StoredAsset]:
    """The assets of a definition whose values this manager keeps; none for what returns nothing."""
    if isinstance(definition, dg.AssetSpec | dg.SourceAsset):
        yield StoredAsset(definition.key, Any, definition.partitions_def)
        return
    if not isinstance(definition, dg.AssetsDefinition):
        raise InvalidConfigError(f"{definition!r:.100} defines no asset. Pass what @asset made, or an AssetSpec.")
    for spec in definition.specs:
        if not definition.is_executable:
            yield StoredAsset(spec.key, Any, spec.partitions_def)
            continue
        kind = output_type(definition, spec.key)
        if not kind.is_nothing and definition.get_io_manager_key_for_asset_key(spec.key) == io_manager_key:
            yield StoredAsset(spec.key, _each(definition, kind.typing_type), spec.partitions_def)


def output_type(definition: dg.AssetsDefinition, key: dg.AssetKey) -> dg.DagsterType:
    """The type of an asset's value; of a graph's output only the op that makes it knows."""
    output, _ = definition.node_def.resolve_output_to_origin(definition.get_output_name_for_asset_key(key), None)
    return output.dagster_type


def _each(definition: dg.AssetsDefinition, annotation: Any) -> Any:
    """What one partition is, of an asset whose runs may return a dict of them."""
    if annotation is Partitions:  # which says nothing of its values
        return Any
    policy = definition.backfill_policy
    is_dict, item = by_partition(required(annotation))
    many = definition.partitions_def is not None and policy is not None and policy.max_partitions_per_run != 1
    return item if many and is_dict else annotation
