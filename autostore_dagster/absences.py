"""What is said where something that an input wants is not stored."""

import itertools
from collections.abc import Sequence

import dagster as dg

from autostore import StorageError, StorageFileNotFoundError
from autostore_dagster import contexts
from autostore_dagster.keys import asset_key
from autostore_dagster.partitions import dimension_names
from autostore_dagster.reading import Request

__all__ = ["missing", "name_of", "not_stored", "some", "tell_absent"]

LOOKED_AT = 1000
"""Keys below an asset's: those of one listing."""


def tell_absent(request: Request, partitions: Sequence[str]) -> None:
    """Refuse partitions that are not stored, or warn of them where the input allows that."""
    if partitions and not request.allow_missing:
        raise missing(request, partitions)
    if partitions:
        request.context.log.warning("Skipped partitions that are not stored: %s.", some(partitions))


def missing(request: Request, partitions: Sequence[str]) -> StorageFileNotFoundError:
    """The error of an input whose partitions are not stored. One listing looks for folders of other names."""
    context = request.context
    told = f"{_what(context)} has {len(partitions)} partition(s) that are not stored: {some(partitions)}."
    names, asset = dimension_names(contexts.definition(context)), contexts.asset(context)
    found = _a_partition(request, asset_key(asset.path)) if asset and contexts.definition(context) else ""
    if found and found.partition("=")[0] not in names:
        return StorageFileNotFoundError(
            f"{told} Of other folders there is {found!r:.80}, and those of this definition are called "
            f"{', '.join(f'{name}=...' for name in names)}: the asset was partitioned otherwise when that was laid "
            "there, or another program did. Rename the folders, or materialize the partitions."
        )
    return StorageFileNotFoundError(
        f'{told} Materialize them first, or give the input the metadata {{"allow_missing_partitions": True}}.'
    )


def not_stored(request: Request, key: str, detail: str) -> StorageFileNotFoundError:
    """The error of a value without partitions: `detail` is what the store says. One listing looks for partitions."""
    context, what = request.context, _what(request.context)
    if contexts.returns_nothing(context):
        return StorageFileNotFoundError(
            f"{what} returns nothing, so nothing is stored for it: {detail} Name it as a dependency (deps=[...]) "
            "instead of an input, or let it return a value."
        )
    if contexts.asset(context) and (partition := _a_partition(request, key)):
        return StorageFileNotFoundError(
            f"{what} is stored by partition, {partition!r:.80} for one, and this input does not say how the asset is "
            "partitioned, or asks for none: give its AssetSpec the partitions_def, or let the op's job run for a "
            f"partition. {detail}"
        )
    return StorageFileNotFoundError(f"{what} is not stored: {detail} Materialize it first.")


def _a_partition(request: Request, key: str) -> str:
    """The folder of some partition that is stored of the asset with this key; empty where there is none."""
    folder = f"{key}/"
    try:
        for found in itertools.islice(request.store.keys(folder), LOOKED_AT):
            if "=" in (first := found.removeprefix(folder).partition("/")[0]):
                return first
    except StorageError:  # who may not list still learns what is not there
        pass
    return ""


def _what(context: dg.InputContext) -> str:
    return f"Asset {name_of(context)}" if contexts.asset(context) else "The upstream output"


def name_of(context: dg.InputContext) -> str:
    """The input's asset, as people write it; "" of an op's."""
    asset = contexts.asset(context)
    return asset.to_user_string() if asset else ""


def some(names: Sequence[str]) -> str:
    """The first ten, and how many more there are."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
