"""Values of well-known classes that are made of a few parts, each a value of its own: a closed table of them.

`{"$made": ["numpy.ma.MaskedArray", [data, mask, ...]]}`: the parts are encoded as they would be anywhere, so that
an array among them is a member of a bundle. Nothing but what this table names is ever called with what a file holds.
"""

from __future__ import annotations

import array
import collections
import re
import types
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from autostore.equality import same
from autostore.handlers.tables.labels import described, index_of
from autostore.handlers.typed.tag import array as list_of
from autostore.handlers.typed.tag import need, refuse, typed
from autostore.handlers.typed.zones import is_key
from autostore.optional import loaded_type, package_of, require
from autostore.words import an

__all__ = ["made_again", "made_of", "taken_apart"]


class Made(NamedTuple):
    """A row of the table: how a value is taken apart, and put together by the library of this name."""

    library: str
    kind: str
    parts: Callable[[Any], Sequence[Any]]
    make: Callable[..., Any]


def _namespace(fields: Any) -> types.SimpleNamespace:
    made = types.SimpleNamespace()
    made.__dict__.update(typed(fields, dict))
    return made


def _objects(shape: Any, cells: Any) -> Any:
    np = require("numpy")
    flat = np.empty(len(typed(cells, list)), dtype=object)
    for at, cell in enumerate(cells):
        flat[at] = cell
    return flat.reshape(tuple(typed(shape, list)))


def _texts(shape: Any, cells: Any, options: Any) -> Any:
    dtypes = require("numpy").dtypes
    dtype = dtypes.StringDType(**options)
    return require("numpy").array(typed(cells, list), dtype=dtype).reshape(tuple(typed(shape, list)))


def _of_texts(value: Any) -> Sequence[Any]:
    options = {"na_object": value.dtype.na_object} if hasattr(value.dtype, "na_object") else {}
    options |= {} if value.dtype.coerce else {"coerce": False}
    return [list(value.shape), value.ravel().tolist(), options]


def _masked(data: Any, mask: Any, fill: Any, hard: Any) -> Any:
    ma = require("numpy").ma
    mask = ma.nomask if mask is None else mask
    return ma.MaskedArray(data, mask=mask, fill_value=fill, hard_mask=typed(hard, bool))


def _of_masked(value: Any) -> Sequence[Any]:
    np = require("numpy")
    with np.errstate(over="ignore"):  # the usual one of half floats is infinite
        usual = value.dtype.names is None and value.fill_value == np.ma.default_fill_value(value)
    fill = None if usual else value.fill_value
    mask = None if value.mask is np.ma.nomask else np.ma.getmaskarray(value)
    return [np.ma.getdata(value), mask, fill, bool(value.hardmask)]


def _plain_array(value: Any) -> Sequence[Any]:
    np = require("numpy")
    plain = value.view(np.ndarray)
    return [plain.view(np.dtype((np.void, plain.dtype))) if plain.dtype.type is np.record else plain]


def _of_dtype(value: Any) -> Sequence[Any]:
    format_ = require("numpy").lib.format
    if value.kind == "T" or format_.drop_metadata(value) is not value:
        refuse(f"is the dtype {value}, which NumPy's files cannot name")
    return [format_.dtype_to_descr(value)]


def _dtype(described: Any) -> Any:
    return require("numpy").lib.format.descr_to_dtype(described)


def _torch_dtype(name: Any) -> Any:
    found = getattr(require("torch"), typed(name, str), None)
    need(isinstance(found, require("torch").dtype))
    return found


def _call(library: str, name: str, *parts: Any) -> Any:
    return _of(library, name)(*parts)


def _categories(labels: Any, ordered: Any) -> Any:
    return require("pandas").CategoricalDtype(index_of(labels) if labels else None, ordered)


def _url(kind: Any, text: Any) -> Any:
    networks = require("pydantic.networks")
    found: Any = getattr(networks, typed(kind, str), None)
    need(isinstance(found, type) and issubclass(found, (networks._BaseUrl, networks._BaseMultiHostUrl)))  # noqa: SLF001
    return found(typed(text, str))


def _of_url(value: Any) -> Sequence[Any]:
    return [type(value).__name__, str(value)]


def _pandas_dtype(name: Any) -> Any:
    need(all(map(is_key, typed(name, str).split("dateutil/")[1:])), "it names a file, not a zone")
    return _of("pandas.api.types", "pandas_dtype")(name)


def _of(library: str, name: str) -> Any:
    return getattr(require(library), name)


