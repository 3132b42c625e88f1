"""Which versions go: the decision, pure, and the walk that removes them.

Versions are listed first and the current value is looked at after that; a version with its id stays, as a writer may
rely on it. The other order would lose values.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autostore.backend import FileMetadata, StorageBackend
from autostore.config.base import is_finite
from autostore.errors import InvalidConfigError, StorageFileNotFoundError
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key
from autostore.naming.versions import VERSIONS, Kept, in_nanoseconds, kept_files, moment, shelf, version_id
from autostore.parallel import in_order
from autostore.store.past import shelves
from autostore.store.version import Version

__all__ = ["Pruned", "Pruner", "ago", "check_limits"]

DAY = 86_400 * 1_000_000_000
"""Nanoseconds."""


@dataclass(frozen=True)
class Pruned:
    """What `prune` removed, or would remove.

    Attributes:
        removed: the versions, key by key, oldest last.
        bytes: of their files, and of notes and markers; with `history="native"` of their files alone.
    """

    removed: list[Version]
    bytes: int


class Pruner:
    """Removes versions of one store; `place` is where its files lie."""

    def __init__(self, place: StorageBackend, registry: HandlerRegistry) -> None:
        self._place = place
        self._registry = registry

    def prune(self, where: Key | str, keep: int | None, days: float | None, *, dry_run: bool) -> Pruned:
        """Remove what is beyond `keep` values of a key and was replaced more than `days` ago, where both are given.

        `where` is a key, or a prefix that is empty or ends in `/`.
        """
        check_limits(keep, days)
        removed: list[Version] = []
        size = 0
        for stem, kept in self._stems(where):
            gone, litter = self._over(
                stem, kept, keep, days, full_name=isinstance(where, Key) and bool(where.extension)
            )
            files = [*gone, *litter]
            if not dry_run:
                for _ in in_order(lambda file: self._place.drop_own(file.file.path), files, self._place.concurrency):
                    pass
            size += sum(file.file.size for file in files)
            removed += [_version(file) for file in gone]
        return Pruned(removed, size)

    def _stems(self, where: Key | str) -> Iterator[tuple[str, list[Kept]]]:
        """Each stem with its shelf, as it is listed."""
        if isinstance(where, Key):
            for stem, extension in shelves(where, self._registry):
                files = kept_files(self._place.list_own(shelf(stem)))
                yield stem, [file for file in files if not file.extension or extension in (None, file.extension)]
            return
        files = kept_files(self._place.list_own(f"{VERSIONS}{where}"))
        for found, group in itertools.groupby(files, key=lambda file: file.stem):
            # The name of a hashed one is not known: it is pruned by its key. Below `a/` lies the shelf of `a`, too.
            if found is not None and found.startswith(where):
                yield found, list(group)

    def _over(
        self, stem: str, kept: list[Kept], keep: int | None, days: float | None, *, full_name: bool
    ) -> tuple[list[Kept], list[Kept]]:
        """The versions that go, and what else: their notes and markers, and those of no version a day ago."""
        if not kept:
            return [], []
        files = {version_id(self._place, file): file for file in self._current(stem, kept)}
        versions = [file for file in kept if file.is_version and file.id not in files]
        deleted = {file.id: file.deleted for file in kept if file.deleted is not None}
        gone: list[Kept] = []
        for group, current in _lines(versions, files, self._registry, full_name=full_name):
            gone += _beyond(group, current, deleted, keep, days)
        ids = {file.id for file in gone}
        there = {file.id for file in kept if file.is_version} | set(files)
        yesterday = time.time_ns() - DAY
        litter = [
            file
            for file in kept
            if not file.is_version
            and (file.id in ids or (file.id not in there and in_nanoseconds(file.file.modified_time) < yesterday))
        ]
        return gone, litter

    def _current(self, stem: str, kept: Iterable[Kept]) -> Iterator[FileMetadata]:
        extensions = {*self._registry.extensions, *(file.extension for file in kept if file.extension)}
        paths = {file.path for file in self._place.find(stem, extensions)}
        if self._registry.split(stem)[1]:
            paths.add(stem)
        for path in sorted(paths):
            with contextlib.suppress(StorageFileNotFoundError):
                yield self._place.get_metadata(path)


def _lines(
    versions: list[Kept], now: dict[str, FileMetadata], registry: HandlerRegistry, *, full_name: bool
) -> Iterator[tuple[list[Kept], str | None]]:
    """The versions of one key each, with the id of its value: each full name has a line of its own, the bare key one.

    Of several files now each has its own. `full_name`: all versions are of the one that is asked for.
    """

    def line(extension: str, *, bare: bool) -> str:
        return extension if full_name or len(now) > 1 or not bare else ""

    current = {line(registry.split(file.path)[1], bare=file.mark is not None): name for name, file in now.items()}
    lines: dict[str, list[Kept]] = {}
    for file in versions:
        lines.setdefault(line(file.extension, bare=file.bare), []).append(file)
    for name, group in sorted(lines.items()):
        yield group, current.get(name)


def _beyond(
    versions: list[Kept], current: str | None, deleted: dict[str, int], keep: int | None, days: float | None
) -> Iterator[Kept]:
    """Those that both limits let go, where both are given."""
    replaced = None if current is None else int(current.partition("-")[0])
    oldest = None if days is None else ago(days)
    newest_first = sorted(versions, key=lambda file: (file.written, file.id), reverse=True)
    for number, file in enumerate(newest_first, start=0 if current is None else 1):
        until = min(filter(None, (replaced, deleted.get(file.id))), default=file.written)
        replaced = file.written
        if (keep is None or number >= keep) and (oldest is None or until < oldest):
            yield file


def ago(days: float) -> int:
    """The moment so many days ago, nanoseconds; nothing was written more than a million days ago."""
    return time.time_ns() - int(min(days, 1_000_000) * DAY)


def _version(kept: Kept) -> Version:
    return Version(kept.id, moment(kept.written), kept.file.size, kept.file.etag, "", False, kept.file.path)


def check_limits(keep: int | None, days: float | None) -> None:
    """Refuse what cannot be a limit, and none at all."""
    if keep is None and days is None:
        problem = "How much is kept is said neither here nor by history_keep or history_days"
        raise InvalidConfigError(f"{problem}. Pass keep=, days= or both.")
    whole = keep is None or (isinstance(keep, int) and not isinstance(keep, bool))
    number = days is None or (isinstance(days, int | float) and not isinstance(days, bool) and is_finite(days))
    if not whole or not number or (keep or 0) < 0 or (days or 0) < 0:
        raise InvalidConfigError(f"keep={keep!r}, days={days!r} cannot be. Pass numbers that are not negative.")
