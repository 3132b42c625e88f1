"""What a consumer gets where its input has no partition at all: the empty value of the shape that it asks for."""

from collections.abc import Sequence
from typing import Any

from autostore import StorageFileNotFoundError
from autostore_dagster import annotations

__all__ = ["of_nothing"]


def of_nothing(annotation: Any, *, one_to_one: bool, columns: Sequence[str], name: str) -> Any:
    """An empty dict or frame for a set of partitions; None for the one before the first, where that may be None.

    `columns` are those that a frame of partitions has beside its own; `name` is the asset's, for the error.
    """
    wanted = annotations.required(annotation)
    if one_to_one and annotations.fits(None, annotation):
        return None
    if annotations.by_partition(wanted)[0] or (wanted is Any and not one_to_one):
        return {}
    if annotations.is_polars_frame(wanted):
        import polars as pl

        return wanted(schema=dict.fromkeys(() if one_to_one else columns, pl.String))
    if annotations.fits(None, annotation):
        return None
    kind = getattr(wanted, "__name__", str(wanted))
    raise StorageFileNotFoundError(
        f"This input has no partition of asset {name}: none is defined, none is stored where that is allowed, or none "
        "lies where its mapping leads, as on the first day of an asset that reads the day before. Annotate it as "
        f"{kind} | None to get None then, or as dict[str, {kind}] to get an empty dict."
    )
