"""Claims: how one writer at a time changes which files a key has, where the place has no locks.

A claim is a small object below `.autostore/claims/`, created conditionally by whoever is
first and deleted at the end. Of a crashed holder it stays: others take it over, by a
conditional write, once they have seen it unchanged for a lease's time on their own clocks,
so no two machines' clocks are ever compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from autostore.backend import StorageBackend
from autostore.disk.small import put_text
from autostore.errors import (
    InvalidConfigError,
    PreconditionFailedError,
    StorageConnectionError,
    StorageFileNotFoundError,
    compose,
)
from autostore.keys import RESERVED

__all__ = ["HISTORY", "WITHOUT", "Held", "check_claims", "claim", "sole_remover"]

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
    digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    held = _Claim(backend, f"{RESERVED}/claims/{digest}", key)
    held.take()
    try:
        yield held.still_ours
    finally:
        held.release()


def check_claims(backend: StorageBackend, path: str, *, needs: str = HISTORY, remedy: str = WITHOUT) -> None:
    """Refuse, before anything is changed, a place where two could hold one claim."""
    place = backend.unchecked()  # a look before each upload would hide that the place forgets conditions
    probe, created = f"{RESERVED}/probe/{uuid.uuid4().hex}", 0
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


class _Claim:
    """One writer's hold on one claim object."""

    def __init__(self, backend: StorageBackend, path: str, key: str) -> None:
        self._backend = backend
        self._path = path
        self._key = key
        self._etag = ""
        self._taken = 0.0

    def take(self) -> None:
        seen, since = "", time.monotonic()
        deadline = since + 2 * LEASE
        while time.monotonic() < deadline:
            with contextlib.suppress(PreconditionFailedError):
                expired = seen and time.monotonic() - since > LEASE
                self._put(if_etag=seen if expired else None)
                return
            there = self._there()
            if there != seen:
                seen, since = there, time.monotonic()
            time.sleep(random.uniform(0.02, 0.1))  # noqa: S311 - spreads rivals, keeps no secret
        problem = "Other writers kept this key busy while its format changes"
        raise StorageConnectionError(compose(problem, key=self._key, uri=self._backend.uri, remedy="Try again."))

    def still_ours(self) -> bool:
        """True without a request in the first half of the lease; after that the claim is renewed."""
        if time.monotonic() - self._taken < LEASE / 2:
            return True
        try:
            self._put(if_etag=self._etag)
        except PreconditionFailedError:
            return False
        return True

    def release(self) -> None:
        # Late, it may be another's by now, and deleting it would let a third one in.
        if time.monotonic() - self._taken < LEASE / 2:
            self._backend.delete(self._path)

    def _put(self, if_etag: str | None) -> None:
        started = time.monotonic()
        with self._backend.scratch_file() as file:
            put_text(file, uuid.uuid4().hex, f"key {self._key!r} in {self._backend.uri}")
            self._etag = self._backend.upload(file, self._path, if_etag=if_etag, if_absent=if_etag is None).etag
        self._taken = started

    def _there(self) -> str:
        try:
            return self._backend.get_metadata(self._path).etag
        except StorageFileNotFoundError:
            return ""
