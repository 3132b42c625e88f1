"""From fetched bytes to a frame: decoded by Polars alone, which knows its own types best.

A window is decoded from a file as large as the stored one that holds nothing but the footer and the window's
ranges, each at its place.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from autostore.errors import CorruptDataError, SchemaMismatchError, StorageError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables import named
from autostore.handlers.tables.cells import EXACT
from autostore.handlers.tables.footer import Footer
from autostore.handlers.tables.int96 import beyond, has_int96
from autostore.handlers.tables.kinds import panics_are_errors
from autostore.handlers.tables.sealed import raise_encrypted
from autostore.optional import require
from autostore.pieces.ranges import Span
from autostore.scans.footer import MAGIC

__all__ = ["check_times", "decoded", "fitted", "lazy", "many", "sparse"]


def sparse(size: int, pieces: Sequence[tuple[Span, bytes]], folder: str | Path | None) -> BinaryIO:
    """A nameless file of this size with these bytes; in memory where the system can, else in `folder`."""
    file: BinaryIO
    if sys.platform == "linux":
        file = open(os.memfd_create("autostore-scan"), "w+b")  # noqa: SIM115 - handed on
    else:
        file = tempfile.TemporaryFile(dir=folder)  # type: ignore[assignment]  # noqa: SIM115
    try:
        os.truncate(file.fileno(), size)
        os.pwrite(file.fileno(), MAGIC, 0)
        for (start, _), data in pieces:
            written = 0
            while written < len(data):
                written += os.pwrite(file.fileno(), memoryview(data)[written:], start + written)
    except BaseException:
        file.close()
        raise
    return file


def lazy(source: BinaryIO | bytes, rows: tuple[int, int] | None = None, schema: Any = None) -> Any:
    """A frame over one table, or over a range of its rows `(first, count)`; of this schema instead of its own."""
    pl = require("polars")
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    stream.seek(0)
    frame = pl.scan_parquet(stream, glob=False, hive_partitioning=False, use_statistics=False, schema=schema)
    return frame if rows is None else frame.slice(*rows)


def many(sources: Sequence[bytes], schema: Mapping[str, Any], *, whole: bool) -> Any:
    """One frame over many small tables that have these columns, or some of them; with `whole` no others."""
    pl = require("polars")
    return pl.scan_parquet(
        list(sources),
        glob=False,
        hive_partitioning=False,
        use_statistics=False,
        schema=dict(schema),
        missing_columns="insert",
        extra_columns="raise" if whole else "ignore",
        cast_options=pl.ScanCastOptions(integer_cast="upcast", float_cast="upcast"),
    )


def check_times(frame: Any, name: str, own: Mapping[str, Any], names: Sequence[str], footer: bytes) -> None:
    """Refuse times that nanoseconds do not reach, which are planned: a table that is read alone is in microseconds."""
    if any("Datetime" in str(own[column]) for column in names) and has_int96(Footer(footer)):
        with _damage(name):
            found = beyond(frame, own, names)
        if found:
            raise SchemaMismatchError(
                f"{name} has times (INT96) in the column {found[0]!r:.80} beyond the years 1677 to 2262, which the "
                "scan's nanoseconds do not reach. Read the tables alone, and write each again with it in microseconds."
            )


def fitted(frame: Any, name: str, own: Mapping[str, Any], casts: Mapping[str, Any]) -> Any:
    """The frame with its columns cast as planned; whole numbers that would lose digits are refused."""
    pl = require("polars")
    risky = [
        own_name
        for own_name, dtype in casts.items()
        if own_name in own and dtype.is_float() and own[own_name].is_integer()
    ]
    if risky:
        ends = ((named.column(column).min() < -EXACT) | (named.column(column).max() > EXACT) for column in risky)
        for column, beyond in zip(risky, frame.select(ends).collect().row(0), strict=True):
            if beyond:
                raise SchemaMismatchError(
                    f"{name} has whole numbers in the column {column!r:.80} that are too large for {casts[column]}, "
                    "which other tables have there. Cast the column in its file."
                )
    return frame.with_columns(
        (named.column(column) if column in own else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in casts.items()
    )


def decoded(frame: Any, query: Any, name: str) -> Any:
    """The collected frame of `query(frame)`; what cannot be decoded is `CorruptDataError`."""
    try:
        with panics_are_errors():
            return query(frame).collect()
    except StorageError as error:
        if isinstance(error, CorruptDataError):
            raise CorruptDataError(f"{name}: {error}") from error
        raise
    except Exception as error:
        let_pass(error)
        with _damage(name):
            frame.collect()
        raise


@contextlib.contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        with panics_are_errors():
            yield
    except Exception as error:
        let_pass(error)
        raise_encrypted(error)
        if "precision must be between" in str(error):  # which Polars' schema tells, and its reader has not
            problem = f"{name}: the file is whole, but polars has no decimals of more than 38 digits"
            raise UnsupportedFormatError(f"{problem}. Read it with as_type=pyarrow.Table.") from error
        raise CorruptDataError(
            f"{name}: this is not a valid Parquet file: {type(error).__name__}: {error!s:.300}. "
            "Ask what wrote it, and keep it as it is."
        ) from error
