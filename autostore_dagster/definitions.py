"""Stamps definitions with what the catalog shows before anything has run: uri, kinds and table name of each asset."""

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar

import dagster as dg

from autostore.plugins import parse_uri
from autostore_dagster.annotations import by_partition, required
from autostore_dagster.keys import asset_key
from autostore_dagster.outputs import output_type

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


def stamp(assets: Iterable[Asset], *, uri: str, io_manager_key: str = "io_manager") -> list[Asset]:
    """The same assets, each with its `dagster/uri`, the kind of what it returns, and tables with their name.

    What an asset states itself is kept, and one that stores nothing under this `io_manager_key` is left
    as it is. `uri` is shown in the UI, so one that holds credentials is refused.
    """
    parse_uri(uri)
    return [_stamped_definition(asset, uri, io_manager_key) for asset in assets]


def _stamped_definition(asset: Asset, uri: str, io_manager_key: str) -> Any:
    if isinstance(asset, dg.AssetSpec):
        return _stamped(uri, None, asset)
    if not isinstance(asset, dg.AssetsDefinition):
        return asset
    return asset.map_asset_specs(partial(_stamped_output, asset, uri, io_manager_key))


def _stamped_output(definition: dg.AssetsDefinition, uri: str, io_manager_key: str, spec: dg.AssetSpec) -> dg.AssetSpec:
    if not definition.is_executable:
        return _stamped(uri, None, spec)
    kind = output_type(definition, spec.key)
    if kind.is_nothing or definition.get_io_manager_key_for_asset_key(spec.key) != io_manager_key:
        return spec
    return _stamped(uri, _kind(kind.typing_type), spec)


def _stamped(uri: str, kind: str | None, spec: dg.AssetSpec) -> dg.AssetSpec:
    metadata: dict[str, Any] = {"dagster/uri": f"{uri.rstrip('/')}/{asset_key(spec.key.path)}"}
    if kind in _TABLES:
        metadata["dagster/table_name"] = ".".join(spec.key.path)
    kinds = {kind} if kind and not spec.kinds else set()
    return spec.merge_attributes(kinds=kinds).replace_attributes(metadata={**metadata, **spec.metadata})


def _kind(annotation: Any) -> str | None:
    _, returned = by_partition(required(annotation))
    packages = [base.__module__.partition(".")[0] for base in getattr(required(returned), "__mro__", ())]
    return next((_KINDS[package] for package in packages if package in _KINDS), None)
