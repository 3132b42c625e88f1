"""Frames, Series, indexes and arrays of pandas in Parquet, through Arrow.

As pandas itself writes them, with what it records of index and labels in the footer; what that would change is
laid out by `parts.py`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from autostore.equality import same
from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handlers.json import check_json
from autostore.handlers.tables.arrow import read_table, refused_by_arrow, write_marked
from autostore.handlers.tables.cells import frame_of
from autostore.handlers.tables.kinds import not_one_column
from autostore.handlers.tables.known import found_again
from autostore.handlers.tables.mark import TableMark, mark_text
from autostore.handlers.tables.options import DEFAULT, ParquetOptions
from autostore.handlers.tables.parts import laid_out, put_together
from autostore.handlers.tables.row_size import check_arrow_frame
from autostore.handlers.tables.texts import as_recorded, text_dtype
from autostore.optional import require

__all__ = [
    "Given",
    "index_columns",
    "read_array",
    "read_frame",
    "read_index",
    "read_series",
    "write_array",
    "write_frame",
    "write_index",
    "write_series",
]

_NAMES = frozenset(("string", "empty", "floating", "integer", "datetime64", "datetime", "date"))

_UNNAMED = "values"
"""The column of a Series whose name is no text, as a column needs one."""


class Given(NamedTuple):
    """What is written, where it is more than the plain frame or Series that is laid out for it.

    Attributes:
        value: what must come back.
        kind: the recorded name of its type.
        details: what stands in the mark beside that.
        footer: what other entries the footer gets, by the names of the file's columns.
        read: reads an open file with this mark.
        losses: what else may change, as a message says it.
    """

    value: Any
    kind: str
    details: Mapping[str, Any]
    footer: Callable[[list[str]], Mapping[str, str]]
    read: Callable[[Any, TableMark], Any]
    losses: str = ""


def read_frame(stream: Any, mark: TableMark, ceiling: Ceiling | None = None, columns: list[str] | None = None) -> Any:
    """The frame with its index, and the index's frequency; only these columns."""
    found = _read(stream, mark, ceiling, columns)
    pd = require("pandas")
    if isinstance(found, pd.DataFrame):
        return found
    return found.to_frame() if isinstance(found, pd.Series) else pd.DataFrame({_UNNAMED: found})


def _read(stream: Any, mark: TableMark, ceiling: Ceiling | None = None, columns: list[str] | None = None) -> Any:
    require("pandas")
    table = read_table(stream, mark, ceiling, columns)
    if "parts" in mark:
        return put_together(table, mark["parts"])
    if ceiling is not None:
        check_arrow_frame(table, ceiling)
    frame = frame_of(table)
    if str(mark["type"]).startswith(("pandas.", "geopandas.")):
        frame = as_recorded(frame, table)
    if "freq" in mark:
        try:
            frame.index.freq = mark["freq"]
        except (ValueError, AttributeError, TypeError) as error:
            raise UnsupportedFormatError(
                f"This pandas gives the index no frequency {mark['freq']!r:.40}: {error}. "
                "Read it as pyarrow.Table, or with the version of pandas that wrote it."
            ) from error
    return frame


def index_columns(footer: bytes) -> list[str]:
    """The columns of a file that are the index of a frame, as its footer names them."""
    start = footer.find(b'"index_columns": [')
    if start < 0:
        return []
    found, _ = json.JSONDecoder().raw_decode(footer[start + 17 :].decode(errors="replace"))
    return [name for name in found if isinstance(name, str)]


