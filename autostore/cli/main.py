"""The entry point of the command: everything that it needs is imported within its boundary, and may be missing."""

from __future__ import annotations

import io
import sys
import warnings
from typing import NoReturn

from autostore.cli.boundary import boundary, end, warned
from autostore.optional import pip_install

__all__ = ["run"]

OTHER = (
    "The package `autostore` is not the one of dagster-autostore: the distribution `autostore` is another library, and "
    "both were installed. Run: pip uninstall -y autostore; pip install --force-reinstall --no-deps dagster-autostore"
)


def run() -> NoReturn:
    """Run the command line of this process."""
    with boundary(debug="--debug" in sys.argv):
        import autostore

        if not hasattr(autostore, "PickledWarning"):  # the other library of this name, or what its removal left
            end(OTHER, 2)
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
        app(prog_name="autostore")
    sys.exit(0)
