"""Interrupts: an exception at each line of a call, as a handler of Ctrl-C raises it between any two of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import autostore

PACKAGE = str(Path(autostore.__file__).parent)


class Interrupt(BaseException):
    """As `KeyboardInterrupt`, but never anybody else's."""


class At:
    """Raises at one line event, counted over all lines of the library and of `contextlib` that a call runs."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.where = ""

    def run(self, call: Callable[[], Any]) -> BaseException | None:
        """Run the call; the exception that came out, None where it was not interrupted."""
        # Python reports what is raised where objects are freed, and pytest would keep those for its own report.
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        sys.settrace(self._called)
        try:
            next(_apart(call))
        except BaseException as error:
            return error
        finally:
            sys.settrace(None)
            sys.unraisablehook = hook
        return None

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        ours = file.startswith(PACKAGE) or file.endswith(("contextlib.py", "weakref.py", "shutil.py"))
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.where = f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_lineno}"
                self._strike()
        return self._line

    def _strike(self) -> None:
        raise Interrupt(self.where)


def _apart(call: Callable[[], Any]) -> Iterator[Any]:
    """The call, with exceptions of its own.

    What is raised at the very step that ends an `except` leaves Python 3.11 handling that exception for ever: as the
    context of each later one, in calls that have nothing to do with it. No signal comes there; a trace function may.
    """
    yield call()


class Between(At):
    """Does something else at one line event instead of raising, as another process would: nobody traces that."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        super().__init__(number)
        self._act = act

    def _strike(self) -> None:
        self._act()
