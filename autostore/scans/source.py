"""What Polars calls for the rows of a scan: prunes, has the next window fetched while it decodes this one, filters."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from autostore.optional import require
from autostore.scans.fetching import Opener
from autostore.scans.loads import Load, loads
from autostore.scans.parts import Part
from autostore.scans.pruning import live_parts
from autostore.scans.wanted import Wanted

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
        roots = [] if predicate is None else predicate.meta.root_names()
        needed = {*names, *roots}
        wanted = Wanted(
            {name: dtype for name, dtype in self.stored.items() if name in needed},
            {name: dtype for name, dtype in self.constants.items() if name in needed},
            predicate,
            whole=columns is None,
            plan=self.stored,
        )
        parts = self.parts
        if rows is None:  # else the first rows count, whatever the predicate says of them
            kept = live_parts(predicate, self.schema, self.constants, [part.constants for part in parts])
            parts = [parts[number] for number in kept]
        empty = True
        with contextlib.closing(loads(self.opener, parts, wanted, rows)) as loaded:
            for load in _ahead(loaded):
                with contextlib.closing(load):
                    yield load.frame(names)
                empty = False
        if empty:
            yield require("polars").DataFrame(schema={name: self.schema[name] for name in names})


def frame_over(source: Source) -> Any:
    """The lazy frame of a source."""
    from polars.io.plugins import register_io_source

    return register_io_source(source, schema=source.schema, validate_schema=True, is_pure=True)


def _ahead(loaded: Generator[Load, None, None]) -> Iterator[Load]:
    """The same, each fetched while the one before is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="autostore-scan") as thread:
        coming = thread.submit(next, loaded, None)
        try:
            while (load := coming.result()) is not None:
                coming = thread.submit(next, loaded, None)
                yield load
        finally:
            if not coming.cancel():
                with contextlib.suppress(BaseException):
                    last = coming.result()
                    if last is not None:
                        last.close()
