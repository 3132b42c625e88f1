"""What a branch offers beside a dict: its base, what it changed, and the way of a change into the base or away.

A store without a base is no branch: it has no base, differs in nothing, and promotes nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection

from autostore.backend import StorageBackend
from autostore.errors import (
    AmbiguousKeyError,
    InvalidConfigError,
    StorageFileNotFoundError,
    StoragePermissionError,
    compose,
)
from autostore.keys import Key, can_be_key
from autostore.naming.keeping import KeepingBackend
from autostore.naming.layering import LayeredBackend
from autostore.naming.versions import has_versions
from autostore.parallel import in_order
from autostore.store.assembly import Parts
from autostore.store.changes import Change, changes
from autostore.store.layers import renewing
from autostore.store.promoting import Progress, Promoter, unheard

__all__ = ["BranchInterface"]


class BranchInterface(ABC):
    """What a store over a base does, built on its places."""

    _parts: Parts
    _root: str

    @abstractmethod
    def _check_writable(self) -> None:
        """`StoragePermissionError` of a read-only store."""

    @abstractmethod
    def _where(self, prefix: str) -> Key | str:
        """A key, or a prefix that is empty or ends in `/`."""

    @abstractmethod
    def _base_parts(self) -> Parts | None:
        """Of the base."""

    def diff(self, prefix: str = "") -> list[Change]:
        """What the branch added, changed and deleted, key by key, by its own records; the base is not asked.

        The base's own value, written back, counts as changed. 2 listings of the branch. `prefix`: a key, or a prefix
        that ends in `/`.
        """
        return [self._told(change) for change in self._changes(prefix)]

    def promote(self, prefix: str = "", *, progress: Progress | None = None) -> list[Change]:
        """Put what the branch changed into its base, where that still has what the branch saw; what was promoted.

        All is checked first: where the base changed since, `PreconditionFailedError` names every such key
        (`.conflicts`) and nothing is changed. A rival that comes between check and change, which only S3 allows, stops
        its key alone: the error tells what was promoted and what is `.left`, and promoting again goes on, as it does
        after a crash. What it replaces in a base that keeps versions is kept there, whether or not the base was opened
        with history. After it the keys read through again.

        On S3 several keys at once, and by the server itself where both are on one. `progress(done, total)` is called
        after each, in this thread, and what it raises stops the rest, as a crash would. Costs 3 listings, and per
        key 2 looks at the base (of a bare key 2 listings, too), a read, a write there and a few requests in the branch.
        """
        backend, base = self._layered(), self._base_parts()
        assert base is not None
        if base.config.read_only:
            problem, remedy = "The base is read-only", "Open it without read_only to promote into it."
            raise StoragePermissionError(compose(problem, uri=base.backend.uri, remedy=remedy))
        self._check_writable()
        mine, found = self._parts, self._settled(prefix)
        renew = renewing(mine.registry, base.registry, mine.config, base.config, backend)

        def answers(stem: str) -> Collection[str]:
            return base.registry.parse(stem, base.backend.uri).answers

        try:
            Promoter(backend, _keeping(base), renew, answers).promote(found, progress or unheard, self._root)
        finally:
            base.resolver.forget_all()
            mine.resolver.forget_all()
        return [self._told(change) for change in found]

    def discard(self, prefix: str = "") -> list[Change]:
        """Forget what the branch changed, so that the keys read through again; what that was. A few requests a file."""
        self._check_writable()
        backend, found = self._layered(), self._changes(prefix)
        promoter = Promoter(backend, backend.base, None)
        for _ in in_order(promoter.discard, found, backend.concurrency):
            pass
        self._parts.resolver.forget_all()
        return [self._told(change) for change in found]

    def _settled(self, prefix: str) -> list[Change]:
        """The changes, without what a killed writer left beside a value: promoted, it might become the later one."""
        found, parts = self._changes(prefix), self._parts
        stems = Counter(parts.registry.split(path)[0] for change in found for path in change.puts)
        several = [stem for stem, files in stems.items() if files > 1 and can_be_key(stem)]
        for stem in several:
            with contextlib.suppress(AmbiguousKeyError, StorageFileNotFoundError):
                parts.publisher.settle(parts.registry.parse(stem, parts.backend.uri), "promote it")
        return self._changes(prefix) if several else found

    def _changes(self, prefix: str) -> list[Change]:
        return list(changes(self._layered(), self._parts.registry, self._where(prefix)))

    def _told(self, change: Change) -> Change:
        """With its key as the part of a store names it."""
        return dataclasses.replace(change, key=change.key.removeprefix(self._root)) if self._root else change

    def _layered(self) -> LayeredBackend:
        backend = self._parts.backend
        if not isinstance(backend, LayeredBackend):
            problem, remedy = "This store has no base", "Open it with base=, or take store.over(base)."
            raise InvalidConfigError(compose(problem, uri=backend.uri, remedy=remedy))
        return backend


def _keeping(base: Parts) -> StorageBackend:
    """The base's place, which keeps what is replaced where others keep it: whoever promotes may not know of that."""
    place = base.backend
    if base.config.history or isinstance(place, LayeredBackend) or not has_versions(place):
        return place
    return KeepingBackend(place, base.registry.split)
