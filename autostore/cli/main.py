"""The entry point of the command: everything that it needs is imported within its boundary, and may be missing."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn

from autostore.cli.boundary import boundary, end, of_usage, warned
from autostore.optional import OTHER_LIBRARY, pip_install

__all__ = ["run"]


def run() -> NoReturn:
    """Run the command line of this process."""
    _open_closed()
    with boundary(debug="--debug" in sys.argv):
        import autostore

        if not hasattr(autostore, "PickledWarning"):  # the other library of this name, or what its removal left
            end(OTHER_LIBRARY, 2)
        try:
            from autostore.cli.commands import app
        except ImportError as error:
            if error.name not in ("typer", "rich"):
                raise
            end(f"This needs typer, which is not installed. Run: {pip_install('cli')}", 2)
        warnings.showwarning = warned
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal of another encoding shows what it can
                stream.reconfigure(errors="backslashreplace")
        code = _ended(app)
        sys.stdout.flush()
    sys.exit(code)


def _open_closed() -> None:
    """Where stdin, stdout or stderr is closed (`<&-`) nobody is there; a file of the store must not get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))


def _ended(app: Callable[..., int | None]) -> int:
    """Run it; wrong words on the command line are a box in a terminal, and one sentence elsewhere."""
    try:
        return app(prog_name="autostore", standalone_mode=sys.stderr.isatty()) or 0
    except SystemExit as left:
        # Typer, and rich below it, make 1 of a reader that is gone.
        if isinstance(left.__context__, BrokenPipeError):
            raise left.__context__ from None
        raise
    except Exception as error:
        said = of_usage(error)
        if said is None:
            raise
        end(said, 2)
