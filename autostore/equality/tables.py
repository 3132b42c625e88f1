"""How `same` compares tables: by schema, then by values, with NaN equal to itself and signed zeros."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.equality.geometries import geographic, same_geometries
from autostore.optional import require

__all__ = ["TABLES"]


def _same_polars(first: Any, second: Any, again: Again) -> bool:
    """Frames, lazy frames (by what they yield) and series of Polars."""
    pl = require("polars")
    if isinstance(first, pl.LazyFrame):
        return _same_polars(first.collect(), second.collect(), again)
    if isinstance(first, pl.Series):
        return bool(first.name == second.name) and _same_polars(first.to_frame(), second.to_frame(), again)
    if list(first.schema.items()) != list(second.schema.items()) or first.shape != second.shape:
        return False
    return all(_same_series(pl, first[name], second[name], again) for name in first.columns)


def _same_series(pl: Any, first: Any, second: Any, again: Again) -> bool:
    dtype = first.dtype
    if dtype.is_nested() or dtype == pl.Object:
        return again(first.to_list(), second.to_list())
    if not first.equals(second, null_equal=True):
        return False
    # Polars holds 0.0 and -0.0 to be equal; their reciprocals are not.
    return not dtype.is_float() or bool((1 / first).equals(1 / second, null_equal=True))


def _same_pandas(first: Any, second: Any, again: Again) -> bool:
    """Frames, series and indexes of pandas: labels, dtypes, flags and attributes too."""
    pd = require("pandas")
    if isinstance(first, pd.Index):
        return _same_index(pd, first, second, again)
    if first.shape != second.shape or not again(dict(first.attrs), dict(second.attrs)):
        return False
    if first.flags.allows_duplicate_labels != second.flags.allows_duplicate_labels:
        return False
    if not _same_index(pd, first.index, second.index, again):
        return False
    if isinstance(first, pd.Series):
        return again(first.name, second.name) and _same_values(first.array, second.array, again)
    if not _same_index(pd, first.columns, second.columns, again):
        return False
    columns = range(first.shape[1])
    return all(_same_values(first.iloc[:, i].array, second.iloc[:, i].array, again) for i in columns)


def _same_index(pd: Any, first: Any, second: Any, again: Again) -> bool:
    if (
        type(first) is not type(second)
        or first.shape != second.shape
        or not again(list(first.names), list(second.names))
    ):
        return False
    if isinstance(first, pd.RangeIndex):
        return bool(first.equals(second) and first.step == second.step)
    if isinstance(first, pd.MultiIndex):
        levels = range(first.nlevels)
        pairs = ((first.get_level_values(n).array, second.get_level_values(n).array) for n in levels)
        return all(_same_values(one, two, again) for one, two in pairs)
    if getattr(first, "freq", None) != getattr(second, "freq", None):
        return False
    return _same_values(first.array, second.array, again)


def _same_values(first: Any, second: Any, again: Again) -> bool:
    if first.dtype != second.dtype or type(first) is not type(second):
        return False
    if first.dtype.name == "geometry":
        return same_geometries(first, second)
    np, pd = require("numpy"), require("pandas")
    if isinstance(first.dtype, pd.CategoricalDtype):  # to pandas the order of the categories is no difference
        codes = np.array_equal(first.codes, second.codes)
        return bool(codes) and _same_index(pd, first.categories, second.categories, again)
    if isinstance(first.dtype, np.dtype | pd.SparseDtype) and first.dtype.kind not in "mM":
        return again(np.asarray(first), np.asarray(second))
    if hasattr(first.dtype, "pyarrow_dtype"):
        return _same_column(_chunked(first), _chunked(second), again)
    if first.dtype.kind == "O" or "loat" in str(first.dtype):
        return again(first.tolist(), second.tolist())
    return bool(first.equals(second))


def _chunked(values: Any) -> Any:
    array = values.__arrow_array__()
    return array if hasattr(array, "chunks") else require("pyarrow").chunked_array([array])


def _same_arrow(first: Any, second: Any, again: Again) -> bool:
    """Tables of Arrow, with the metadata of their schemas; chunks do not matter."""
    if not first.schema.equals(second.schema, check_metadata=True) or first.num_rows != second.num_rows:
        return False
    return all(_same_column(one, two, again) for one, two in zip(first.columns, second.columns, strict=True))


def _same_column(first: Any, second: Any, again: Again) -> bool:
    if first.type != second.type or len(first) != len(second):
        return False
    pa = require("pyarrow")
    if pa.types.is_floating(first.type):
        # As whole numbers of the same bits, which tells signs of zero; NaN has several.
        bits = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[first.type.bit_width]
        one, two = (pa.chunked_array([c.view(bits) for c in column.chunks], bits) for column in (first, second))
        return bool(one.equals(two)) or again(first.to_pylist(), second.to_pylist())
    if pa.types.is_dictionary(first.type):
        return _same_dictionary(first, second, again)
    if not _has_floats(str(first.type)):
        return bool(first.equals(second))
    return again(first.to_pylist(), second.to_pylist())


def _same_batch(first: Any, second: Any, again: Again) -> bool:
    one, two = (require("pyarrow").Table.from_batches([batch]) for batch in (first, second))
    return _same_arrow(one, two, again)


def _same_array(first: Any, second: Any, again: Again) -> bool:
    one, two = (require("pyarrow").chunked_array([array]) for array in (first, second))
    return _same_column(one, two, again)


def _same_dictionary(first: Any, second: Any, again: Again) -> bool:
    """By what the cells say and what they may say; how chunks number it does not matter."""
    one, two = (_words(column) for column in (first, second))
    if not first.type.ordered:
        one, two = sorted(one, key=repr), sorted(two, key=repr)
    return again(first.to_pylist(), second.to_pylist()) and again(one, two)


def _words(column: Any) -> list[Any]:
    chunks = column.unify_dictionaries().chunks
    return list(chunks[0].dictionary.to_pylist()) if chunks else []


def _has_floats(type_name: str) -> bool:
    return any(name in type_name for name in ("float", "double"))


TABLES: Mapping[str, Comparer] = {
    **geographic(_same_pandas),  # first, as they are derived from those of pandas
    "polars.DataFrame": _same_polars,
    "polars.LazyFrame": _same_polars,
    "polars.Series": _same_polars,
    "pandas.DataFrame": _same_pandas,
    "pandas.Series": _same_pandas,
    "pandas.Index": _same_pandas,
    "pandas.api.extensions.ExtensionArray": _same_values,
    "pyarrow.Table": _same_arrow,
    "pyarrow.RecordBatch": _same_batch,
    "pyarrow.ChunkedArray": _same_column,
    "pyarrow.Array": _same_array,
    "pyarrow.Schema": lambda first, second, _again: bool(first.equals(second, check_metadata=True)),
    "polars.Schema": lambda first, second, _again: list(first.items()) == list(second.items()),
}
