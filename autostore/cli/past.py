"""Commands on the past of keys: versions, restore, prune; and url, for other tools."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from autostore.cli.places import Place
from autostore.cli.session import Session, command
from autostore.cli.words import DryRun, OneKey, Where, Yes
from autostore.store.version import Version
from autostore.telling import units

__all__ = ["add"]

Id = Annotated[str, typer.Argument(metavar="ID", help="What `autostore versions` shows.", show_default=False)]
Keep = Annotated[int | None, typer.Option("--keep", help="Values of a key that stay, the current one included.")]
Days = Annotated[float | None, typer.Option("--days", help="How long a value stays after it was replaced.")]
Expires = Annotated[float | None, typer.Option("--expires", help="Seconds for which anybody may read it (S3).")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (versions, restore, prune, url):
        command(app)(function)


def versions(session: Session, key: OneKey) -> None:
    """Every value that a key has and had, newest first."""
    with session.one(key) as place:
        found = place.store.versions(place.key)
    _show(session, found)
    if not found:
        session.out.note("None: nothing was ever stored here, or nothing is kept (history = true).")


def restore(session: Session, key: OneKey, version: Id, *, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Make a version the value again; the one that it replaces is kept as a version."""
    with session.one(key) as place:
        _restored(session, place, version, dry_run=dry_run, yes=yes)


def _restored(session: Session, place: Place, version: str, *, dry_run: bool, yes: bool) -> None:
    store = session.places.keeping(place, always=True).store
    there = store.exists(place.key)
    told = {"action": "restore", "key": place.key, "version": version}
    if dry_run:
        session.out.fact(told, piped=("action", "key", "version"))
        session.out.note("Nothing was done.")
    elif there and not session.out.confirmed(f"Replace {place.key!r}?", yes=yes):
        session.out.note("Nothing was done.")
    else:
        told["path"] = store.restore(place.key, version).path
        session.out.fact(told, piped=("action", "key", "path"))


def prune(
    session: Session,
    where: Where = None,
    *,
    keep: Keep = None,
    days: Days = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Remove old versions, never a value that is current; without options as the settings say."""
    place = session.find(where, may_be_store=True)
    planned = place.store.prune(place.key, keep=keep, days=days, dry_run=True)
    if dry_run or not planned.removed:
        _show(session, planned.removed, "path")
        would = f"Would free {units.size(planned.bytes)}; nothing was done."
        session.out.note(would if planned.removed else "No version is old enough to go; nothing was done.")
        return
    question = f"Remove {units.count(len(planned.removed), 'version')} ({units.size(planned.bytes)})?"
    if not session.out.confirmed(question, yes=yes):
        session.out.note("Nothing was done.")
        return
    pruned = place.store.prune(place.key, keep=keep, days=days)
    _show(session, pruned.removed, "path")
    session.out.note(f"Freed {units.size(pruned.bytes)}.")


def url(session: Session, key: OneKey, *, expires: Expires = None) -> None:
    """The address of an object's own file, for other tools."""
    with session.one(key) as place:
        found = place.store.url(place.key, expires=expires)
    session.out.fact({"key": place.key, "url": found}, piped=("url",))


def _moment(told: str) -> str:
    return units.moment(datetime.fromisoformat(told))


def _show(session: Session, found: list[Version], *more: str) -> None:
    """The versions, with `more` columns, as where those of several keys lie."""
    rows = [
        {"id": one.id, "time": one.time.isoformat(), "size": one.size, "current": one.current, "note": one.note,
         "etag": one.etag, "path": one.path}
        for one in found
    ]  # fmt: skip
    shown = {
        "id": str, "time": _moment, "size": units.size, "current": lambda one: "now" if one else "",
        "note": str,
    }  # fmt: skip
    session.out.rows(rows, {**shown, **dict.fromkeys(more, str)}, piped=("id", "time", "size", "note", *more))
