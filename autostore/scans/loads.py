"""What is fetched at a time: a window of one large table, or several small ones whole.

A generator, so that nothing is asked for before somebody wants it; each load closes what it holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, BinaryIO

from autostore.errors import CorruptDataError
from autostore.pieces.ranges import FileRanges
from autostore.scans.batches import SMALL, Batch, fetched, runs, table_frame
from autostore.scans.decoding import decoded, lazy, sparse
from autostore.scans.fetching import Opener, Pinned
from autostore.scans.footer import footer_of
from autostore.scans.layout import layout
from autostore.scans.parts import Part, named_damage
from autostore.scans.pruning import live_groups
from autostore.scans.schemas import schema_of
from autostore.scans.wanted import Wanted
from autostore.scans.windows import windows

__all__ = ["Load", "loads"]

FIRST_BATCH = 8


def loads(opener: Opener, parts: Sequence[Part], wanted: Wanted, rows: int | None) -> Generator[Load, None, None]:
    """Everything of interest in these tables, among the first `rows` rows of all."""
    for run in runs(parts, FIRST_BATCH if rows is None else 1):
        if rows is not None and rows <= 0:
            return
        if len(run) > 1 or run[0].size <= SMALL:
            batch = fetched(opener, run, wanted, rows)
            yield batch
            seen = batch.rows
        else:
            seen = yield from _windows(opener, run[0], wanted, rows)
        rows = None if rows is None else rows - seen


def _windows(opener: Opener, part: Part, wanted: Wanted, rows: int | None) -> Generator[Load, None, int]:
    """The windows of a large table; returns how many rows it has."""
    opened = opener.open(part.path, part.extension, etag=part.etag, seen=part.tail)
    with contextlib.closing(opened) as pinned, named_damage(part):
        table = _Table(part, pinned, wanted)
        starts = table.layout.starts()
        last = starts[-1] if rows is None else min(rows, starts[-1])
        live = live_groups(table.layout, wanted.predicate, {**wanted.plan, **wanted.constants}, table.own)
        for run in windows((group for group in live if starts[group] < last), table.sizes()):
            first = starts[run[0]]
            yield table.window(run, (first, min(starts[run[-1] + 1], last) - first))
    return starts[-1]


class _Table:
    """A large table that is read window by window."""

    def __init__(self, part: Part, pinned: Pinned, wanted: Wanted) -> None:
        self.part = part
        self.wanted = wanted
        self._pinned = pinned
        self.footer = footer_of(pinned.tail, pinned.read)
        self.layout = layout(self.footer)
        self.own = schema_of(self.footer)
        self._leaves = self.layout.leaves_of({name for name in wanted.stored if name in self.own})

    def sizes(self) -> list[int]:
        """Bytes that are wanted of each group, as they are stored."""
        spans = (group.spans(self._leaves) for group in self.layout.groups)
        return [sum(stop - start for start, stop in group) for group in spans]

    def window(self, groups: list[int], rows: tuple[int, int]) -> Window:
        """The bytes of these groups, fetched."""
        ranges, size = self._pinned.ranges, self._pinned.tail.size
        share = size * rows[1] // max(self.layout.starts()[-1], 1)
        if isinstance(ranges, FileRanges):
            own = ranges.again()
            assert own.file is not None
            return Window(self, own.file, rows, own, share)
        spans = [span for group in groups for span in self.layout.groups[group].spans(self._leaves)]
        if any(stop > size - len(self.footer) for _, stop in spans):
            raise CorruptDataError("Its footer points behind its end")
        pieces = list(zip(spans, self._pinned.read(spans), strict=True))
        pieces.append(((size - len(self.footer), size), self.footer))
        return Window(self, sparse(size, pieces, self._pinned.folder), rows, None, share)


class Window:
    """Some row groups of a table, in a file on this machine; `size` is their share of the whole one's bytes."""

    def __init__(
        self, table: _Table, file: BinaryIO, rows: tuple[int, int], held: FileRanges | None, size: int
    ) -> None:
        self._table = table
        self._file = file
        self._rows = rows
        self.rows = rows[1]
        self.size = size
        self._held = held

    def frame(self, names: list[str]) -> Any:
        """The rows of interest."""
        table, wanted = self._table, self._table.wanted
        stored = table_frame(table.part, lazy(self._file, self._rows), table.footer, wanted, self._rows[1])
        found = decoded(stored, lambda frame: wanted.finished(frame, names, table.part.constants), table.part.name)
        if self._held is not None:
            self._held.check()
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


Load = Batch | Window
