"""The commands together: one Typer application."""

from __future__ import annotations

from typing import Annotated

import typer

from autostore import __version__
from autostore.cli import branches, checking, looking, moving, past

__all__ = ["app"]

app = typer.Typer(
    name="autostore",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Look into and change a store of objects: a folder, a bucket, any place. "
    "Words are addresses (s3://bucket/data/x, ./data/x), or keys with -s, -p or AUTOSTORE_URI.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autostore {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")]


@app.callback()
def common(
    *,
    version: Version = False,
) -> None:
    """Nothing runs without a command."""


looking.add(app)
moving.add(app)
past.add(app)
branches.add(app)
checking.add(app)
