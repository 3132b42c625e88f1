"""Stamps definitions with what the catalog shows before anything has run: uri, kinds and table name of each asset."""

from collections.abc import Sequence
from typing import Any, get_origin

import dagster as dg

from autostore_dagster.keys import asset_key

__all__ = ["stamp"]

# Kinds with an icon in Dagster's UI; an asset holds at most three.
_KINDS = {
    "polars": "polars",
    "pandas": "pandas",
    "numpy": "numpy",
    "torch": "pytorch",
    "PIL": "image",
    "scipy": "scipy",
}


def stamp(assets: Sequence[dg.AssetsDefinition], *, uri: str) -> list[dg.AssetsDefinition]:
    """The same assets, each with `dagster/uri`, `dagster/table_name` and the kind of what it returns.

    What an asset states itself is kept. `uri` is shown in the UI, so it holds no secret.
    """
    return [definition.map_asset_specs(lambda spec, of=definition: _stamped(spec, of, uri)) for definition in assets]


def _stamped(spec: dg.AssetSpec, definition: dg.AssetsDefinition, uri: str) -> dg.AssetSpec:
    key = asset_key(spec.key.path)
    metadata: dict[str, Any] = {"dagster/uri": f"{uri.rstrip('/')}/{key}", "dagster/table_name": key.replace("/", ".")}
    kind = _kind(spec, definition)
    kinds = {kind} if kind and not spec.kinds else set()
    return spec.merge_attributes(kinds=kinds).replace_attributes(metadata={**metadata, **spec.metadata})


def _kind(spec: dg.AssetSpec, definition: dg.AssetsDefinition) -> str | None:
    if not definition.is_executable:
        return None
    output = definition.get_output_name_for_asset_key(spec.key)
    returned = definition.op.output_def_named(output).dagster_type.typing_type
    module = getattr(get_origin(returned) or returned, "__module__", "")
    return _KINDS.get(module.partition(".")[0])
