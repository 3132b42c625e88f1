"""Tables over many partitions: one polars frame from explicit lists of stored files, with the partition as columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autostore import AutoStore, UnsupportedFormatError
from autostore_dagster.annotations import read_type

if TYPE_CHECKING:
    import polars as pl

__all__ = ["lazy_type", "read_columns", "scan", "union"]


def lazy_type() -> type:
    """`pl.LazyFrame`; only asked for where a consumer's annotation named a frame."""
    import polars as pl

    return pl.LazyFrame


def scan(store: AutoStore, parts: Mapping[str, Mapping[str, str]], annotation: Any, columns: list[str] | None) -> Any:
    """One frame of many stored Parquet files, read where they lie, each with its dimensions as text columns."""
    import polars as pl

    whole = store.scan(parts, columns=columns)
    return whole if annotation is pl.LazyFrame else whole.collect()


def union(parts: Sequence[tuple[Mapping[str, str], "pl.LazyFrame"]], annotation: Any, columns: list[str] | None) -> Any:
    """One frame of all partitions, each with its dimensions as text columns; None where there is none.

    A column that the tables have themselves is left as it is. Columns that a partition lacks are
    null there, and numbers are widened, as months of real data demand.
    """
    import polars as pl

    if not parts:
        return None
    tables = [_with_partition(table, partition, columns) for partition, table in parts]
    whole = pl.concat(tables, how="diagonal_relaxed")
    if columns is not None:
        whole = whole.select(columns)
    return whole if annotation is pl.LazyFrame else whole.collect()


def read_columns(store: AutoStore, key: str, annotation: Any, columns: list[str]) -> Any:
    """Only these columns of a stored table; of a Parquet file nothing else is fetched."""
    try:
        return store.read(key, as_type=read_type(annotation), columns=columns)
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(
            f'The input metadata "columns" of {key!r} is for tables: {error} Take the metadata away if it is none.'
        ) from error


def _with_partition(table: "pl.LazyFrame", partition: Mapping[str, str], columns: list[str] | None) -> "pl.LazyFrame":
    import polars as pl

    own = table.collect_schema().names()
    added = [pl.lit(value, dtype=pl.String).alias(name) for name, value in partition.items() if name not in own]
    table = table.with_columns(added)
    if columns is None:
        return table
    return table.select([name for name in columns if name in own or name in partition])
