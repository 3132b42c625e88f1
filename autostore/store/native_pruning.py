"""Pruning what a place keeps by itself: which versions go, and after them the markers that then say nothing.

Only versions that something came after are removed, each by its own id, so that nobody's value can be hit; a marker
goes last, and only where all that it hides is gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from autostore.handlers.registry import HandlerRegistry
from autostore.keys import RESERVED, Key
from autostore.naming.native import NativeBackend
from autostore.naming.versions import in_nanoseconds
from autostore.parallel import in_order
from autostore.store.native_past import belongs, note_of
from autostore.store.pruning import Pruned, ago, check_limits
from autostore.store.version import Version
from autostore.versioning import Stored

__all__ = ["NativePruner"]


NOBODYS_AFTER = timedelta(days=1)
"""When what a claim or a probe left is nobody's."""


class NativePruner:
    """Removes versions of one store."""

    def __init__(self, native: NativeBackend, registry: HandlerRegistry) -> None:
        self._native = native
        self._registry = registry

    def prune(self, where: Key | str, keep: int | None, days: float | None, *, dry_run: bool) -> Pruned:
        """As `Pruner.prune`."""
        check_limits(keep, days)
        oldest = None if days is None else ago(days)
        removed: list[Version] = []
        size = 0
        for stem, stored in self._stems(where):
            gone = list(self._over(stored, keep, oldest))
            notes = [] if dry_run or not gone else self._notes(stem, gone)
            if not dry_run:
                self._remove(gone)
                self._remove([one for one in stored if one.deleted and _says_nothing(one, stored, gone)])
                for note in notes:
                    self._native.drop_own(note)
            removed += [self._told(one) for one in gone]
            size += sum(one.size for one in gone)
        if where == "" and not dry_run:
            self._remove_claims()
        return Pruned(removed, size)

    def _stems(self, where: Key | str) -> Iterator[tuple[str, list[Stored]]]:
        """All versions and markers of each stem, as they are listed; a stem's files may lie apart in a listing."""
        if isinstance(where, Key):
            prefix, deep = (f"{where.text}." if where.names_file is False else where.text), False
        else:
            prefix, deep = where, True
        stems: dict[str, list[Stored]] = {}
        for one in self._native.stored.listed(prefix, deep=deep):
            if not one.path.startswith(f"{RESERVED}/") and belongs(where, one.path):
                stems.setdefault(self._registry.split(one.path)[0], []).append(one)
        yield from stems.items()

    def _over(self, stored: list[Stored], keep: int | None, oldest: int | None) -> Iterator[Stored]:
        """The versions of one stem that go: of several files now each has a line of its own."""
        live = [one for one in stored if one.latest and not one.deleted]
        if len(live) < 2:
            yield from _beyond(stored, keep, oldest)
            return
        by_path = sorted(stored, key=lambda one: one.path)
        for _, group in itertools.groupby(by_path, key=lambda one: one.path):
            yield from _beyond(list(group), keep, oldest)

    def _notes(self, stem: str, gone: Iterable[Stored]) -> list[str]:
        folder = note_of(stem, "x").rpartition("/")[0] + "/"
        there = {file.path for file in self._native.list_own(folder)}
        return sorted(there & {note_of(stem, self._name(one)) for one in gone})

    def _remove(self, stored: list[Stored]) -> None:
        def remove(one: Stored) -> None:
            self._native.stored.remove(one.path, one.id)

        for _ in in_order(remove, stored, self._native.concurrency):
            pass

    def _remove_claims(self) -> None:
        """What claims and probes left behind a day ago."""
        yesterday = datetime.now(UTC) - NOBODYS_AFTER
        for kind in ("claims", "probe"):
            stored = list(self._native.stored.listed(f"{RESERVED}/{kind}/", deep=True))
            live = {one.path for one in stored if one.latest and not one.deleted}
            old = [one for one in stored if one.time < yesterday and one.path not in live]
            self._remove([one for one in old if not one.deleted])
            self._remove([one for one in old if one.deleted and _says_nothing(one, stored, old)])

    def _name(self, one: Stored) -> str:
        return f"{one.id}{self._registry.split(one.path)[1]}"

    def _told(self, one: Stored) -> Version:
        return Version(self._name(one), one.time, one.size, one.etag, "", False, one.path)


def _beyond(stored: list[Stored], keep: int | None, oldest: int | None) -> Iterator[Stored]:
    """Those of one line that both limits let go, where both are given; never what is a value now."""
    values = sorted((one for one in stored if not one.deleted), key=lambda one: (one.latest, one.time), reverse=True)
    markers = [one for one in stored if one.deleted]
    newer: Stored | None = None
    for number, one in enumerate(values):
        ends = [marker.time for marker in markers if marker.path == one.path and marker.time >= one.time]
        until = min([*ends, *([newer.time] if newer is not None else [])], default=one.time)
        newer = one
        if one.latest:
            continue
        if (keep is None or number >= keep) and (oldest is None or in_nanoseconds(until) < oldest):
            yield one


def _says_nothing(marker: Stored, stored: list[Stored], gone: list[Stored]) -> bool:
    """Whether every version that the marker may hide is removed."""
    ids = {(one.path, one.id) for one in gone}
    return not any(
        one.path == marker.path and not one.deleted and one.time <= marker.time and (one.path, one.id) not in ids
        for one in stored
    )
