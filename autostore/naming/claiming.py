"""A place where each change is made alone: under the place's own lock, or under the claims of the keys it touches.

Claims are re-entrant per thread. Whoever makes a change that the place does not check asks just before it whether
the claim is still held.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from autostore.backend import StorageBackend
from autostore.backends.passing import PassingBackend
from autostore.errors import StorageConnectionError, compose
from autostore.naming.claims import Held, check_claims, claim

__all__ = ["ClaimingBackend", "Split"]

Split = Callable[[str], tuple[str, str]]
"""A path as stem and extension."""


class ClaimingBackend(PassingBackend):
    """A place whose `lock` excludes every other writer that uses it so.

    Attributes:
        needs, remedy: what for, and what to do without it, for the error of a place that cannot.
    """

    needs, remedy = "so it cannot be a branch", "Take a folder, or a bucket of another kind, for the branch."

    def __init__(self, inner: StorageBackend, split: Split) -> None:
        super().__init__(inner)
        self.split = split
        self._held = _Held()
        self._claims: bool | None = None

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """The place's own lock; where it has none and checks too little, the claims of the paths' keys."""
        return self._claimed(paths) if self.claims(paths[0]) else self.inner.lock(*paths, make=make)

    def claims(self, path: str | None = None) -> bool:
        """Whether each change is made under claims; the first time, for a change of `path`, the place is asked."""
        if self._claims is None:
            claims = self._needs_claims()
            if claims:
                check_claims(self.inner, path, needs=self.needs, remedy=self.remedy)
            self.locks_exclude = claims or self.inner.locks_exclude
            self._claims = claims
        return self._claims

    def confirm(self, path: str) -> None:
        """Refuse to go on where another took the claim over: this client was slower than a lease."""
        held = self._held.claims.get(self.split(path)[0])
        if held is not None and not held():
            problem = "This took so long that another writer went on"
            raise StorageConnectionError(compose(problem, key=path, uri=self.uri, remedy="Try again."))

    def _needs_claims(self) -> bool:
        return not self.inner.locks_exclude

    @contextlib.contextmanager
    def _claimed(self, paths: tuple[str, ...]) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            # Always in the same order, so that two moves never wait for each other.
            for stem in sorted({self.split(path)[0] for path in paths}):
                if stem not in self._held.claims:
                    self._held.claims[stem] = stack.enter_context(claim(self.inner, stem))
                    stack.callback(self._held.claims.pop, stem)
            yield


class _Held(threading.local):
    """The claims that one thread holds, by stem."""

    def __init__(self) -> None:
        self.claims: dict[str, Held] = {}
