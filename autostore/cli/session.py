"""What every command has: the options -s, -p, --json and --debug, also before its name; its stores, its output."""

from __future__ import annotations

import contextlib
import inspect
import shlex
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import replace
from typing import Annotated, Any

import typer

from autostore.cli.boundary import boundary, exit_code, in_a_shell
from autostore.cli.matching import near
from autostore.cli.output import Output
from autostore.cli.places import Place, Places
from autostore.cli.settings import Settings
from autostore.cli.words import switch
from autostore.errors import InvalidConfigError, InvalidKeyError, StorageError, StorageFileNotFoundError

__all__ = ["Debug", "Json", "Profile", "Session", "Store", "command", "said_before"]

Store = Annotated[str | None, typer.Option("--store", "-s", metavar="URI", help="The store that keys belong to.")]
Profile = Annotated[str | None, typer.Option("--profile", "-p", metavar="NAME", help="A store of the settings file.")]
Json = Annotated[bool, switch("--json", help="One JSON value a line.")]
Debug = Annotated[bool, switch("--debug", help="Errors with their traceback.")]
_before: ContextVar[dict[str, Any]] = ContextVar("_before")
"""What stood before the command's name."""
_COMMON = {"store": (Store, None), "profile": (Profile, None), "json": (Json, False), "debug": (Debug, False)}


class Session:
    """One run of a command."""

    def __init__(self, store: str | None, profile: str | None, *, as_json: bool, debug: bool = False) -> None:
        settings = Settings.load()
        default = store or (settings.profile(profile) if profile else settings.uri)
        self.places = Places(settings, default)
        self.out = Output.of_process(as_json=as_json)
        self.debug = debug
        self.code = 0

    def find(self, word: str | None, base: str | None = None, *, may_be_store: bool = False) -> Place:
        """The store and key of a word; without one all of the store. With a base, as a branch over that."""
        if word == "":
            problem = "An empty word names no key and no store: is that a variable which is not set?"
            raise InvalidConfigError(f"{problem} All keys of a store are '**'.")
        word = ("" if self.places.default is not None else ".") if word is None else word
        place = self.places.find(word, may_be_store=may_be_store)
        return place if base is None else replace(place, store=place.store.over(self.places.store(base)))

    def find_to_change(self, word: str) -> Place:
        """The store and key of what is replaced or removed, which is kept where versions are."""
        return self.places.keeping(self.find(word))

    @contextlib.contextmanager
    def one(self, word: str, base: str | None = None) -> Iterator[Place]:
        """The store and key of a word that means one key; of one that is not there the error names what is like it."""
        place = self.find(word, base)
        if place.is_folder:
            raise InvalidKeyError(
                f"{word!r} is a folder, not a key. `autostore ls {shlex.quote(word)}` lists its keys."
            )
        try:
            yield place
        except StorageFileNotFoundError as error:
            raise near(error, place) from error

    def failed(self, error: StorageError) -> None:
        """Say what failed, and go on; the first failure makes the exit code."""
        if self.debug:
            raise error
        self.out.note(f"autostore: {in_a_shell(str(error))}")
        self.code = self.code or exit_code(error)

    def note_failure(self, first: StorageError, failures: int, steps: int) -> None:
        """Count what failed among many steps, which was told already."""
        if self.debug:
            raise first
        self.out.note(f"autostore: {failures} of {steps} failed; the same command tries them again.")
        self.code = self.code or exit_code(first)


def command(app: typer.Typer, **options: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose first parameter is the `Session`; the common options are added to its own."""

    def added(function: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            _run(function, given)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        only = inspect.Parameter.KEYWORD_ONLY
        named = [one.replace(kind=only) for one in own]
        named += [inspect.Parameter(name, only, default=no, annotation=kind) for name, (kind, no) in _COMMON.items()]
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined] # Typer reads it
        run.__annotations__ = {one.name: one.annotation for one in named}
        app.command(**options)(run)
        return function

    return added


def said_before(**given: Any) -> None:
    """Take note of common options that stand before the name of the command."""
    _before.set(given)


def _run(function: Callable[..., None], given: dict[str, Any]) -> None:
    common: dict[str, Any] = {
        name: given.pop(name) or _before.get({}).get(name, no) for name, (_, no) in _COMMON.items()
    }
    with boundary(debug=common["debug"]):
        session = Session(common["store"], common["profile"], as_json=common["json"], debug=common["debug"])
        with contextlib.closing(session.places):
            function(session, **given)
        sys.stdout.flush()
    if session.code:
        raise typer.Exit(session.code)
