"""Tables over many partitions: one polars frame from explicit lists of stored files, with the partition as columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autostore import AutoStore, UnsupportedFormatError
from autostore_dagster.annotations import read_type
from autostore_dagster.schemas import check_schemas

if TYPE_CHECKING:
    import polars as pl

__all__ = ["lazy_type", "read_columns", "scan", "union"]

GROUP = 50
"""Tables that are collected at once: of thousands, all at once would take ten times as long."""


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
    null there, and numbers are widened, as months of real data demand; any other difference is refused.
    """
    import polars as pl

    if not parts:
        return None
    check_schemas([(_named(partition), _schema(table, columns)) for partition, table in parts])
    tables = [_with_partition(table, partition, columns) for partition, table in parts]
    if annotation is not pl.LazyFrame:
        return _collected(tables, columns)
    whole = pl.concat(tables, how="diagonal_relaxed")
    return whole if columns is None else whole.select(columns)


def _collected(tables: list["pl.LazyFrame"], columns: list[str] | None) -> "pl.DataFrame":
    """One frame of all tables; its schema is that of all of them together, whatever comes first."""
    import polars as pl

    # Polars plans a query over n tables in n squared time.
    schemas = {tuple(table.collect_schema().items()): None for table in tables}
    model = pl.concat([pl.DataFrame(schema=dict(schema)) for schema in schemas], how="diagonal_relaxed").lazy()
    frames = []
    for start in range(0, len(tables), GROUP):
        group = pl.concat([model, *tables[start : start + GROUP]], how="diagonal_relaxed")
        frames.append((group if columns is None else group.select(columns)).collect())
    return pl.concat(frames, rechunk=True)


def read_columns(read: Callable[..., Any], key: str, annotation: Any, columns: list[str]) -> Any:
    """Only these columns of a stored table, by a store's `read`; of a Parquet file nothing else is fetched."""
    try:
        return read(key, as_type=read_type(annotation), columns=columns)
    except UnsupportedFormatError as error:
        raise UnsupportedFormatError(
            f'The input metadata "columns" of {key!r} is for tables: {error} Take the metadata away if it is none.'
        ) from error


def _schema(table: "pl.LazyFrame", columns: list[str] | None) -> dict[str, "pl.DataType"]:
    schema = table.collect_schema()
    return {name: dtype for name, dtype in schema.items() if columns is None or name in columns}


def _named(partition: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in partition.items())


def _with_partition(table: "pl.LazyFrame", partition: Mapping[str, str], columns: list[str] | None) -> "pl.LazyFrame":
    import polars as pl

    own = table.collect_schema().names()
    added = [pl.lit(value, dtype=pl.String).alias(name) for name, value in partition.items() if name not in own]
    table = table.with_columns(added)
    if columns is None:
        return table
    return table.select([name for name in columns if name in own or name in partition])
