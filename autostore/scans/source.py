"""What Polars calls for the rows of a scan: prunes, has the next window fetched while it decodes this one, filters."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from autostore.errors import UnsupportedFormatError
from autostore.handlers.tables.named import is_pattern
from autostore.optional import require
from autostore.scans.fetching import Opener
from autostore.scans.loads import Load, loads
from autostore.scans.parts import Part
from autostore.scans.pruning import live_parts
from autostore.scans.wanted import Wanted
from autostore.telling.scans import Scanned, scanned

__all__ = ["Source", "frame_over"]


@dataclass(frozen=True)
class Source:
    """Many tables, or one, as one.

    Attributes:
        opener: opens each in the version that was planned.
        parts: the tables, in the order of their rows.
        stored: the columns that come out of files, and their dtypes.
        constants: the columns that are one value for each table.
    """

    opener: Opener
    parts: Sequence[Part]
    stored: Mapping[str, Any]
    constants: Mapping[str, Any]

    @property
    def schema(self) -> dict[str, Any]:
        """All columns."""
        return {**self.stored, **self.constants}

    def __call__(
        self, columns: list[str] | None, predicate: Any, rows: int | None, batch_size: int | None
    ) -> Iterator[Any]:
        """The rows of `columns` that `predicate` holds for, among the first `rows`; a frame at a time."""
        names = list(self.schema) if columns is None else columns
        roots = _looked_at(predicate)
        needed = {*names, *roots}
        wanted = Wanted(
            {name: dtype for name, dtype in self.stored.items() if name in needed},
            {name: dtype for name, dtype in self.constants.items() if name in needed},
            predicate,
            whole=columns is None,
            plan=self.stored,
        )
        # With `rows` the first ones count, whatever the predicate says of them.
        parts = self.parts if rows is not None else self._live(predicate)
        empty = True
        with self._told(parts) as told:
            for load in _ahead(loads(self.opener, parts, wanted, rows)):
                with contextlib.closing(load):
                    frame = load.frame(names)
                told.step(load.size, load.rows)
                yield frame
                empty = False
        if empty:
            yield require("polars").DataFrame(schema={name: self.schema[name] for name in names})

    def _live(self, predicate: Any) -> list[Part]:
        kept = live_parts(predicate, self.schema, self.constants, [part.constants for part in self.parts])
        return [self.parts[number] for number in kept]

    def _told(self, parts: Sequence[Part]) -> Scanned:
        paths = [part.path for part in self.parts] or [""]
        path = paths[0] if len(paths) == 1 else os.path.commonpath(map(os.path.dirname, paths)) + "/"
        return scanned(self.opener.backend, path, len(parts), sum(part.size for part in parts))


def _looked_at(predicate: Any) -> list[str]:
    """The columns of a filter; refused of one whose name would be all columns that fit, in an expression."""
    names: list[str] = [] if predicate is None else predicate.meta.root_names()
    if pattern := next(filter(is_pattern, names), None):
        problem = f"A filter looks at the column {pattern!r:.80}, whose name Polars takes for a pattern"
        raise UnsupportedFormatError(f"{problem}. Filter after collect(), or rename the column where it is written.")
    return names


def frame_over(source: Source) -> Any:
    """The lazy frame of a source."""
    from polars.io.plugins import register_io_source

    return register_io_source(source, schema=source.schema, validate_schema=True, is_pure=True)


def _ahead(loaded: Generator[Load, None, None]) -> Iterator[Load]:
    """The same, each fetched while the one before is in use; closes them.

    Polars lets go of a query that wants no more rows in whichever thread calls it next, also in the one that fetches
    here. So nobody waits for what is on its way then: whoever brings it closes it.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="autostore-scan")
    coming = thread.submit(next, loaded, None)
    try:
        while (load := coming.result()) is not None:
            coming = thread.submit(next, loaded, None)
            yield load
    finally:
        coming.cancel()
        coming.add_done_callback(functools.partial(_let_go, loaded))
        thread.shutdown(wait=False)


def _let_go(loaded: Generator[Load, None, None], coming: Future[Load | None]) -> None:
    """Close what came, and what would have come next."""
    with contextlib.suppress(Exception):
        if not coming.cancelled() and coming.exception() is None and (last := coming.result()) is not None:
            last.close()
        loaded.close()