MADE: dict[str, Made] = {
    "types.SimpleNamespace": Made("types", "SimpleNamespace", lambda v: [vars(v)], _namespace),
    "re.Pattern": Made("re", "Pattern", lambda v: [v.pattern, v.flags], re.compile),
    "array.array": Made("array", "array", lambda v: [v.typecode, v.tobytes()], array.array),
    "collections.ChainMap": Made("collections", "ChainMap", lambda v: v.maps, collections.ChainMap),
    "builtins.ellipsis": Made("types", "EllipsisType", lambda _: [], lambda: ...),
    "numpy.object": Made("numpy", "ndarray", lambda v: [list(v.shape), v.ravel().tolist()], _objects),
    "numpy.text": Made("numpy", "ndarray", _of_texts, _texts),
    "numpy.ma.MaskedArray": Made("numpy.ma", "MaskedArray", _of_masked, _masked),
    "numpy.recarray": Made("numpy", "recarray", _plain_array, lambda data: data.view(_of("numpy", "recarray"))),
    "numpy.memmap": Made("numpy", "memmap", _plain_array, lambda data: data.view(_of("numpy", "memmap"))),
    "numpy.matrix": Made("numpy", "matrix", _plain_array, lambda data: data.view(_of("numpy", "matrix"))),
    "numpy.dtype": Made("numpy", "dtype", _of_dtype, _dtype),
    "pandas.Period": Made(
        "pandas",
        "Period",
        lambda v: [v.ordinal, v.freqstr],
        lambda at, freq: _of("pandas", "Period")(ordinal=at, freq=freq),
    ),
    "pandas.Interval": Made(
        "pandas", "Interval", lambda v: [v.left, v.right, v.closed], partial(_call, "pandas", "Interval")
    ),
    "pandas.CategoricalDtype": Made(
        "pandas",
        "CategoricalDtype",
        lambda v: [v.categories is not None and described(v.categories), v.ordered],
        _categories,
    ),
    "pandas.dtype": Made(
        "pandas.api.extensions",
        "ExtensionDtype",
        lambda v: [str(v)],
        _pandas_dtype,
    ),
    "pandas.offset": Made(
        "pandas._libs.tslibs.offsets",
        "BaseOffset",
        lambda v: [v.freqstr],
        lambda name: _of("pandas.tseries.frequencies", "to_offset")(typed(name, str)),
    ),
    "pydantic.url": Made("pydantic.networks", "_BaseUrl", _of_url, _url),
    "pydantic.dsn": Made("pydantic.networks", "_BaseMultiHostUrl", _of_url, _url),
    "torch.Size": Made("torch", "Size", lambda v: [list(v)], partial(_call, "torch", "Size")),
    "torch.device": Made("torch", "device", lambda v: [str(v)], partial(_call, "torch", "device")),
    "torch.dtype": Made("torch", "dtype", lambda v: [str(v).removeprefix("torch.")], _torch_dtype),
}
"""Name -> row; arrays stand here where NumPy's own format does not hold them."""

_FAMILIES = frozenset(("numpy.dtype", "pandas.dtype", "pandas.offset", "pydantic.url", "pydantic.dsn"))
"""Those of which the library has a class for each kind."""

_ARRAYS = {"O": "numpy.object", "T": "numpy.text"}
_MODULES = frozenset(row.library.partition(".")[0] for row in MADE.values()) | {"builtins"}


def made_of(kind: type) -> str | None:
    """The row of a class, by its name; "" of arrays, for which their dtype decides; no library is imported."""
    if package_of(kind) not in _MODULES:
        return None
    for name, row in MADE.items():
        known = loaded_type(row.library, row.kind)
        if known is not None and (kind is known or (name in _FAMILIES and issubclass(kind, known))):
            return "" if row.kind == "ndarray" else name
    return None


def taken_apart(name: str, value: Any) -> tuple[str, Sequence[Any]] | None:
    """The row and the parts; None for an array that NumPy's own format holds. Refused if they would not make it up."""
    if not name:
        name = _ARRAYS.get(value.dtype.kind, "")
        if not name:
            return None
    try:
        parts = MADE[name].parts(value)
        kept = same(MADE[name].make(*parts), value)
    except (TypeError, ValueError, AttributeError) as error:
        refuse(f"is {an(name)} that its parts do not give back: {error}")
    if not kept:
        refuse(f"is {an(name)} that holds more than its parts say")
    return name, parts


def made_again(payload: Any) -> Any:
    """The value of a `$made`."""
    name, parts = list_of(payload, 2)
    need(name in MADE, f"{name!r:.60} is no class that this autostore knows. Upgrade autostore")
    return MADE[name].make(*typed(parts, list))
