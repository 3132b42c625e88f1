"""Stamps definitions with what the catalog shows before anything has run: uri, kinds and table name of each asset."""

import inspect
from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar, overload

import dagster as dg

from autostore import InvalidConfigError
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


@overload
def stamp(assets: dg.Definitions, *, uri: str | None = None, io_manager_key: str = "io_manager") -> dg.Definitions: ...
@overload
def stamp(assets: Iterable[Asset], *, uri: str, io_manager_key: str = "io_manager") -> list[Asset]: ...
def stamp(assets: Any, *, uri: str | None = None, io_manager_key: str = "io_manager") -> Any:
    """The same assets, each with its `dagster/uri`, the kind of what it returns, and tables with their name.

    Of `Definitions` all assets, and `uri` is that of their `AutoStoreIOManager`, if it is not given. What an asset
    states itself is kept, and one that stores nothing under this `io_manager_key` is left as it is. `uri` is shown in
    the UI, so one that holds credentials is refused. Nothing is read or written.
    """
    if not isinstance(assets, dg.Definitions):
        place = _given(uri, None)
        return [_stamped_definition(asset, place, io_manager_key) for asset in assets]
    place = _given(uri, (assets.resources or {}).get(io_manager_key))
    parts = {name: getattr(assets, name) for name in inspect.signature(dg.Definitions).parameters}
    parts["assets"] = [_stamped_definition(asset, place, io_manager_key) for asset in assets.assets or ()]
    return dg.Definitions(**parts)


def _given(uri: str | None, manager: Any) -> str:
    known = uri if uri is not None else getattr(manager, "uri", None)
    if isinstance(known, dg.EnvVar):
        known = known.get_value()
    if not isinstance(known, str):
        raise InvalidConfigError(
            "stamp() needs to know where the values lie. Pass uri=..., or definitions whose io_manager_key names an "
            "AutoStoreIOManager with a uri that is known now."
        )
    parse_uri(known)
    return known


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
