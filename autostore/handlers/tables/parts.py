"""Frames, Series, indexes and arrays of pandas that Parquet's own columns would change: plain columns, and a recipe.

Labels that are no text or stand in several levels, cells of Python objects, intervals, complex and sparse numbers:
the columns hold them as other tools read them, and the recipe, typed JSON in the footer, says how pandas had them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables.labels import described, index_of
from autostore.handlers.tables.texts import as_recorded
from autostore.handlers.typed.decoding import Decoder
from autostore.handlers.typed.encoding import encode
from autostore.handlers.typed.text import seal
from autostore.optional import require

__all__ = ["laid_out", "put_together"]

Recipe = dict[str, Any]
_NATIVE = "biufmM"


def laid_out(data: Any) -> tuple[Any, Mapping[str, Any]]:
    """A frame of plain columns, and what `put_together` needs beside it, as JSON."""
    pd = require("pandas")
    recipe: Recipe = {}
    columns: list[tuple[str, Any]] = []
    if isinstance(data, pd.Index):
        index = data
    elif isinstance(data, pd.api.extensions.ExtensionArray):
        index, columns = pd.RangeIndex(len(data)), [("values", data)]
    else:
        index = data.index
        _note(data, recipe)
        columns = [("values" if data.name is None else _text(data.name), data.array)] if data.ndim == 1 else []
    if getattr(data, "ndim", 1) == 2:
        recipe["columns"] = described(data.columns)
        columns = [(_text(label), data.iloc[:, at].array) for at, label in enumerate(data.columns)]
    recipe["cells"] = []
    plain: dict[str, Any] = {}
    for name, values in [*columns, *_of_index(index, recipe)]:
        kept, how = _plain(values)
        recipe["cells"].append(how)
        plain[_fresh(name, plain)] = _series(kept)
    return pd.DataFrame(plain, index=pd.RangeIndex(len(index)), copy=False), _sealed(recipe)


def _note(data: Any, recipe: Recipe) -> None:
    if data.ndim == 1:
        recipe["name"] = data.name
    if data.attrs:
        recipe["attrs"] = dict(data.attrs)
    if not data.flags.allows_duplicate_labels:
        recipe["unique"] = True


def _text(label: Any) -> str:
    return ".".join(map(str, label)) if type(label) is tuple else str(label)


def _fresh(name: str, taken: Mapping[str, Any]) -> str:
    fresh, number = name, 1
    while fresh in taken:
        number += 1
        fresh = f"{name}_{number}"
    return fresh


def _of_index(index: Any, recipe: Recipe) -> Iterable[tuple[str, Any]]:
    """The levels of an index as columns; counting alone needs none."""
    pd = require("pandas")
    if type(index) is pd.RangeIndex:
        recipe["index"] = described(index)
        return []
    recipe["index"] = {"names": list(index.names), "levels": index.nlevels if type(index) is pd.MultiIndex else None}
    if getattr(index, "freq", None) is not None and not isinstance(index, pd.PeriodIndex):
        recipe["index"]["freq"] = index.freqstr
    levels = (index.get_level_values(number) for number in range(index.nlevels))
    names = (f"level_{number}" if name is None else _text(name) for number, name in enumerate(index.names))
    return [(name, level.array) for name, level in zip(names, levels, strict=True)]


def _plain(values: Any) -> tuple[Any, Any]:
    """Values that Parquet keeps, and how they become those that were given; None where they are the same."""
    np, pd = require("numpy"), require("pandas")
    values = values.to_numpy() if type(values) is pd.arrays.NumpyExtensionArray else values
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _NATIVE:
        if dtype.isnative:
            return values, None
        return values.astype(dtype.newbyteorder("=")), {"numpy": dtype.str}
    if isinstance(dtype, pd.SparseDtype):
        return values.to_dense(), {"sparse": [str(dtype.subtype), dtype.fill_value]}
    if isinstance(dtype, pd.StringDtype) and dtype.storage == "python":
        return values, {"texts": dtype.storage, "na": dtype.na_value is pd.NA}
    if _in_parquet(values) and _survives(_series(values)):
        return values, None
    return _changed(values)


def _changed(values: Any) -> tuple[Any, Any]:
    """The same for what Parquet would change: named types, categories as texts, cells as JSON."""
    np, pd = require("numpy"), require("pandas")
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return values, {"arrow": str(dtype.pyarrow_dtype)}
    if isinstance(dtype, pd.CategoricalDtype):
        words = [_text(word) for word in values.categories]
        if len(set(words)) != len(words):
            words = list(map(str, range(len(words))))
        how = {"categories": described(values.categories), "ordered": bool(values.ordered)}
        texts = pd.Index(words, dtype="str")  # also where there is none, which would be no texts
        return pd.Categorical.from_codes(values.codes, categories=texts, ordered=values.ordered), how
    cells = [json.dumps(encode(cell).tree, ensure_ascii=False) for cell in values]
    name = None if dtype == np.dtype(object) else getattr(dtype, "str", str(dtype))
    return pd.array(cells, dtype="str"), {"json": name}


def _series(values: Any) -> Any:
    # Of its own dtype: pandas takes objects that all are texts for texts, if it is not told.
    return require("pandas").Series(values, dtype=values.dtype, copy=False)


def _in_parquet(values: Any) -> bool:
    """Whether Parquet has such a column: of categories it has texts only, though Arrow has all."""
    pd = require("pandas")
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return True
    return bool(len(values.categories)) and pd.api.types.infer_dtype(values.categories, skipna=False) == "string"


def _survives(series: Any) -> bool:
    pa = require("pyarrow")
    try:
        table = pa.Table.from_pandas(series.to_frame("x"))
        return same(as_recorded(table.to_pandas(), table)["x"].array, series.array)
    except Exception as error:  # whatever either library says of objects
        let_pass(error)
        return False


def _sealed(recipe: Recipe) -> Mapping[str, Any]:
    text = seal(encode(recipe)).decode()
    if '{"$object": ' in text or '{"$enum": ' in text:
        raise UnsupportedFormatError("The labels or attributes of the table are objects. Make them texts or numbers.")
    made: Mapping[str, Any] = json.loads(text)
    return made


def put_together(table: Any, sealed: Any) -> Any:
    """The frame, Series, index or array that was laid out, of the table of Arrow that its columns became."""
    recipe = Decoder(may_import=False).decode(json.dumps(sealed).encode())
    try:
        return _put_together(table, recipe)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CorruptDataError(
            f"The footer's recipe does not fit the table: {error}. Read it as pyarrow.Table."
        ) from error


def _put_together(table: Any, recipe: Recipe) -> Any:
    pd = require("pandas")
    arrays = _arrays(table, recipe["cells"])
    told, levels = recipe["index"], 0
    if "range" in told:
        index = index_of(told)
    else:
        levels = told["levels"] or 1
        index = _index(arrays[len(arrays) - levels :], told)
    columns = arrays[: len(arrays) - levels]
    if "columns" in recipe:
        made = pd.DataFrame({at: _series(values) for at, values in enumerate(columns)}, copy=False)
        made = made if columns else pd.DataFrame(index=index)
        made.index = index
        made.columns = index_of(recipe["columns"])
    elif "name" in recipe:
        made = _series(columns[0]).set_axis(index).rename(recipe["name"])
    else:
        return columns[0] if columns else index
    made.attrs.update(recipe.get("attrs", {}))
    return made.set_flags(allows_duplicate_labels=False) if recipe.get("unique") else made


def _index(arrays: list[Any], told: Mapping[str, Any]) -> Any:
    pd = require("pandas")
    if told["levels"] is not None:
        levels = [pd.Index(values, dtype=values.dtype) for values in arrays]
        return pd.MultiIndex.from_arrays(levels, names=told["names"])
    index = pd.Index(arrays[0], dtype=arrays[0].dtype, name=told["names"][0])
    if "freq" in told:
        index.freq = told["freq"]
    return index


def _arrays(table: Any, cells: list[Any]) -> list[Any]:
    """The columns, each as it was given; those of Arrow without a way through pandas' own types."""
    pa, pd = require("pyarrow"), require("pandas")
    whole = {at: table.column(at) for at, how in enumerate(cells) if how is not None and "arrow" in how}
    for at in whole:
        table = table.set_column(at, table.schema.field(at).name, pa.nulls(table.num_rows))
    frame = as_recorded(table.to_pandas(), table)
    if len(cells) != frame.shape[1]:
        raise ValueError(f"{len(cells)} columns")
    return [
        pd.arrays.ArrowExtensionArray(whole[at]) if at in whole else _original(frame.iloc[:, at].array, how)
        for at, how in enumerate(cells)
    ]


def _original(values: Any, how: Any) -> Any:
    if how is None:
        return values
    pd = require("pandas")
    if "texts" in how:
        return values.astype(pd.StringDtype(how["texts"], na_value=pd.NA if how["na"] else float("nan")))
    if "sparse" in how:
        subtype, fill = how["sparse"]
        return pd.arrays.SparseArray(values, dtype=pd.SparseDtype(subtype, fill))
    if "numpy" in how:
        return values.to_numpy().astype(how["numpy"])
    if "categories" in how:
        dtype = pd.CategoricalDtype(index_of(how["categories"]), how["ordered"])
        words = list(values.categories)
        return pd.Categorical.from_codes(values.codes, dtype=dtype) if len(words) == len(dtype.categories) else None
    cells = require("numpy").empty(len(values), dtype=object)
    for at, cell in enumerate(values):
        cells[at] = Decoder(may_import=False).decode(b'{"$autostore": 1, "value": ' + cell.encode("utf-8") + b"}")
    return pd.array(cells, dtype=object if how["json"] is None else how["json"], copy=False)
