"""What the two table formats share: the kinds of tables, and errors of a query."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.optional import loaded_type, package_of
from autostore.preview import Preview
from autostore.previews.tables import TABLES

__all__ = [
    "FRAMES",
    "KINDS",
    "asks_for_rows",
    "failed_query",
    "kind_of",
    "kind_of_class",
    "not_one_column",
    "panics_are_errors",
    "requested_kind",
    "table_preview",
]

# What the disk that is written to may raise; any other comes from the files that a query reads.
_DISK = frozenset({errno.EFBIG, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
KINDS = {
    "polars.DataFrame": ("polars", "DataFrame"),
    "polars.LazyFrame": ("polars", "LazyFrame"),
    "pandas.DataFrame": ("pandas", "DataFrame"),
    "pyarrow.Table": ("pyarrow", "Table"),
    "polars.Series": ("polars", "Series"),
    "pandas.Series": ("pandas", "Series"),
    "polars.Schema": ("polars", "Schema"),
    "pyarrow.RecordBatch": ("pyarrow", "RecordBatch"),
    "pyarrow.ChunkedArray": ("pyarrow", "ChunkedArray"),
    "pyarrow.Schema": ("pyarrow", "Schema"),
    "pyarrow.Array": ("pyarrow", "Array"),
    "pandas.Index": ("pandas", "Index"),
    "pandas.array": ("pandas.api.extensions", "ExtensionArray"),
    "geopandas.GeoDataFrame": ("geopandas", "GeoDataFrame"),
    "geopandas.GeoSeries": ("geopandas", "GeoSeries"),
}
"""Recorded name -> module and class."""

_FAMILIES = frozenset(("pyarrow.Array", "pandas.Index", "pandas.array"))
"""Those of which the library has a class for each kind of values."""

_LIBRARIES = frozenset(("geopandas", "pandas", "polars", "pyarrow"))

FRAMES = frozenset({"polars.DataFrame", "polars.LazyFrame", "pandas.DataFrame", "pyarrow.Table"})
"""Those that are whole tables of plain cells."""


def kind_of(data: Any) -> str | None:
    """The recorded name of a table's exact type, such as `polars.LazyFrame`; None for anything else."""
    return kind_of_class(type(data))


def table_preview(data: Any) -> Preview:
    """What a table shows; for what is only a part of one, the table that it would be."""
    kind = kind_of(data)
    assert kind is not None
    return TABLES[kind](data)


def asks_for_rows(as_type: Any) -> bool:
    """Whether a reader asks for rows in a type of its own, such as `list[Row]`, and not for a kind of table."""
    return as_type not in (Any, object) and kind_of_class(as_type) is None and not _is_of_a_library(as_type)


def _is_of_a_library(as_type: Any) -> bool:
    return package_of(as_type) in (*_LIBRARIES, "numpy", "torch")


def requested_kind(as_type: Any) -> str:
    """The same for a class that a reader asks for."""
    kind = kind_of_class(as_type)
    if kind is None:
        raise UnsupportedFormatError(f"A table cannot be read as {as_type!r}. Pass one of {', '.join(KINDS)}.")
    return kind


def kind_of_class(cls: Any) -> str | None:
    """The same of a class."""
    if package_of(cls) not in _LIBRARIES:
        return None
    for name, (module, attribute) in KINDS.items():
        known = loaded_type(module, attribute)
        if cls is known or (name in _FAMILIES and known is not None and issubclass(cls, known)):
            return name
    return None


def not_one_column(columns: int, frame: str) -> UnsupportedFormatError:
    """A Series was asked for, and the table is none."""
    return UnsupportedFormatError(f"A Series is one column, and the table has {columns}. Read it with as_type={frame}.")


@contextlib.contextmanager
def panics_are_errors() -> Iterator[None]:
    """Turn a panic of Polars' Rust code into an error; it is a bare BaseException, which nobody catches."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise CorruptDataError(f"Polars gave up: {error}") from error
        raise


@contextlib.contextmanager
def failed_query() -> Iterator[None]:
    """A LazyFrame that fails is its author's error: never a reason to try another format.

    What a scan says of the tables that it reads keeps its type, which has a remedy of its own.
    """
    try:
        with panics_are_errors():
            yield
    except Exception as error:
        if (isinstance(error, OSError) and error.errno in _DISK) or _is_of_a_scan(error):
            raise
        let_pass(error)
        raise _failed(error) from error


def _is_of_a_scan(error: Exception) -> bool:
    refused = isinstance(error, UnsupportedFormatError) or type(error.__cause__).__name__ == "PanicException"
    return isinstance(error, StorageError) and not refused


def _failed(error: Exception) -> StorageError:
    return StorageError(f"The LazyFrame could not be written: {type(error).__name__}: {error}. Correct its query.")
