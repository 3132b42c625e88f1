"""The commands together: one Typer application."""

from __future__ import annotations

from typing import Annotated

import typer

from autostore import __version__
from autostore.cli import branches, checking, looking, moving, past
from autostore.cli.session import Debug, Json, Profile, Store, said_before
from autostore.cli.words import switch

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


Version = Annotated[bool, switch("--version", callback=_version, is_eager=True, help="The version.")]


@app.callback()
def common(
    *,
    store: Store = None,
    profile: Profile = None,
    json: Json = False,
    debug: Debug = False,
    version: Version = False,
) -> None:
    """Nothing runs without a command; what is said before its name counts for it."""
    del version
    said_before(store=store, profile=profile, json=json, debug=debug)


looking.add(app)
moving.add(app)
past.add(app)
branches.add(app)
checking.add(app)
