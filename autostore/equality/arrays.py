"""How `same` compares NumPy's arrays and scalars, and SciPy's sparse matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.optional import require

__all__ = ["ARRAYS", "SPARSE", "own_attributes", "same_dtype", "set_on_sparse"]

# What NumPy itself keeps as attributes of a masked array and of a memmap; all else was set by somebody.
_OF_NUMPY = frozenset(
    {"_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_optinfo", "_basedict"}
    | {"_mmap", "filename", "offset", "mode"}
)
_OF_SCIPY = frozenset(
    {"data", "indices", "indptr", "coords", "row", "col", "offsets", "rows", "dtype", "maxprint"}
    | {"has_sorted_indices", "has_canonical_format"}
)


def own_attributes(array: Any) -> dict[str, Any]:
    """What somebody set on an array of a subclass, whose pickle does not hold it either."""
    return {name: part for name, part in getattr(array, "__dict__", {}).items() if name not in _OF_NUMPY}


def set_on_sparse(matrix: Any) -> dict[str, Any]:
    """The same of a sparse matrix; names that begin with _ are SciPy's affair."""
    return {name: part for name, part in vars(matrix).items() if name not in _OF_SCIPY and not name.startswith("_")}


def _same_array(first: Any, second: Any, again: Again) -> bool:
    if not same_dtype(first.dtype, second.dtype, again) or first.shape != second.shape:
        return False
    again(own_attributes(first), own_attributes(second))
    np = require("numpy")
    if isinstance(first, np.ma.MaskedArray):
        return _same_masked(np, first, second, again)
    first, second = np.asarray(first), np.asarray(second)
    kind = first.dtype.kind
    if first.dtype.names is not None:
        return all(again(first[name], second[name]) for name in first.dtype.names)
    if kind in "fc":
        return _same_floats(np, np.asarray(first), np.asarray(second))
    if kind in "OTV":
        return again(first.tolist(), second.tolist())
    if kind in "mM":
        return bool(np.array_equal(np.asarray(first).view("i8"), np.asarray(second).view("i8")))
    return bool(np.array_equal(first, second))


def same_dtype(first: Any, second: Any, _again: Again | None = None) -> bool:
    """Whether two dtypes say the same, also of the class that rows have (`void` or `record`) and in their metadata."""
    if first != second or (first.kind == "V" and first.type is not second.type):
        return False
    if (first.metadata or {}) != (second.metadata or {}):
        return False
    return all(same_dtype(first[name].base, second[name].base) for name in first.names or ())


def _same_masked(np: Any, first: Any, second: Any, again: Again) -> bool:
    if first.hardmask != second.hardmask or (first.mask is np.ma.nomask) != (second.mask is np.ma.nomask):
        return False
    with np.errstate(over="ignore"):  # the usual fill value of half floats is infinite
        again(np.asarray(first.fill_value), np.asarray(second.fill_value))
    mask = again(np.asarray(np.ma.getmaskarray(first)), np.asarray(np.ma.getmaskarray(second)))
    return mask and again(np.ma.getdata(first), np.ma.getdata(second))


def _same_floats(np: Any, first: Any, second: Any) -> bool:
    if first.dtype.kind == "c":
        return _same_floats(np, first.real, second.real) and _same_floats(np, first.imag, second.imag)
    nan = np.isnan(first)
    if not np.array_equal(first, second, equal_nan=True):
        return False
    return bool(np.all((np.signbit(first) == np.signbit(second)) | nan))


def _same_scalar(first: Any, second: Any, again: Again) -> bool:
    np = require("numpy")
    return _same_array(np.asarray(first), np.asarray(second), again)


def _same_sparse(first: Any, second: Any, again: Again) -> bool:
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    again(set_on_sparse(first), set_on_sparse(second))
    names = {
        "csr": ("indptr", "indices", "data"),
        "csc": ("indptr", "indices", "data"),
        "bsr": ("indptr", "indices", "data"),
        "coo": ("coords", "data"),
        "dia": ("offsets", "data"),
        "lil": ("rows", "data"),
    }.get(first.format)
    if names is None:  # dok, where the order of the items means nothing
        return again(_places(first), _places(second))
    np = require("numpy")
    # The width of the index type depends on the library's version; what it indexes does not.
    parts = [(np.asarray(getattr(first, n)), np.asarray(getattr(second, n))) for n in names[:-1]]
    return all(np.array_equal(a, b) for a, b in parts) and again(first.data, second.data)


def _places(matrix: Any) -> list[tuple[tuple[int, ...], Any]]:
    one_dimension = matrix.ndim == 1
    places = (((int(key),) if one_dimension else tuple(map(int, key)), value) for key, value in matrix.items())
    return sorted(places, key=lambda item: item[0])


ARRAYS: Mapping[str, Comparer] = {
    "numpy.ndarray": _same_array,
    "numpy.generic": _same_scalar,
    "numpy.dtype": same_dtype,
}
SPARSE: Mapping[str, Comparer] = {"scipy.sparse.sparray": _same_sparse, "scipy.sparse.spmatrix": _same_sparse}
