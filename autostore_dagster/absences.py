"""What is said where something that an input wants is not stored."""

from collections.abc import Sequence

import dagster as dg

from autostore import StorageFileNotFoundError
from autostore_dagster import contexts
from autostore_dagster.reading import Request

__all__ = ["missing", "name_of", "some", "tell_absent"]


def tell_absent(request: Request, partitions: Sequence[str]) -> None:
    """Refuse partitions that are not stored, or warn of them where the input allows that."""
    if partitions and not request.allow_missing:
        raise missing(request.context, partitions, "")
    if partitions:
        request.context.log.warning("Skipped partitions that are not stored: %s.", some(partitions))


def missing(context: dg.InputContext, names: Sequence[str], detail: str) -> StorageFileNotFoundError:
    """The error: `detail` is what the store says of a value that has no partitions."""
    what = f"Asset {name_of(context)}" if contexts.asset(context) else "The upstream output"
    if detail and contexts.returns_nothing(context):
        return StorageFileNotFoundError(
            f"{what} returns nothing, so nothing is stored for it: {detail} Name it as a dependency (deps=[...]) "
            "instead of an input, or let it return a value."
        )
    if detail:
        return StorageFileNotFoundError(f"{what} is not stored: {detail} Materialize it first.")
    return StorageFileNotFoundError(
        f"{what} has {len(names)} partition(s) that are not stored: {some(names)}. Materialize them first, or give "
        'the input the metadata {"allow_missing_partitions": True}.'
    )


def name_of(context: dg.InputContext) -> str:
    """The input's asset, as people write it; "" of an op's."""
    asset = contexts.asset(context)
    return asset.to_user_string() if asset else ""


def some(names: Sequence[str]) -> str:
    """The first ten, and how many more there are."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
