"""One schema for many tables: numbers widen, an absent column is null, anything else is refused and named."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from autostore.errors import CorruptDataError, SchemaMismatchError, UnsupportedFormatError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables.footer import Footer
from autostore.handlers.tables.kinds import panics_are_errors
from autostore.optional import require, require_installed
from autostore.scans.footer import MAGIC, description

__all__ = ["casts", "schema_of", "united"]

Schema = Mapping[str, Any]

MOST_KNOWN = 64
_known: dict[tuple[bytes, ...], dict[str, Any]] = {}


def schema_of(footer: bytes) -> dict[str, Any]:
    """The dtypes of a table, as Polars reads them from a footer; once for all tables that are described alike."""
    described = description(footer)
    known = _known.get(described)
    if known is None:
        known = _read(footer)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[described] = known
    return dict(known)


def _read(footer: bytes) -> dict[str, Any]:
    pl = require("polars")
    Footer(footer)  # which refuses what would end the process
    try:
        with panics_are_errors():
            return dict(pl.read_parquet_schema(io.BytesIO(MAGIC + footer)))
    except Exception as error:
        let_pass(error)
        if isinstance(error, pl.exceptions.DuplicateError) or _is_read_by_arrow(footer):
            problem = f"The file is whole, but polars cannot read it ({error!s:.300})"
            raise UnsupportedFormatError(f"{problem}. Read it with as_type=pyarrow.Table.") from error
        raise CorruptDataError(f"The footer cannot be read: {error!s:.300}") from error


def _is_read_by_arrow(footer: bytes) -> bool:
    """Whether it is Polars that lacks something, and not the file."""
    try:
        require_installed("pyarrow")
        require("pyarrow.parquet").read_schema(io.BytesIO(MAGIC + footer))
    except Exception as error:
        let_pass(error)
        return False
    return True


def united(tables: Iterable[tuple[str, Schema]]) -> dict[str, Any]:
    """The columns of all tables, in the order in which they come first; `tables` are `(name, schema)`."""
    found: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, schema in tables:
        for column, dtype in schema.items():
            if column not in found:
                found[column], origin[column] = dtype, name
            elif found[column] != dtype:
                wider = _wider(found[column], dtype)
                if wider is None:
                    raise _differ(column, origin[column], found[column], name, dtype)
                if wider != found[column]:
                    found[column], origin[column] = wider, name
    return found


def casts(name: str, own: Schema, planned: Schema, columns: Iterable[str], *, whole: bool) -> dict[str, Any]:
    """Column -> the dtype that it is cast to, or made as null, so that this table fits the plan.

    Raises `SchemaMismatchError` where it does not fit; with `whole` also where it has more columns.
    """
    extra = next((column for column in own if column not in planned), None) if whole else None
    if extra is not None:
        raise SchemaMismatchError(
            f"{name} has a column {extra!r:.80} that the scan was planned without: by a sample of the tables, or by "
            "schema=. Pass schema='all' to look at each of them first, or select the columns that you want."
        )
    found = {}
    for column in columns:
        dtype = own.get(column)
        if dtype is None:
            found[column] = planned[column]
        elif dtype != planned[column]:
            if _wider(dtype, planned[column]) != planned[column]:
                raise SchemaMismatchError(
                    f"{name} has the column {column!r:.80} as {dtype}, and the scan was planned with "
                    f"{planned[column]}. Pass schema='all' to look at each table first, or cast the column in its file."
                )
            found[column] = planned[column]
    return found


def _differ(column: str, first: str, dtype: Any, second: str, other: Any) -> SchemaMismatchError:
    return SchemaMismatchError(
        f"The column {column!r:.80} is {dtype} in {first} and {other} in {second}, which are not widened to one type. "
        "Scan them apart and cast the column, or write one of them again."
    )


def _wider(one: Any, other: Any) -> Any:
    """The dtype that holds the values of both; None where that would be a guess."""
    pl = require("polars")
    if pl.Null in (one, other):
        return other if one == pl.Null else one
    if not (one.is_numeric() and other.is_numeric()) or one.is_decimal() or other.is_decimal():
        return None
    if one.is_float() or other.is_float():
        return pl.Float64
    return _wider_integer(pl, one, other)


def _wider_integer(pl: Any, one: Any, other: Any) -> Any:
    signed = [pl.Int8, pl.Int16, pl.Int32, pl.Int64]
    unsigned = [pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
    for family in (signed, unsigned):
        if one in family and other in family:
            return family[max(family.index(one), family.index(other))]
    first, second = (one, other) if one in unsigned else (other, one)
    if first not in unsigned or second not in signed or first == pl.UInt64:
        return None
    return signed[max(unsigned.index(first) + 1, signed.index(second))]
