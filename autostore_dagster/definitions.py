"""Stamps definitions with what the catalog shows before anything has run: uri, kinds and table name of each asset."""

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar, get_args, get_origin

import dagster as dg

from autostore_dagster.keys import asset_key

__all__ = ["stamp"]

# The packages of returned types, and the kinds that have an icon in Dagster's UI.
_KINDS = {
    "polars": "polars",
    "pandas": "pandas",
    "pyarrow": "arrow",
    "numpy": "numpy",
    "scipy": "scipy",
    "torch": "pytorch",
    "PIL": "image",
    "pydantic": "pydantic",
}
_TABLES = {"polars", "pandas", "arrow"}

Asset = TypeVar("Asset", bound=Any)


def stamp(assets: Iterable[Asset], *, uri: str) -> list[Asset]:
    """The same assets, each with its `dagster/uri`, the kind of what it returns, and tables with their name.

    What an asset states itself is kept. `uri` is shown in the UI, so it holds no secret.
    """
    return [_stamped_definition(asset, uri) for asset in assets]


def _stamped_definition(asset: Asset, uri: str) -> Any:
    if isinstance(asset, dg.AssetSpec):
        return _stamped(None, uri, asset)
    return asset.map_asset_specs(partial(_stamped, asset, uri)) if isinstance(asset, dg.AssetsDefinition) else asset


def _stamped(definition: dg.AssetsDefinition | None, uri: str, spec: dg.AssetSpec) -> dg.AssetSpec:
    key = asset_key(spec.key.path)
    kind = _kind(spec, definition) if definition is not None and definition.is_executable else None
    metadata: dict[str, Any] = {"dagster/uri": f"{uri.rstrip('/')}/{key}"}
    if kind in _TABLES:
        metadata["dagster/table_name"] = ".".join(spec.key.path)
    kinds = {kind} if kind and not spec.kinds else set()
    return spec.merge_attributes(kinds=kinds).replace_attributes(metadata={**metadata, **spec.metadata})


def _kind(spec: dg.AssetSpec, definition: dg.AssetsDefinition) -> str | None:
    output = definition.get_output_name_for_asset_key(spec.key)
    returned = definition.op.output_def_named(output).dagster_type.typing_type
    if get_origin(returned) is dict:  # by partition
        returned = get_args(returned)[1]
    packages = [base.__module__.partition(".")[0] for base in getattr(returned, "__mro__", ())]
    return next((_KINDS[package] for package in packages if package in _KINDS), None)
