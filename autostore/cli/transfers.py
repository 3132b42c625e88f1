"""Many objects from one place to another: what is to be done, decided first; then done, several at once.

A step is whole or not done at all, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from autostore import AutoStore
from autostore.cli.matching import matching
from autostore.cli.output import Output
from autostore.cli.places import Place
from autostore.errors import (
    InvalidConfigError,
    PreconditionFailedError,
    StorageError,
    StorageFileNotFoundError,
    compose,
)
from autostore.info.values import Entry
from autostore.parallel import in_order
from autostore.telling import units

__all__ = ["Step", "check_apart", "copies", "done"]

WIDTH = 8
"""How many objects are in flight at once."""


class Step(NamedTuple):
    """One object to be copied, moved or removed.

    Attributes:
        action: "copy", "move" or "remove".
        key: in `source`, as it is listed.
        target: the key there; None: its own, bare only where it was written so.
        replaces: whether something is there.
        ending: what the file's name has behind a bare key.
    """

    action: str
    source: AutoStore
    key: str
    size: int
    other: AutoStore | None = None
    target: str | None = None
    replaces: bool = False
    ending: str = ""

    def run(self, *, checked: bool = False) -> None:
        """Do it; with `checked` the copy is read back and compared."""
        if self.other is None:
            del self.source[self.key]
            return
        if self.action == "move":
            self.source.move_to(self.other, self.key, self.target)
            return
        before = self.source.checksum(self.key) if checked else ""
        self.source.copy_to(self.other, self.key, self.target)
        if checked and self.other.checksum(self.target or self.key) != before:
            problem = "The copy differs, because somebody changed one of both meanwhile"
            raise PreconditionFailedError(compose(problem, key=self.key, uri=self.other.uri, remedy="Copy it again."))

    def row(self) -> dict[str, object]:
        """As JSON has it."""
        target = None if self.other is None else f"{self.other.uri.rstrip('/')}/{self.target or self.key}"
        told = {"action": self.action, "key": self.key, "size": self.size}
        return told | {"target": target, "replaces": self.replaces}


def copies(sources: Iterable[Place], target: Place, action: str, *, recursive: bool) -> list[Step]:
    """What `cp` and `mv` do: keys of a folder keep their names below it, single ones go into a folder or get a name."""
    sources = list(sources)
    many = len(sources) > 1 or any(place.is_pattern or (recursive and place.is_folder) for place in sources)
    if many and not target.is_folder and not recursive:
        raise InvalidConfigError(f"Several keys go into a folder. Write the target with a slash: {target.key + '/'!r}.")
    steps = []
    for place in sources:
        below = recursive and not place.is_pattern and not _is_key(place)
        if below:
            check_apart(place, target, both=False)
        for entry in matching(place, recursive=below):
            if below:
                steps.append(_below(place, entry, target, action))
            else:
                steps.append(_single(place, entry, target, action))
    _check_distinct(steps)
    return _compared(steps, target)


def _check_distinct(steps: list[Step]) -> None:
    """Refuse two objects under one key: the second would replace the first, which `mv` has removed by then."""
    first: dict[str, str] = {}
    for step in steps:
        assert step.other is not None
        source, target = _address(step.source, step.key), _address(step.other, step.target or step.key)
        for name in (target, target + step.ending):
            other = first.setdefault(name, source)
            if other != source:
                problem = f"{other} and {source} would both become {target}"
                raise InvalidConfigError(f"{problem}. Copy or move each to a key or folder of its own.")


def _address(store: AutoStore, key: str) -> str:
    return f"{store.uri.rstrip('/')}/{key}"


def _is_key(place: Place) -> bool:
    return not place.is_folder and place.key in place.store


def _below(place: Place, entry: Entry, target: Place, action: str) -> Step:
    return Step(action, place.part, entry.key[len(place.folder) :], entry.size, target.part, ending=_ending(entry))


def _single(place: Place, entry: Entry, target: Place, action: str) -> Step:
    name = entry.key.rpartition("/")[2]
    step = Step(action, place.store, entry.key, entry.size, target.store, target.key, ending=_ending(entry))
    if not target.is_folder:
        return step
    if place.store.uri == target.store.uri:
        return step._replace(target=target.folder + name)
    folder = entry.key[: -len(name)]
    source = place.store / folder if folder else place.store
    return step._replace(source=source, key=name, other=target.part, target=None)


def _ending(entry: Entry) -> str:
    return entry.path[len(entry.key) :]


def _compared(steps: list[Step], target: Place) -> list[Step]:
    """The steps, with whether they replace something."""
    if len(steps) == 1 and steps[0].other is not None:
        known = {steps[0].target or steps[0].key} if (steps[0].target or steps[0].key) in steps[0].other else set()
        return [step._replace(replaces=(step.target or step.key) in known) for step in steps]
    there = {entry.key for entry in target.store.entries(target.folder)}
    prefix = target.folder
    return [step._replace(replaces=(step.target or prefix + step.key) in there) for step in steps]


def check_apart(source: Place, target: Place, *, both: bool) -> None:
    """Refuse a target within the folder that is copied; with `both` the other way round, too: it would be cleared."""
    here, there = (f"{place.store.uri.rstrip('/')}/{place.folder}" for place in (source, target))
    if here != there and (there.startswith(here) or (both and here.startswith(there))):
        problem = f"{there} lies in {here}" if there.startswith(here) else f"{here} lies in {there}"
        remedy = f"A folder of this machine is './{target.key or target.folder}'." if "://" in here else ""
        raise InvalidConfigError(f"{problem}. Name two folders that lie apart. {remedy}".rstrip())


@dataclass
class done:  # noqa: N801 - read as a verb
    """Runs steps, several at once, and counts; a failure of one is told and the others go on."""

    out: Output
    checked: bool = False
    failures: int = 0
    first: StorageError | None = None

    def __call__(self, steps: list[Step], what: str) -> None:
        """Do all of them."""
        size = sum(step.size for step in steps)
        with self.out.progress(what, len(steps), size) as progress:
            for step, error in in_order(self._attempt, steps, WIDTH):
                progress(1, step.size)
                if error is None:
                    self._tell(step)
                else:
                    self.failures += 1
                    self.first = self.first or error
                    self.out.note(f"autostore: {error}")

    def _attempt(self, step: Step) -> tuple[Step, StorageError | None]:
        try:
            step.run(checked=self.checked)
        except StorageFileNotFoundError as error:
            return step, None if step.action == "remove" else error
        except StorageError as error:
            return step, error
        return step, None

    def _tell(self, step: Step) -> None:
        if self.out.as_json:
            self.out.value(step.row())
        elif self.out.is_terminal:
            self.out.line(f"{step.action} {step.key} ({units.size(step.size)})")
        else:
            self.out.tabbed([step.action, step.key, step.size])
