"""Texts of pandas as they were written, whatever `pandas.options` say where they are read.

What pandas makes of a column of texts is chosen by options of the whole process (`future.infer_string`,
`mode.string_storage`), so one file would be two frames. The footer that pandas writes names the dtype:
`str`, `string` or `object`; https://pandas.pydata.org/docs/development/developer.html. Where a name
says less than the dtype did, it means what pandas 3 means with its options untouched.
"""

from __future__ import annotations

import json
from typing import Any

from autostore.optional import require

__all__ = ["as_recorded", "text_dtype"]

_STORAGE = "pyarrow"
"""What `mode.string_storage` chooses where Arrow is installed, without which there is no table."""


def as_recorded(frame: Any, table: Any) -> Any:
    """The frame that pandas made of a table of Arrow, its texts of the dtypes that the table's footer names."""
    pd, told = require("pandas"), (table.schema.metadata or {}).get(b"pandas")
    if told is None or text_dtype("str") is None:
        return frame
    recorded = json.loads(told)
    names = {column["field_name"]: column["numpy_type"] for column in recorded["columns"]}
    levels = [name for name in recorded["index_columns"] if isinstance(name, str) and name in table.column_names]
    fields = [name for name in table.column_names if name not in levels]
    for at, (field, dtype) in enumerate(zip(fields, frame.dtypes, strict=True)):
        made = _column(dtype, table, field, names.get(field))
        if made is not None:
            values = _as(frame.iloc[:, at].array, made, table, field)
            frame.isetitem(at, pd.Series(values, frame.index, made))  # a bare array of objects would be looked into
    for at, field in enumerate(levels):
        frame.index = _level(frame.index, at, table, field, names.get(field))
    labels = recorded["column_indexes"]
    if len(labels) == 1 and labels[0]["pandas_type"] in ("unicode", "string"):
        made = _recorded_dtype(labels[0]["numpy_type"])
        if made is not None and made != frame.columns.dtype:
            frame.columns = frame.columns.astype(made)
    return frame


def text_dtype(name: str | None) -> Any:
    """The dtype of texts that this name means; None where it means none, or this pandas has none by default."""
    pd = require("pandas")
    if int(pd.__version__.partition(".")[0]) < 3:
        return None
    missing = {"str": float("nan"), "string": pd.NA}
    named, _, storage = (name or "").removesuffix("]").partition("[")
    return pd.StringDtype(storage or _STORAGE, na_value=missing[named]) if named in missing else None


def _recorded_dtype(name: str | None) -> Any:
    return require("numpy").dtype(object) if name == "object" else text_dtype(name)


def _column(dtype: Any, table: Any, field: str, name: str | None) -> Any:
    """The dtype that a column of texts, or of categories that are texts, should have; None where it has it."""
    pa, pd = require("pyarrow"), require("pandas")
    kind = table.schema.field(field).type
    if pa.types.is_dictionary(kind) and isinstance(dtype, pd.CategoricalDtype) and _is_text(kind.value_type):
        made = pd.CategoricalDtype(dtype.categories.astype(text_dtype("str")), dtype.ordered)
        return None if made.categories.dtype == dtype.categories.dtype else made
    made = _recorded_dtype(name) if _is_text(kind) else None
    return None if made == dtype else made


def _is_text(kind: Any) -> bool:
    types = require("pyarrow").types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _as(values: Any, dtype: Any, table: Any, field: str) -> Any:
    """The array of a column or level, of that dtype."""
    pd = require("pandas")
    if dtype.kind == "O" and not pd.api.types.is_extension_array_dtype(dtype):
        # Of the table: a text that is missing is None there, and NaN in any dtype of texts.
        return table.column(field).to_numpy()
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(values.codes, dtype=dtype)
    return values.astype(dtype)


def _level(index: Any, at: int, table: Any, field: str, name: str | None) -> Any:
    if index.nlevels == 1:
        made = _column(index.dtype, table, field, name)
        if made is None:
            return index
        return require("pandas").Index(_as(index.array, made, table, field), dtype=made, name=index.name)
    made = _column(index.levels[at].dtype, table, field, name)
    if made is None:
        return index
    return index.set_levels(index.levels[at].astype(made), level=at)
