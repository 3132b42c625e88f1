"""Commands that look after a store: verify, migrate, cache, init."""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from autostore import AutoStore, PickledWarning
from autostore.cli.matching import matching
from autostore.cli.places import Place
from autostore.cli.session import Session, command
from autostore.cli.settings import TEMPLATE, settings_file
from autostore.cli.verdicts import BAD, careful, verdict
from autostore.cli.words import DryRun, Recursive, Where, Yes, switch
from autostore.equality import same
from autostore.errors import InvalidConfigError, PreconditionFailedError, StorageError
from autostore.info.values import Entry
from autostore.parallel import in_order
from autostore.telling import units

__all__ = ["add"]

WIDTH = 4
Headers = Annotated[bool, switch("--headers", help="Look at headers only, which is fast and finds less.")]
All = Annotated[bool, switch("--all", "-a", help="Name also what is in order.")]
Clear = Annotated[bool, switch("--clear", help="Remove every copy.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (verify, migrate, cache, init):
        command(app)(function)


def verify(session: Session, where: Where = None, *, headers: Headers = False, all: All = False) -> None:
    """Read every object, running no code, and say which are damaged, ambiguous, pickled, of classes or foreign."""
    place = session.find(where, may_be_store=True)
    counted: Counter[str] = Counter()

    def rows() -> Iterator[dict[str, Any]]:
        entries = matching(place, recursive=True)
        for found in in_order(lambda entry: verdict(store, entry, headers=headers), entries, WIDTH):
            counted[found["verdict"]] += 1
            if all or found["verdict"] != "ok":
                yield found
        if not place.is_pattern:
            for path in _foreign(place):
                counted["foreign"] += 1
                yield {"verdict": "foreign", "key": path, "said": "no key: its extension is no format of this store"}

    shown = {"verdict": str, "key": str, "said": lambda said: said or ""}
    with careful(place.store) as store:
        session.out.rows(rows(), shown, piped=("verdict", "key", "said"))
    said = (f"{count:,} {name}" for name, count in sorted(counted.items()))
    session.out.note(", ".join(said))
    if any(counted[name] for name in BAD):
        session.code = 1


def migrate(
    session: Session, where: Where = None, *, recursive: Recursive = False, dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Write pickles again in plain files, where one holds the value exactly; reading them runs their code."""
    place = session.find(where, may_be_store=True)
    everything = recursive or place.is_folder
    pickles = [entry for entry in matching(place, recursive=everything) if entry.format == ".pkl"]
    question = f"Unpickle {units.count(len(pickles), 'object')}, which runs the code in them, and replace what fits?"
    if pickles and not dry_run and not session.out.confirmed(question, yes=yes):
        session.out.note("Nothing was done.")
        return
    for entry in pickles:
        try:
            became = "?" if dry_run else _migrated(place.store, entry)
        except StorageError as error:
            session.failed(error)
            continue
        session.out.rows([{"key": entry.key, "now": became}], {"key": str, "now": str}, piped=("key", "now"))
    session.out.note(f"{units.count(len(pickles), 'pickle')} found.")


def cache(session: Session, where: Where = None, *, clear: Clear = False) -> None:
    """Drop expired cached copies and what killed writers left; --clear drops every copy."""
    import dataclasses

    place = session.find(where, may_be_store=True)
    store = place.store
    if not store.config.cache_enabled:
        remedy = "Set cache_enabled = true in the settings, or AUTOSTORE_CACHE_ENABLED=1."
        raise InvalidConfigError(f"{store.uri} has no cache. {remedy}")
    if clear:
        store = AutoStore(store.uri, dataclasses.replace(store.config, cache_max_bytes=0))
    store.cleanup_cache()
    session.out.fact({"uri": store.uri, "dropped": "all" if clear else "expired"}, piped=())
    session.out.note("Every copy was dropped." if clear else "What expired was dropped.")


def init(session: Session) -> None:
    """Write a commented settings file where there is none."""
    file = settings_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(file, "x", encoding="utf-8") as stream:
            stream.write(TEMPLATE)
    except FileExistsError as error:
        raise PreconditionFailedError(f"{file} exists already. Edit it.") from error
    session.out.fact({"file": str(file)}, piped=("file",))


def _foreign(place: Place) -> Iterator[str]:
    known = {entry.path for entry in place.store.entries(place.folder)}
    pattern = place.folder.replace("[", "[[]") + "*"
    return (path for path in place.store.list_files(pattern) if path not in known)


def _migrated(store: AutoStore, entry: Entry) -> str:
    """The file that the value has now; the pickle stays where no plain format gives it back."""
    if store.get_metadata(entry.path).mark is None:
        return "stays: its name says .pkl"
    value = store.read(entry.key)
    with tempfile.TemporaryDirectory() as folder, AutoStore(folder) as trial:
        with warnings.catch_warnings(action="ignore", category=PickledWarning):  # it is what is asked here
            path = trial.write("value", value).path
        if path.endswith(".pkl"):
            return "stays: only a pickle holds it"
        if not same(trial["value"], value):
            return "stays: it would not come back equal"
    if store.get_metadata(entry.key).etag != entry.etag:
        return "stays: it was changed meanwhile"
    return store.write(entry.key, value).path
