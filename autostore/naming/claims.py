"""Claims: how one writer at a time changes which files a key has, where the place has no locks.

A claim is a small object below `.autostore/claims/`, created conditionally by whoever is
first and deleted at the end. Of a crashed holder it stays: others take it over, by a
conditional write, once they have seen it unchanged for a lease's time on their own clocks,
so no two machines' clocks are ever compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from autostore.backend import StorageBackend
from autostore.disk.small import put_text, text_of
from autostore.errors import (
    InvalidConfigError,
    PreconditionFailedError,
    StorageConnectionError,
    StorageFileNotFoundError,
    compose,
)
from autostore.holding.patience import Patience, chance
from autostore.keys import RESERVED

__all__ = ["HISTORY", "LEASE", "WITHOUT", "Claim", "Held", "check_claims", "claim", "path_of_claim", "sole_remover"]

LEASE = 60.0
"""Seconds after which an unchanged claim is a crashed writer's; longer than any small request."""

HISTORY, WITHOUT = "so it cannot keep history", "Open the store with history=False."

Held = Callable[[], bool]
"""Whether the claim is still ours, so that nobody else removes files of the key."""


def sole_remover(backend: StorageBackend, key: str) -> AbstractContextManager[Held]:
    """Be the only one that removes files of this key, for a caller that holds the backend's `lock` of it.

    Yields whether that still holds. Where the lock excludes all other writers nothing is to be done.
    """
    return contextlib.nullcontext(lambda: True) if backend.locks_exclude else claim(backend, key)


@contextlib.contextmanager
def claim(backend: StorageBackend, key: str) -> Iterator[Held]:
    """Wait until nobody else holds the key's claim, and hold it until the block ends."""
    held = Claim(backend, path_of_claim(key), key)
    held.take()
    try:
        yield held.still_ours
    finally:
        held.release()


def path_of_claim(key: str) -> str:
    """Where the claim of a key lies."""
    return f"{RESERVED}/claims/{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


def check_claims(backend: StorageBackend, path: str | None, *, needs: str = HISTORY, remedy: str = WITHOUT) -> None:
    """Refuse, before anything is changed, a place where two could hold one claim."""
    place = backend.unchecked()  # a look before each upload would hide that the place forgets conditions
    probe, created = f"{RESERVED}/probe/{os.urandom(16).hex()}", 0
    for _ in range(2):
        with place.scratch_file() as file, contextlib.suppress(PreconditionFailedError):
            put_text(file, "", f"a probe in {backend.uri}")
            place.upload(file, probe, if_absent=True)
            created += 1
    if created:
        place.delete(probe)
    if created != 1:
        problem = f"This place does not check conditions on what is written, {needs}"
        raise InvalidConfigError(compose(problem, key=path, uri=backend.uri, remedy=remedy))


class Claim:
    """One writer's hold on one claim object.

    Attributes:
        told: what the claim says of its holder, beside a text that is never the same.
    """

    def __init__(self, backend: StorageBackend, path: str, key: str, told: str = "") -> None:
        self.told = told
        self._backend = backend
        self._path = path
        self._key = key
        self._etag = ""
        self._taken = 0.0
        self._seen, self._since = "", time.monotonic()

    def take(self) -> None:
        """Wait for it, for two leases at most."""
        patience = Patience(2 * LEASE)
        while patience.left() > 0:
            if self.attempt():
                return
            # As often as it changes hands: whoever asks more seldom is never first beside one that writes on and on.
            unchanged = time.monotonic() - self._since
            patience.sleep(min(0.02 + unchanged, 0.1) * chance(0.2, 1))
        problem = "Other writers kept this key busy while its format changes"
        raise StorageConnectionError(compose(problem, key=self._key, uri=self._backend.uri, remedy="Try again."))

    def attempt(self, is_gone: Callable[[str], bool] | None = None) -> bool:
        """Take it where nobody holds it, or its holder left it unchanged for a lease, or `is_gone` by what it told."""
        expired = self._seen and time.monotonic() - self._since > LEASE
        if (not self._seen or expired) and self._put(if_etag=self._seen if expired else None):
            return True
        there = self._there()
        if not there:  # let go since: at once, or a rival that writes on and on is first each time
            self._seen = ""
            return self._put(if_etag=None)
        if there == self._seen:
            return False
        self._seen, self._since = there, time.monotonic()
        return bool(is_gone and is_gone(self._said())) and self._put(if_etag=there)

    def still_ours(self) -> bool:
        """True without a request in the first half of the lease; after that the claim is renewed."""
        return time.monotonic() - self._taken < LEASE / 2 or self._put(if_etag=self._etag)

    def renew(self) -> bool:
        """Hold it for a lease from now on; False where another took it over."""
        return self._put(if_etag=self._etag)

    def release(self) -> None:
        """Let the next one in."""
        # Late, it may be another's by now, and deleting it would let a third one in.
        if time.monotonic() - self._taken < LEASE / 2:
            self._backend.delete(self._path)

    @property
    def is_free(self) -> bool:
        """Whether nobody held it when it was last looked at."""
        return not self._seen

    def _put(self, if_etag: str | None) -> bool:
        started = time.monotonic()
        with self._backend.scratch_file() as file, contextlib.suppress(PreconditionFailedError):
            put_text(file, f"{os.urandom(16).hex()} {self.told}".strip(), f"key {self._key!r} in {self._backend.uri}")
            self._etag = self._backend.upload(file, self._path, if_etag=if_etag, if_absent=if_etag is None).etag
            self._taken = started
            return True
        return False

    def _there(self) -> str:
        try:
            return self._backend.get_metadata(self._path).etag
        except StorageFileNotFoundError:
            return ""

    def _said(self) -> str:
        with self._backend.scratch_file() as file, contextlib.suppress(StorageFileNotFoundError):
            self._backend.download(self._path, file)
            return text_of(file, f"key {self._key!r} in {self._backend.uri}").partition(" ")[2]
        return ""
