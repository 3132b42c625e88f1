"""The entry point of the command: everything that it needs is imported within its boundary, and may be missing."""

from __future__ import annotations

import sys
from typing import NoReturn

from autostore.cli.boundary import boundary, end

__all__ = ["run"]


def run() -> NoReturn:
    """Run the command line of this process."""
    with boundary(debug="--debug" in sys.argv):
        try:
            from autostore.cli.commands import app
        except ImportError as error:
            if error.name not in ("typer", "rich"):
                raise
            end("This needs typer, which is not installed. Run: pip install 'autostore[cli]'", 2)
        app(prog_name="autostore")
    sys.exit(0)