def read_series(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The only column, or that which was written as a Series."""
    pd = require("pandas")
    frame = _read(stream, mark, ceiling)
    if isinstance(frame, pd.Series):
        return frame
    if not isinstance(frame, pd.DataFrame):
        return pd.Series(frame)
    if frame.shape[1] != 1:
        raise not_one_column(frame.shape[1], "pandas.DataFrame")
    series = frame.iloc[:, 0]
    if "name" in mark:
        series.name = mark["name"]
    return series


def read_index(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The labels that were written as an index, or those of a frame's or Series' rows."""
    found = _read(stream, mark, ceiling)
    pd = require("pandas")
    if isinstance(found, pd.DataFrame | pd.Series):
        return found.index
    return found if isinstance(found, pd.Index) else pd.Index(found)


def read_array(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The values of one column, as pandas' own array."""
    return read_series(stream, mark, ceiling).array


def write_frame(data: Any, file: Path, options: ParquetOptions = DEFAULT, given: Given | None = None) -> None:
    """Write the frame, if what is read back is the same; `given` is what it was laid out for."""
    pd = require("pandas")
    labels, given = data.columns, given or _itself(data, "pandas.DataFrame")
    named = pd.api.types.infer_dtype(labels, skipna=False) in _NAMES and type(labels) in (pd.Index, pd.DatetimeIndex)
    if named and labels.is_unique and _has_text_names(data.index):
        with contextlib.suppress(UnsupportedFormatError):
            _write(data, given, file, _freq(data), options)
            return
    _write_parts(data, given, file, options)


def write_series(data: Any, file: Path, options: ParquetOptions = DEFAULT, given: Given | None = None) -> None:
    """Write one column beside the index, if what is read back is the same."""
    name, given = data.name, given or _itself(data, "pandas.Series")
    with contextlib.suppress(UnsupportedFormatError):
        if type(name) is str and _has_text_names(data.index):
            _write(data.to_frame(), given, file, _freq(data), options)
            return
        if (name is None or type(name) is int) and _has_text_names(data.index):
            _write(data.to_frame(_UNNAMED), given, file, {"name": name, **_freq(data)}, options)
            return
    _write_parts(data, given, file, options)


def _itself(data: Any, kind: str) -> Given:
    return Given(data, kind, {}, lambda _: {}, read_series if kind == "pandas.Series" else _read)


def _has_text_names(index: Any) -> bool:
    """Whether pandas itself records the names of an index's levels as they are."""
    return all(name is None or type(name) is str for name in index.names)


def write_index(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Write each level as a column."""
    _write_parts(data, _itself(data, "pandas.Index"), file, options)


def write_array(data: Any, file: Path, options: ParquetOptions = DEFAULT) -> None:
    """Write one column."""
    _write_parts(data, _itself(data, "pandas.array"), file, options)


def _write_parts(data: Any, given: Given, file: Path, options: ParquetOptions) -> None:
    """Write plain columns and a recipe, if what is read back is the same."""
    frame, recipe = laid_out(data)
    _write(frame, given, file, {"parts": recipe}, options)


def _freq(data: Any) -> dict[str, Any]:
    freq = getattr(data.index, "freqstr", None) if hasattr(data.index, "freq") else None
    periods = type(data.index) is require("pandas").PeriodIndex  # where it is a part of the dtype
    return {"freq": freq} if freq and not periods else {}


def _write(frame: Any, given: Given, file: Path, details: dict[str, Any], options: ParquetOptions) -> None:
    kind, mark = type(given.value).__qualname__, {**given.details, **details}
    check_json(dict(frame.attrs))
    try:
        table = require("pyarrow").Table.from_pandas(frame)
        if not table.num_columns:
            mark["rows"] = table.num_rows
        table, _ = found_again(table)
        table = table.replace_schema_metadata({**table.schema.metadata, **given.footer(table.column_names)})
        with refused_by_arrow(kind):
            write_marked(table, file, mark_text(given.kind, **mark), options)
            safe = "parts" not in mark and given.kind.startswith("pandas.") and _is_plain(frame)
            kept = safe or same(_read_back(file, given, mark), given.value)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        let_pass(error)
        raise UnsupportedFormatError(f"Parquet cannot hold this {kind}: {error}. Convert the column.") from error
    if not kept:
        raise UnsupportedFormatError(
            f"Parquet would change this {kind}: cells, labels or attributes of Python objects"
            f"{given.losses}. Convert them, or use a bare key."
        )


def _read_back(file: Path, given: Given, mark: dict[str, Any]) -> Any:
    with open(file, "rb") as stream:
        return given.read(stream, {**mark, "type": given.kind})


def _is_plain(frame: Any) -> bool:
    """Whether the types alone show that Parquet keeps the frame, so that it need not be read back."""
    pd = require("pandas")
    if type(frame.index) is not pd.RangeIndex or frame.index.name is not None or frame.attrs:
        return False
    if not frame.flags.allows_duplicate_labels or frame.columns.name is not None:
        return False
    if frame.columns.dtype != (text_dtype("str") or object) or not len(frame.columns):
        return False
    kinds = (dtype.kind if type(dtype).__module__.startswith("numpy") else "" for dtype in frame.dtypes)
    return all(kind and kind in "iufb" for kind in kinds)
