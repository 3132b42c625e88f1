"""Which tables of an asset's partitions make one: numbers widen, a column may be missing, all else is refused."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autostore import UnsupportedFormatError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_schemas"]


def check_schemas(schemas: Sequence[tuple[str, Mapping[str, "pl.DataType"]]]) -> None:
    """Refuse columns whose types differ over partitions (name, schema), so that nothing is cast in silence.

    Whole numbers become decimals where a partition has them; a column of nulls has any type.
    """
    seen: dict[str, dict[Any, str]] = {}
    for partition, schema in schemas:
        for column, dtype in schema.items():
            seen.setdefault(column, {}).setdefault(dtype, partition)
    for column, dtypes in seen.items():
        (first, where), *others = dtypes.items()
        for dtype, partition in others:
            if not _unite(first, dtype):
                raise UnsupportedFormatError(
                    f"Column {column!r} is {first} in partition {where} and {dtype} in partition {partition}, so these "
                    "partitions are no one table. Write them with one type, or read them as dict[str, pl.DataFrame] "
                    "and cast them yourself."
                )
            first, where = (first, where) if _says_more(first, dtype) else (dtype, partition)


def _unite(one: Any, other: Any) -> bool:
    import polars as pl

    if one == other or pl.Null in (one, other):
        return True
    if one.is_numeric() and other.is_numeric():
        # A decimal would become a float, which cannot say it exactly.
        return not ((one.is_decimal() and other.is_float()) or (one.is_float() and other.is_decimal()))
    if one.is_nested() and one.base_type() is other.base_type():
        return _parts_unite(one, other)
    return False


def _parts_unite(one: Any, other: Any) -> bool:
    import polars as pl

    if isinstance(one, pl.Struct):
        same = [field.name for field in one.fields] == [field.name for field in other.fields]
        return same and all(_unite(a.dtype, b.dtype) for a, b in zip(one.fields, other.fields, strict=True))
    if isinstance(one, pl.Array) and one.size != other.size:
        return False
    kind: Any = getattr(pl, "Map", None)  # older ones have none
    if kind is not None and isinstance(one, kind):
        return _unite(one.key, other.key) and _unite(one.value, other.value)
    return _unite(one.inner, other.inner)


def _says_more(one: Any, other: Any) -> bool:
    """Whether the first is what the next is compared with: a column of nulls is no type."""
    import polars as pl

    return bool(one != pl.Null or other == pl.Null)
