"""Several small tables, read whole and decoded as one: a request each, and a descriptor for none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autostore.errors import SchemaMismatchError
from autostore.guard.foreign import let_pass
from autostore.handlers.tables import named
from autostore.handlers.tables.footer import Footer
from autostore.handlers.tables.int96 import has_int96
from autostore.handlers.tables.kinds import panics_are_errors
from autostore.optional import require
from autostore.parallel import in_order
from autostore.pieces.ranges import Tail
from autostore.scans.decoding import check_times, decoded, fitted, lazy, many
from autostore.scans.fetching import Opener
from autostore.scans.footer import footer_of, row_count
from autostore.scans.parts import Part, named_damage
from autostore.scans.schemas import casts, schema_of
from autostore.scans.wanted import Wanted

__all__ = ["SMALL", "Batch", "fetched", "runs"]

SMALL = 512 << 10
"""A table of up to so many bytes is brought whole: a second request would take longer."""

MOST_TABLES = 64
MOST_BYTES = 16 << 20


def runs(parts: Sequence[Part], first: int) -> Iterator[list[Part]]:
    """Large tables alone, small neighbours together: `first` of them at the beginning, then more and more."""
    run: list[Part] = []
    most = first
    for part in parts:
        large = part.size > SMALL
        if run and (large or len(run) >= most or sum(one.size for one in run) + part.size > MOST_BYTES):
            yield run
            run, most = [], min(2 * most, MOST_TABLES)
        if large:
            yield [part]
        else:
            run.append(part)
    if run:
        yield run


def fetched(opener: Opener, parts: Sequence[Part], wanted: Wanted, rows: int | None) -> Batch:
    """The bytes of these tables, several requests at once; of the first `rows` rows."""

    def bring(part: Part) -> bytes:
        tail = part.tail
        if tail is not None and len(tail.data) == part.size:
            return tail.data
        return opener.whole(part.path, part.extension, part.etag, part.size)

    return Batch(parts, list(in_order(bring, parts, opener.backend.concurrency)), wanted, rows)


class Batch:
    """Small tables in memory."""

    def __init__(self, parts: Sequence[Part], tables: list[bytes], wanted: Wanted, rows: int | None) -> None:
        self._parts = parts
        self._tables = tables
        self._wanted = wanted
        self._limit = rows
        self._footers = [_footer(part, table) for part, table in zip(parts, tables, strict=True)]
        self._heights = [_rows(part, footer) for part, footer in zip(parts, self._footers, strict=True)]
        self.rows = sum(self._heights)
        self.size = sum(part.size for part in parts)

    def frame(self, names: list[str]) -> Any:
        """The rows of interest."""
        pl = require("polars")
        if self._wanted.stored:
            stored = self._at_once()
            stored = self._one_by_one() if stored is None else stored
        else:
            stored = self._wanted.rows_alone(self.rows).collect()
        repeated = pl.Series(range(len(self._parts)), dtype=pl.UInt32).repeat_by(pl.Series(self._heights)).explode()
        of_each = repeated.drop_nulls()
        columns = [
            pl.Series([part.constants[name] for part in self._parts], dtype=dtype).gather(of_each).alias(name)
            for name, dtype in self._wanted.constants.items()
        ]
        frame = stored.with_columns(columns)
        frame = frame if self._limit is None else frame.head(self._limit)
        return self._wanted.filtered(frame.lazy(), names).collect()

    def close(self) -> None:
        """Let go of the bytes."""
        self._tables = []

    def _at_once(self) -> Any:
        """All in one; None where some table does not quite fit, which is looked at then."""
        if any(name in part.constants for part in self._parts for name in self._wanted.stored):
            return None  # what a table lacks stands in its folder's name
        if any(_is_zoned_otherwise(self._wanted.plan, _schema(*one)) for one in self._with_times()):
            return None
        if any(has_int96(Footer(footer)) for _, footer in self._with_times()):
            return None  # whose times are looked at one table at a time
        try:
            with panics_are_errors():
                found = many(self._tables, self._wanted.plan, whole=self._wanted.whole)
                frame = found.select(named.columns(list(self._wanted.stored))).collect()
        except Exception as error:
            let_pass(error)
            return None
        return frame if frame.height == self.rows else None

    def _with_times(self) -> Iterator[tuple[Part, bytes]]:
        if any("Datetime" in str(dtype) for dtype in self._wanted.stored.values()):
            yield from zip(self._parts, self._footers, strict=True)

    def _one_by_one(self) -> Any:
        pl = require("polars")
        frames = []
        for part, table, footer, rows in zip(self._parts, self._tables, self._footers, self._heights, strict=True):
            frame = table_frame(part, lazy(table), footer, self._wanted, rows)
            frames.append(decoded(frame, lambda one: one, part.name))
        return pl.concat(frames, how="vertical")


def table_frame(part: Part, frame: Any, footer: bytes, wanted: Wanted, rows: int) -> Any:
    """The needed stored columns of one table, as they were planned."""
    pl, own = require("polars"), _schema(part, footer)
    changes = casts(part.name, own, wanted.plan, wanted.stored, whole=wanted.whole)
    here = [name for name in wanted.stored if name in own]
    frame = frame.select(named.columns(here)) if here else wanted.rows_alone(rows)
    check_times(frame, part.name, own, here, footer)
    frame = fitted(frame, part.name, own, changes)
    told = [name for name in changes if name not in own and part.constants.get(name) is not None]
    for name in told:
        try:
            value = pl.Series(name, [part.constants[name]]).cast(wanted.plan[name])[0]
        except pl.exceptions.PolarsError as error:
            raise SchemaMismatchError(
                f"{part.name} has no column {name!r:.80}, which others have as {wanted.plan[name]}, and its folder's "
                "name is none. Rename the folder, or the column."
            ) from error
        frame = frame.with_columns(pl.lit(value, dtype=wanted.plan[name]).alias(name))
    return frame.select(named.columns(list(wanted.stored))) if wanted.stored else frame


def _is_zoned_otherwise(plan: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether a column has other times than was planned: of those in UTC Polars makes some without a zone, and back."""
    return any(dtype != plan.get(name, dtype) and "Datetime" in str(dtype) for name, dtype in own.items())


def _footer(part: Part, table: bytes) -> bytes:
    with named_damage(part):
        return footer_of(Tail(part.etag, len(table), table))


def _rows(part: Part, footer: bytes) -> int:
    with named_damage(part):
        return row_count(footer)


def _schema(part: Part, footer: bytes) -> dict[str, Any]:
    with named_damage(part):
        return schema_of(footer)
