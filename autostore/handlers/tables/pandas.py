"""Frames and Series of pandas in Parquet, through Arrow, with what pandas records of index and labels in the footer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autostore.equality import same
from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.guard.foreign import let_pass
from autostore.handlers.json import check_json
from autostore.handlers.tables.arrow import read_table, refused_by_arrow, write_marked
from autostore.handlers.tables.kinds import not_one_column
from autostore.handlers.tables.mark import TableMark, mark_text
from autostore.optional import require

__all__ = ["read_frame", "read_series", "write_frame", "write_series"]

_UNNAMED = "values"
"""The column of a Series whose name is no text, as a column needs one."""


def read_frame(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The frame with its index, and the index's frequency."""
    require("pandas")
    frame = read_table(stream, mark, ceiling).to_pandas()
    if "freq" in mark:
        try:
            frame.index.freq = mark["freq"]
        except (ValueError, AttributeError, TypeError) as error:
            raise UnsupportedFormatError(
                f"This pandas gives the index no frequency {mark['freq']!r:.40}: {error}. "
                "Read it as pyarrow.Table, or with the version of pandas that wrote it."
            ) from error
    return frame


def read_series(stream: Any, mark: TableMark, ceiling: Ceiling | None = None) -> Any:
    """The only column, or that which was written as a Series."""
    frame = read_frame(stream, mark, ceiling)
    if frame.shape[1] != 1:
        raise not_one_column(frame.shape[1], "pandas.DataFrame")
    series = frame.iloc[:, 0]
    if "name" in mark:
        series.name = mark["name"]
    return series


def write_frame(data: Any, file: Path) -> None:
    """Write the frame, if what is read back is the same."""
    if require("pandas").api.types.infer_dtype(data.columns, skipna=False).startswith("mixed"):
        raise UnsupportedFormatError("Parquet's columns are named by text. Rename the columns to str.")
    mark = _mark("pandas.DataFrame", data)
    _write(data, data, file, mark)


def write_series(data: Any, file: Path) -> None:
    """Write one column beside the index, if what is read back is the same."""
    name = data.name
    if type(name) is str:
        _write(data.to_frame(), data, file, _mark("pandas.Series", data))
    elif name is None or type(name) is int:
        _write(data.to_frame(_UNNAMED), data, file, _mark("pandas.Series", data, name=name))
    else:
        raise UnsupportedFormatError(f"A Series is named by text or a number here, not by {name!r:.80}. Rename it.")


def _mark(kind: str, data: Any, **details: Any) -> dict[str, Any]:
    freq = getattr(data.index, "freqstr", None) if hasattr(data.index, "freq") else None
    periods = type(data.index) is require("pandas").PeriodIndex  # where it is a part of the dtype
    return {"kind": kind, **details} | ({"freq": freq} if freq and not periods else {})


def _write(frame: Any, data: Any, file: Path, mark: dict[str, Any]) -> None:
    kind = type(data).__qualname__
    check_json(dict(frame.attrs))
    try:
        table = require("pyarrow").Table.from_pandas(frame)
        if not table.num_columns:
            mark = {**mark, "rows": table.num_rows}
        with refused_by_arrow(kind):
            write_marked(table, file, mark_text(**mark))
            kept = _is_plain(frame) or same(_read_back(file, mark), data)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        let_pass(error)
        raise UnsupportedFormatError(f"Parquet cannot hold this {kind}: {error}. Convert the column.") from error
    if not kept:
        raise UnsupportedFormatError(
            f"Parquet would change this {kind}: cells of Python objects, or labels that are not text. "
            "Convert them, or use a bare key."
        )


def _read_back(file: Path, mark: dict[str, Any]) -> Any:
    with open(file, "rb") as stream:
        read = read_series if mark["kind"] == "pandas.Series" else read_frame
        return read(stream, {**mark, "type": mark["kind"]})


def _is_plain(frame: Any) -> bool:
    """Whether the types alone show that Parquet keeps the frame, so that it need not be read back."""
    pd = require("pandas")
    if type(frame.index) is not pd.RangeIndex or frame.index.name is not None or frame.attrs:
        return False
    if not frame.flags.allows_duplicate_labels or frame.columns.name is not None:
        return False
    if frame.columns.dtype != pd.Index(["a"]).dtype or not len(frame.columns):
        return False
    kinds = (dtype.kind if type(dtype).__module__.startswith("numpy") else "" for dtype in frame.dtypes)
    return all(kind and kind in "iufb" for kind in kinds)
