"""Commands that change: cp, mv, rm, sync; each says before what it would do, and asks where somebody can answer."""

from __future__ import annotations

from typing import Annotated

import typer

from autostore.cli.differing import changed_since, difference, surplus
from autostore.cli.matching import matching
from autostore.cli.places import Place
from autostore.cli.session import Session, command
from autostore.cli.transfers import Step, check_apart, copies, done
from autostore.cli.words import DryRun, Keys, Over, Recursive, Source, Target, Yes, completed, switch
from autostore.errors import InvalidConfigError, PreconditionFailedError
from autostore.telling import units

__all__ = ["add"]

ROUNDS = 5
"""How often `sync` sends again what changed while it was sent."""

Verify = Annotated[bool, switch("--verify", help="Read each copy back and compare it.")]
Delete = Annotated[bool, switch("--delete", help="Remove from the target what the source does not have.")]
Checksum = Annotated[bool, switch("--checksum", help="Compare files of equal size byte by byte, not by time.")]
Folder = Annotated[str, typer.Argument(help="A store or folder.", autocompletion=completed, show_default=False)]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (cp, mv, rm, sync):
        command(app)(function)


def cp(
    session: Session,
    sources: Source,
    target: Target,
    *,
    recursive: Recursive = False,
    base: Over = None,
    verify: Verify = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Copy objects within a store or to another, as they are; with --base the sources are branches over that."""
    found = [session.find(word, base) for word in sources]
    steps = copies(found, _target(session, target, recursive=recursive), "copy", recursive=recursive)
    _go(session, steps, verify=verify, dry_run=dry_run, yes=yes)


def mv(
    session: Session,
    sources: Source,
    target: Target,
    *,
    recursive: Recursive = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Move objects within a store or to another: copied first, then removed."""
    found = [_to_remove(session, word, recursive=recursive) for word in sources]
    steps = copies(found, _target(session, target, recursive=recursive), "move", recursive=recursive)
    _go(session, steps, verify=verify, dry_run=dry_run, yes=yes)


def rm(
    session: Session, keys: Keys, *, recursive: Recursive = False, dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Remove objects; -r all below a folder."""
    steps = [
        Step("remove", place.store, entry.key, entry.size)
        for place in [_to_remove(session, word, recursive=recursive) for word in keys]
        for entry in matching(place, recursive=recursive)
    ]
    _go(session, steps, dry_run=dry_run, yes=yes)


def sync(
    session: Session,
    source: Folder,
    target: Folder,
    *,
    base: Over = None,
    delete: Delete = False,
    checksum: Checksum = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Copy what changed from one folder, or branch, to another folder; run it again to go on where it was stopped."""
    here, there = session.find(_folder(source), base), session.find_to_change(_folder(target))
    check_apart(here, there, both=delete)
    steps, listed = difference(here, there, checksum=checksum)
    if delete:
        steps += surplus(here, there)
    if steps:
        if _go(session, steps, verify=verify, dry_run=dry_run, yes=yes):
            _send_again(session, here, there, listed, verify=verify)
    elif next(here.store.keys(here.folder), None) is None:  # a slip of the pen, as a rule
        session.out.note(f"Nothing is stored in {here.store.uri.rstrip('/')}/{here.folder}; nothing was done.")
    else:
        session.out.note("Nothing changed since the last time.")


def _send_again(session: Session, here: Place, there: Place, listed: dict[str, str], *, verify: bool) -> None:
    """What changed while it was sent, of which the target would look the newer one for ever."""
    for _ in range(ROUNDS):
        steps, listed = changed_since(here, there, listed)
        if not steps:
            return
        _go(session, steps, verify=verify, dry_run=False, yes=True)
    problem = f"{', '.join(listed)} changed again and again while it was sent"
    raise PreconditionFailedError(f"{problem}. Sync with --checksum once nobody writes there.")


def _target(session: Session, word: str, *, recursive: bool) -> Place:
    return session.find_to_change(_folder(word) if recursive else word)


def _to_remove(session: Session, word: str, *, recursive: bool) -> Place:
    place = session.find_to_change(word)
    if recursive and place.store.uri == "file:///" and not place.folder:
        problem = f"{word!r} is all of this machine: did a variable before the slash have no value?"
        raise InvalidConfigError(f"{problem} Name a folder.")
    return place


def _folder(word: str) -> str:
    return word + "/" if word and not word.endswith("/") else word


def _go(session: Session, steps: list[Step], *, verify: bool = False, dry_run: bool, yes: bool) -> bool:
    """Show, ask, do; whether it was done."""
    if dry_run:
        _show(session, steps)
        return False
    removed = [step for step in steps if step.action == "remove"]
    replaced = [step for step in steps if step.replaces]
    if removed or replaced:
        parts = [("remove", removed), ("replace", replaced)]
        words = " and ".join(
            f"{verb} {units.count(len(some), 'object')} ({units.size(sum(step.size for step in some))})"
            for verb, some in parts
            if some
        )
        if not session.out.confirmed(f"{words[0].upper()}{words[1:]}?", yes=yes):
            session.out.note("Nothing was done.")
            return False
    runner = done(session.out, verify)
    # Removals come last: a run that is stopped has lost nothing that its target should have.
    runner([step for step in steps if step.action != "remove"], "Copying")
    if runner.first is None:
        runner(removed, "Removing")
    if runner.first is not None:
        session.note_failure(runner.first, runner.failures, len(steps))
    return True


def _show(session: Session, steps: list[Step]) -> None:
    shown = {"action": str, "size": units.size, "key": str, "target": lambda one: one or ""}
    session.out.rows((step.row() for step in steps), shown, piped=("action", "key", "size", "target"))
    session.out.note(f"Would do {units.count(len(steps), 'step')}; nothing was done.")
