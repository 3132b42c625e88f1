"""Commands on a branch, a store over a base: diff, promote, discard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from autostore import AutoStore, InvalidConfigError, StorageFileNotFoundError
from autostore.cli.places import Place
from autostore.cli.session import Session, command
from autostore.cli.words import DryRun, Where, Yes, completed
from autostore.store.changes import Change
from autostore.telling import units

__all__ = ["add"]

Base = Annotated[
    str,
    typer.Option("--base", "-b", metavar="URI", help="The store that the branch reads through to.",
                 autocompletion=completed, show_default=False),
]  # fmt: skip


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (diff, promote, discard):
        command(app)(function)


def diff(session: Session, where: Where = None, *, base: Base) -> None:
    """What a branch added, changed and deleted; the base is not asked."""
    place, branch = _branch(session, where, base)
    _show(session, branch.diff(place.key))


def promote(session: Session, where: Where = None, *, base: Base, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Put what a branch changed into its base, where that still has what the branch saw."""
    place, branch = _branch(session, where, base)
    found = branch.diff(place.key)
    if _agreed(session, branch, found, "Change", "of the base", dry_run=dry_run, yes=yes):
        with session.out.progress("Promoting", len(found), 0) as step:
            done = branch.promote(place.key, progress=lambda _done, _total: step(1, 0))
        _show(session, done)


def discard(session: Session, where: Where = None, *, base: Base, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Forget what a branch changed, so that its keys read as in the base again."""
    place, branch = _branch(session, where, base)
    found = branch.diff(place.key)
    if not (yes or dry_run) and _is_swapped(place.store, _of_base(branch), found):
        raise InvalidConfigError(
            f"{_of_base(branch).uri} is a branch and {branch.uri} is none. Name them the other way round; as it stands "
            "all that only the latter has would be removed, which -y does."
        )
    if _agreed(session, branch, found, "Forget the changes of", "", dry_run=dry_run, yes=yes):
        _show(session, branch.discard(place.key))


def _branch(session: Session, where: str | None, base: str) -> tuple[Place, AutoStore]:
    place = session.find(where, may_be_store=True)
    return place, place.store.over(session.places.store(base))


def _of_base(branch: AutoStore) -> AutoStore:
    assert branch.base is not None
    return branch.base


def _is_swapped(store: AutoStore, base: AutoStore, found: list[Change]) -> bool:
    """Whether nothing in the store says that it is a branch, and something in the base says so of that."""
    if not found or any(change.kind != "added" for change in found):
        return False
    return any(change.kind != "added" for change in base.over(store).diff())


def _agreed(
    session: Session, branch: AutoStore, found: list[Change], verb: str, whose: str, *, dry_run: bool, yes: bool
) -> bool:
    """Whether to go on; not where the base is empty, as a wrong word is, and so every key would count as a change."""
    if dry_run:
        _show(session, found)
    elif found and not yes and next(_of_base(branch).keys(), None) is None:
        raise StorageFileNotFoundError(
            f"Nothing is stored in the base {_of_base(branch).uri}, so every key of {branch.uri} counts as a change. "
            "Correct the address; -y goes on."
        )
    question = f"{verb} {units.count(len(found), 'key')} {whose}".rstrip() + "?"
    if dry_run or not found or not session.out.confirmed(question, yes=yes):
        session.out.note("Nothing was done.")
        return False
    return True


def _show(session: Session, found: Iterable[Change]) -> None:
    rows = [{"kind": change.kind, "key": change.key} for change in found]
    session.out.rows(rows, {"kind": str, "key": str}, piped=("kind", "key"))
