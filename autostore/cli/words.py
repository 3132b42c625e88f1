"""The words of the command line: arguments and options that several commands share, and the completion of keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from autostore.cli.places import Places
from autostore.cli.settings import Settings
from autostore.errors import StorageError

__all__ = [
    "DryRun",
    "Keys",
    "Long",
    "OneKey",
    "Over",
    "Recursive",
    "Source",
    "Target",
    "Version",
    "Where",
    "Yes",
    "completed",
    "switch",
]

MOST_COMPLETED = 200
PATIENCE_SECONDS = 3


def completed(context: typer.Context, incomplete: str) -> list[str]:
    """The next level of keys that begin so; nothing where the store cannot be asked in a moment."""
    given = context.params
    try:
        settings = Settings.load()
        profile = given.get("profile")
        default = given.get("store") or (settings.profile(profile) if profile else settings.uri)
        common = {**settings.common, "timeout": PATIENCE_SECONDS, "max_retries": 0}
        places = Places(Settings(settings.uri, common, settings.stores, settings.profiles), default)
        place = places.find(incomplete)
        before = incomplete[: len(incomplete) - len(place.key)]
        found: dict[str, None] = {}
        for entry in place.store.entries(place.key):
            end = entry.key.find("/", len(place.key))
            found[before + (entry.key if end < 0 else entry.key[: end + 1])] = None
            if len(found) >= MOST_COMPLETED:
                break
        return list(found)
    except (StorageError, OSError):
        return []


def switch(*names: str, help: str, **more: Any) -> Any:
    """An option that takes no value; Typer itself would show one, <bool>."""
    return typer.Option(*names, help=help, metavar="", **more)


def _word(name: str, help: str) -> object:
    return typer.Argument(metavar=name, help=help, autocompletion=completed, show_default=False)


Over = Annotated[
    str | None,
    typer.Option("--base", "-b", metavar="URI", help="Read it as a branch over this store.", autocompletion=completed,
                 show_default=False),
]  # fmt: skip
Version = Annotated[str | None, typer.Option("--version", metavar="ID", help="One that `versions` shows.")]
Where = Annotated[str | None, _word("[WHERE]", "A store, folder or key; all of the store without it.")]
OneKey = Annotated[str, _word("KEY", "A key, or its address.")]
Keys = Annotated[list[str], _word("KEY...", "Keys, addresses and patterns (*, ?, **).")]
Source = Annotated[list[str], _word("SOURCE...", "Keys, addresses and patterns; with -r also folders.")]
Target = Annotated[str, _word("TARGET", "A key or its address; a folder where it ends in /.")]
Recursive = Annotated[bool, switch("--recursive", "-r", help="All keys below a folder.")]
Long = Annotated[bool, switch("--long", "-l", help="Size, time and format, in a pipe too.")]
DryRun = Annotated[bool, switch("--dry-run", "-n", help="Say what would happen, and do nothing.")]
Yes = Annotated[bool, switch("--yes", "-y", help="Do not ask.")]
