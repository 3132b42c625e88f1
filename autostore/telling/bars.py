"""Bars for what takes longer than a moment: by rich in a terminal, as a page's own in a notebook, else none.

One bar at a time: what is inside of, or beside, something that has one shows none of its own.
"""

from __future__ import annotations

import contextlib
import html
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar

from autostore.telling import units

__all__ = ["Bar", "counted", "shows"]

PATIENCE = 2.0
"""Seconds before a bar is shown."""

REDRAW = 0.2

Item = TypeVar("Item")

_shown = threading.Lock()


def shows(progress: bool | None) -> bool:
    """Whether somebody would see a bar: in a terminal or a notebook, unless the settings say otherwise."""
    if progress is not None:
        return progress
    return _is_notebook() or (sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty())


def counted(what: str, items: Iterable[Item], total: int | None, progress: bool | None) -> Iterable[Item]:
    """The items, with a bar that counts those which were taken."""
    return _counted(what, items, total, progress) if shows(progress) else items


def _counted(what: str, items: Iterable[Item], total: int | None, progress: bool | None) -> Iterator[Item]:
    with Bar(what, total, unit="", progress=progress) as bar:
        for item in items:
            yield item
            bar.step(1)


class Bar:
    """Counts, from any thread, and shows itself once it has taken a while.

    With `waits` also where nothing was counted so far: a server at work says nothing before it is done.
    """

    def __init__(self, what: str, total: int | None, *, unit: str, progress: bool | None, waits: bool = False) -> None:
        self._what, self._total, self._unit = units.plain(what), total, unit
        self._waits = waits
        self._wanted = shows(progress)
        self._done = 0
        self._guard = threading.Lock()
        self._screen: _Screen | None = None
        self._alarm: threading.Timer | None = None

    def __enter__(self) -> Self:
        self._drawn = time.monotonic() + PATIENCE - REDRAW
        if self._waits and self._wanted:
            self._alarm = threading.Timer(PATIENCE, self.step, (0,))
            self._alarm.daemon = True
            with contextlib.suppress(RuntimeError):  # the process ends, or has no room for threads
                self._alarm.start()
        return self

    def step(self, count: int) -> None:
        """So many more."""
        with self._guard:
            self._done += count
            now = time.monotonic()
            if not self._wanted or now - self._drawn < REDRAW:
                return
            self._drawn = now
            if self._screen is None:
                self._screen = self._opened()
            if self._screen is not None:
                self._screen.draw(self._done, self._text())

    def __exit__(self, *exc_info: object) -> None:
        with self._guard:
            self._wanted = False
            screen, self._screen = self._screen, None
        if self._alarm is not None:
            self._alarm.cancel()
        if screen is not None:
            screen.close()
            _shown.release()

    def _opened(self) -> _Screen | None:
        if not _shown.acquire(blocking=False):
            return None
        try:
            return _Page(self._total) if _is_notebook() else _Terminal(self._what, self._total)
        except ImportError:  # without rich there is no bar
            self._wanted = False
            _shown.release()
            return None

    def _text(self) -> str:
        if self._total is None and not self._done:
            return self._what
        parts = [self._done] if self._total is None else [self._done, self._total]
        told = " of ".join(units.size(part) if self._unit == "bytes" else f"{part:,}" for part in parts)
        return f"{self._what}: {told}"


class _Screen(ABC):
    @abstractmethod
    def draw(self, done: int, text: str) -> None:
        """As it is now."""

    @abstractmethod
    def close(self) -> None:
        """Leave nothing behind."""


class _Terminal(_Screen):
    def __init__(self, what: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

    def draw(self, done: int, text: str) -> None:
        self._bar.update(self._task, completed=done, description=text)

    def close(self) -> None:
        self._bar.stop()


class _Page(_Screen):
    def __init__(self, total: int | None) -> None:
        self._total = total
        display: Any = sys.modules["IPython"].display
        self._handle = display.display(display.HTML(""), display_id=True)
        self._html = display.HTML

    def draw(self, done: int, text: str) -> None:
        of = "" if self._total is None or not done else f' value="{done}" max="{max(self._total, 1)}"'
        self._handle.update(self._html(f"<progress{of}></progress> {html.escape(text)}"))

    def close(self) -> None:
        self._handle.update(self._html(""))


def _is_notebook() -> bool:
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get is not None and hasattr(get(), "kernel")
