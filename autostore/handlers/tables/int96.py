"""INT96, the times of Spark, Hive and Impala: days and nanoseconds, of years that nanoseconds alone do not reach.

Of such a time Polars makes the last moment of its nanoseconds, in 2262, and pyarrow one that has gone round:
9999-12-31, which stands for "no end", would be another day. Such columns are read in microseconds.
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables import named
from autostore.handlers.tables.footer import Footer, read_footer
from autostore.handlers.tables.moments import parts_of
from autostore.optional import require

__all__ = ["beyond", "has_int96", "in_microseconds", "widened"]

_INT96 = 3
_LAST = 2**63 - 1
"""Nanoseconds of the moment that Polars makes of all that lies beyond."""


def has_int96(footer: Footer) -> bool:
    """Whether some column is stored so."""
    return any(chunk.type == _INT96 for chunks in footer.groups for chunk in chunks)


def beyond(frame: Any, schema: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Which of these columns of a lazy frame over a file with INT96 have times that nanoseconds do not reach."""
    fine = [name for name in names if "time_unit='ns'" in str(schema[name])]
    return [series.name for series in frame.select(named.columns(fine)).collect() if _is_beyond(series)] if fine else []


def in_microseconds(stream: BinaryIO, names: Collection[str] | None = None) -> dict[str, Any] | None:
    """The schema by which Polars reads each time of a file, or of these columns; None where its own does."""
    if not has_int96(read_footer(stream)):
        return None
    pl = require("polars")
    stream.seek(0)
    schema = dict(pl.read_parquet_schema(stream))
    stream.seek(0)
    frame = pl.scan_parquet(stream)
    changed = beyond(frame, schema, schema if names is None else names)
    for series in frame.select(named.columns(changed)).collect() if changed else ():
        if _has_nanoseconds(series):
            raise _no_type(series.name)
    stream.seek(0)
    return schema | {name: _coarser(name, schema[name]) for name in changed} if changed else None


def widened(table: Any, coarse: Any) -> Any:
    """A table of Arrow with those columns of `coarse`, the same in microseconds, whose times have gone round."""
    for number, field in enumerate(coarse.schema):
        if field.type != table.schema.field(number).type and _went_round(field.name, table[number], coarse[number]):
            table = table.set_column(number, field, coarse[number])
    return table


def _is_beyond(series: Any) -> bool:
    if series.dtype.is_nested():
        return any(map(_is_beyond, parts_of(series)))
    return _is_fine(series.dtype) and bool((series.to_physical() == _LAST).any())


def _has_nanoseconds(series: Any) -> bool:
    if series.dtype.is_nested():
        return any(map(_has_nanoseconds, parts_of(series)))
    count = series.to_physical()
    return _is_fine(series.dtype) and bool(((count != _LAST) & (count % 1000 != 0)).any())


def _is_fine(dtype: Any) -> bool:
    return isinstance(dtype, require("polars").Datetime) and dtype.time_unit == "ns"


def _coarser(column: str, dtype: Any) -> Any:
    pl = require("polars")
    if dtype == pl.Struct:
        return pl.Struct({field.name: _coarser(column, field.dtype) for field in dtype.fields})
    if dtype == pl.List:
        return pl.List(_coarser(column, dtype.inner))
    if dtype.is_nested():  # a map, of which Polars takes no other type than its own
        problem = f"The column {column!r:.80} has maps with times (INT96) beyond the years 1677 to 2262"
        raise UnsupportedFormatError(f"{problem}, which polars does not read. Read it with as_type=pyarrow.Table.")
    return pl.Datetime("us", dtype.time_zone) if _is_fine(dtype) else dtype


def _went_round(name: str, fine: Any, coarse: Any) -> bool:
    pc = require("pyarrow.compute")
    found = False
    for counts, rounded in zip(_counts(fine.combine_chunks()), _counts(coarse.combine_chunks()), strict=True):
        far = pc.any(pc.greater(pc.abs(rounded), _LAST // 1000)).as_py() or False
        # Both wrap around alike, so that what is left is what microseconds lack.
        if far and pc.any(pc.not_equal(pc.subtract(counts, pc.multiply(rounded, 1000)), 0)).as_py():
            raise _no_type(name)
        found = found or far
    return found


def _counts(array: Any) -> Iterator[Any]:
    """Each column of times that an array is made of, as whole numbers."""
    pa = require("pyarrow")
    for part in array.chunks if isinstance(array, pa.ChunkedArray) else [array]:
        if pa.types.is_timestamp(part.type):
            yield part.cast(pa.int64())
        elif pa.types.is_map(part.type):
            yield from _counts(part.keys)
            yield from _counts(part.items)
        elif part.type.num_fields:
            for inner in part.flatten() if pa.types.is_struct(part.type) else [part.flatten()]:
                yield from _counts(inner)


def _no_type(column: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"The column {column!r:.80} has times with nanoseconds, and others beyond the years 1677 to 2262, "
        "which no type holds together. Read it with as_type=bytes, and a library that has such times."
    )
