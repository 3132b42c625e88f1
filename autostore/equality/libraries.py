"""How `same` compares the values of optional libraries, none of which it imports first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autostore.optional import loaded_type, require

__all__ = ["are_images", "comparer"]

Again = Callable[[Any, Any], bool]
Comparer = Callable[[Any, Any, Again], bool]


def comparer(value: Any) -> Comparer | None:
    """The comparison of the first family that the value belongs to; None for plain Python."""
    for module, name, compare in _FAMILIES:
        family = loaded_type(module, name)
        if family is not None and isinstance(value, family):
            return compare
    return None


def are_images(first: Any, second: Any) -> bool:
    """Whether both are images, whose class only says which file they came from."""
    image = loaded_type("PIL.Image", "Image")
    return image is not None and isinstance(first, image) and isinstance(second, image)


def _same_array(first: Any, second: Any, again: Again) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    np = require("numpy")
    if isinstance(first, np.ma.MaskedArray):
        mask = again(np.ma.getmaskarray(first), np.ma.getmaskarray(second))
        return mask and again(np.ma.getdata(first), np.ma.getdata(second))
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


def _same_tensor(first: Any, second: Any, _again: Again) -> bool:
    names = ("dtype", "shape", "layout", "device", "requires_grad")
    if any(getattr(first, name) != getattr(second, name) for name in names):
        return False
    torch = require("torch")
    first, second = first.detach().cpu(), second.detach().cpu()
    if first.layout != torch.strided or first.is_quantized:
        return (
            bool(torch.equal(first.to_dense(), second.to_dense()))
            if not first.is_quantized
            else bool(torch.equal(first, second))
        )
    if first.dtype.is_complex:
        first, second = torch.view_as_real(first.resolve_conj()), torch.view_as_real(second.resolve_conj())
    if not first.dtype.is_floating_point:
        return bool(torch.equal(first, second))
    if first.element_size() == 1:  # float8 types have hardly any operations
        return bool(torch.equal(first.float().nan_to_num(), second.float().nan_to_num()))
    nan = torch.isnan(first)
    equal = (first == second) & (torch.signbit(first) == torch.signbit(second))
    return bool((equal | (nan & torch.isnan(second))).all())


def _same_module(first: Any, second: Any, again: Again) -> bool:
    return bool(first.training == second.training) and again(dict(first.state_dict()), dict(second.state_dict()))


def _same_image(first: Any, second: Any, _again: Again) -> bool:
    if first.mode != second.mode or first.size != second.size:
        return False
    palettes = [image.getpalette("RGBA") if image.mode in ("P", "PA") else None for image in (first, second)]
    if None not in palettes:
        # Formats pad or cut a palette to what the pixels use; the colours they name must agree.
        length = max(len(palette) for palette in palettes if palette is not None)
        palettes = [(palette or []) + [0, 0, 0, 255] * ((length - len(palette or [])) // 4) for palette in palettes]
    return bool(palettes[0] == palettes[1]) and first.tobytes() == second.tobytes()


def _same_model(first: Any, second: Any, again: Again) -> bool:
    names = ("__dict__", "__pydantic_private__", "__pydantic_extra__")
    return all(again(getattr(first, name, None), getattr(second, name, None)) for name in names)


def _same_polars(first: Any, second: Any, again: Again) -> bool:
    from autostore.equality.tables import same_polars

    return same_polars(first, second, again)


def _same_pandas(first: Any, second: Any, again: Again) -> bool:
    from autostore.equality.tables import same_pandas

    return same_pandas(first, second, again)


def _same_arrow(first: Any, second: Any, again: Again) -> bool:
    from autostore.equality.tables import same_arrow

    return same_arrow(first, second, again)


_FAMILIES: list[tuple[str, str, Comparer]] = [
    ("numpy", "ndarray", _same_array),
    ("numpy", "generic", _same_scalar),
    ("pydantic", "BaseModel", _same_model),
    ("polars", "DataFrame", _same_polars),
    ("polars", "LazyFrame", _same_polars),
    ("polars", "Series", _same_polars),
    ("pandas", "DataFrame", _same_pandas),
    ("pandas", "Series", _same_pandas),
    ("pandas", "Index", _same_pandas),
    ("pyarrow", "Table", _same_arrow),
    ("scipy.sparse", "sparray", _same_sparse),
    ("scipy.sparse", "spmatrix", _same_sparse),
    ("torch", "Tensor", _same_tensor),
    ("torch.nn", "Module", _same_module),
    ("PIL.Image", "Image", _same_image),
]
