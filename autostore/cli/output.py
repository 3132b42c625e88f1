"""What a command prints: tables in a terminal, plain lines in a pipe, JSON where asked; all else goes to stderr."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from autostore.info import text

__all__ = ["Output", "Stepper"]

CHUNK = 1 << 16
WHOLE = ("id", "key", "size", "keys", "rows", "time", "modified", "current", "format")
"""Columns that are never folded: they are copied, or short."""
COPIED = frozenset({"id", "key"})
FOLDED, GAP = 20, 3
"""The width that any other column has at least, where its words need it, and that between two of them."""


class Stepper(Protocol):
    """Counts what is done."""

    def __call__(self, done: int, size: int, /) -> None:
        """So many more objects, and bytes."""


@dataclass(frozen=True)
class Output:
    """Where the output goes, and how.

    Attributes:
        as_json: one JSON value for each line of output.
        is_terminal: whether somebody looks at stdout.
        may_ask: whether somebody can answer.
    """

    as_json: bool
    is_terminal: bool
    may_ask: bool

    @classmethod
    def of_process(cls, *, as_json: bool) -> Output:
        """As this process was started."""
        return cls(as_json, sys.stdout.isatty(), sys.stdin.isatty() and sys.stderr.isatty())

    def line(self, said: str) -> None:
        """A line; nothing that a terminal obeys."""
        sys.stdout.write(text.plain(said) + "\n")

    def value(self, told: Any) -> None:
        """A value as JSON on a line."""
        said = json.dumps(told, ensure_ascii=False, default=str)
        sys.stdout.write((said if said.isprintable() else "".join(map(_spelt, said))) + "\n")

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        for start in range(0, len(data), CHUNK):  # whether the reader is gone shows between two pieces
            sys.stdout.buffer.write(data[start : start + CHUNK])
            sys.stdout.buffer.flush()

    def rows(
        self,
        rows: Iterable[Mapping[str, Any]],
        shown: Mapping[str, Any],
        *,
        piped: Sequence[str],
    ) -> None:
        """Many facts alike.

        Args:
            rows: each as JSON has it.
            shown: name of a column -> what a person reads of its value.
            piped: the columns that a pipe gets, separated by tabs.
        """
        if self.as_json:
            for row in rows:
                self.value(row)
        elif self.is_terminal:
            self._table(rows, shown)
        else:
            for row in rows:
                self.tabbed([row.get(name, "") for name in piped])

    def fact(self, told: Mapping[str, Any], *, piped: Sequence[str]) -> None:
        """One fact, as JSON has it; `piped` is what else is shown of it."""
        if self.as_json:
            self.value(told)
        elif piped:
            self.tabbed([told[name] for name in piped])

    def content(self, key: str, data: bytes) -> None:
        """A file's bytes as they are; as JSON has them a text, or base64 of what is none."""
        if not self.as_json:
            self.raw(data)
            return
        try:
            self.value({"key": key, "text": data.decode()})
        except UnicodeDecodeError:
            self.value({"key": key, "base64": base64.b64encode(data).decode()})

    def tabbed(self, cells: Iterable[object]) -> None:
        """A line of cells, separated by tabs."""
        sys.stdout.write("\t".join("" if cell is None else text.plain(str(cell)) for cell in cells) + "\n")

    def _table(self, rows: Iterable[Mapping[str, Any]], shown: Mapping[str, Any]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        heads = [Text(text.plain(name)) for name in shown]
        for name, head in zip(shown, heads, strict=True):
            right = name in ("size", "keys", "rows")
            table.add_column(head, justify="right" if right else "left", overflow="fold", no_wrap=name in WHOLE)
        told = [[Text(text.plain(str(show(row.get(name))))) for name, show in shown.items()] for row in rows]
        for cells in told:
            table.add_row(*cells)
        if told:
            console = Console(highlight=False)
            if not COPIED.isdisjoint(shown):  # a narrow terminal breaks the lines itself, and gives them back whole
                widths = (
                    max(min(one.cell_len, FOLDED if name not in WHOLE else one.cell_len) for one in column)
                    for name, column in zip(shown, zip(heads, *told, strict=True), strict=True)
                )
                console.width = max(console.width, sum(widths) + GAP * len(shown))
            console.print(table, soft_wrap=True)

    def note(self, said: str) -> None:
        """A word beside the output, on stderr."""
        sys.stderr.write(text.plain(said) + "\n")

    def confirmed(self, question: str, *, yes: bool) -> bool:
        """Whether to go on: asked in a terminal, taken for granted in a script."""
        if yes or not self.may_ask:
            return True
        sys.stderr.write(f"{text.plain(question)} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @contextmanager
    def progress(self, what: str, total: int, size: int) -> Iterator[Stepper]:
        """A bar on stderr where somebody looks, of `size` bytes, or where that is 0 of the `total` alone."""
        if not sys.stderr.isatty() or self.as_json:
            yield _uncounted
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), TextColumn("{task.fields[count]}/{task.fields[of]}"))
        sizes = (DownloadColumn(),) if size else ()
        bar = Progress(*columns, *sizes, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        task = bar.add_task(what, total=size or total, count=0, of=total)
        with bar:

            def step(done: int, moved: int) -> None:
                bar.update(task, advance=moved if size else done, count=bar.tasks[0].fields["count"] + done)

            yield step


def _spelt(sign: str) -> str:
    """A sign of JSON as a terminal may have it: JSON itself lets some pass that a terminal obeys."""
    return sign if sign.isprintable() else json.dumps(sign)[1:-1]


def _uncounted(done: int, size: int) -> None:
    """Nobody looks."""
    del done, size
