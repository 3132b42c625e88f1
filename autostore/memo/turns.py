"""One computation at a time, among threads, processes and machines: by a claim that its holder renews while it works.

A holder that died on this machine is told by its process and followed at once; one of another machine after a lease,
in which it renewed nothing. Where the place checks no conditions, computations do not wait for each other.
"""

from __future__ import annotations

import contextlib
import enum
import os
import platform
import threading
import weakref
from pathlib import Path

from autostore.backend import StorageBackend
from autostore.errors import StorageError
from autostore.holding.frames import has_ended, owning_frame
from autostore.naming import claims
from autostore.naming.claims import Claim, path_of_claim

__all__ = ["Step", "Turn"]

FIRST_PAUSE, LONGEST_PAUSE_HERE, LONGEST_PAUSE = 0.01, 0.1, 1.0
REFUSALS = 20
"""How often a claim that nobody holds is refused before it is the place that refuses."""


_first: dict[str, weakref.ref[Turn]] = {}
"""By key, who of this process asks for it; who is gone, or of the process that forked us, counts no more."""


_holders: dict[str, weakref.ref[Turn]] = {}
"""By claim, who of this process may have it: one of this process that nobody here has is what an interrupt left."""


class Step(enum.Enum):
    """What to do next: compute, look whether another one's result is there, or wait a little."""

    COMPUTE = enum.auto()
    LOOK = enum.auto()
    WAIT = enum.auto()


class Turn:
    """One asker's place; `end` it in any case."""

    def __init__(self, place: StorageBackend, key: str) -> None:
        self._key = f"{place.uri}\n{key}"
        self._path = path_of_claim(f"computing {key}")
        self._claim = Claim(place, self._path, key, f"{_machine()} {os.getpid()}")
        self._self = weakref.ref(self)
        self._behind: weakref.ref[Turn] | None = None
        self._held = False
        self._refusals = 0
        self._pause = FIRST_PAUSE
        self._frame = owning_frame()
        self._over = threading.Event()
        self._renewer: threading.Thread | None = None
        self.process = os.getpid()

    def here(self) -> Step:
        """Among the askers of this process, without a request; `COMPUTE`: ask the other ones, by `everywhere`."""
        first = _first.setdefault(self._key, self._self)
        holder = first()
        if holder is None or holder.process != self.process or holder.is_over:
            _first.pop(self._key, None)
            return Step.LOOK
        behind, self._behind = self._behind, None if holder is self else first
        if behind is not None and behind is not self._behind:
            return Step.LOOK  # whom we waited for is done
        return Step.COMPUTE if holder is self else Step.WAIT

    def everywhere(self) -> Step:
        """Among all processes and machines."""
        if self._other_holder() is None:
            _holders[self._path] = self._self
        self._held = self._claim.attempt(self._is_left)
        if self._held:
            renewing = (self._self, self._claim, self._over)
            self._renewer = threading.Thread(target=_renew, args=renewing, name="autostore-turn", daemon=True)
            with contextlib.suppress(RuntimeError):  # the process ends, or has no room for threads
                self._renewer.start()
            return Step.COMPUTE
        self._refusals = self._refusals + 1 if self._claim.is_free else 0
        return Step.COMPUTE if self._refusals > REFUSALS else Step.WAIT

    def pause(self) -> float:
        """Seconds to wait before the next look."""
        pause, self._pause = self._pause, 2 * self._pause
        return min(pause, LONGEST_PAUSE_HERE if self._behind is not None else LONGEST_PAUSE)

    def end(self) -> None:
        """Let the next one in."""
        self._over.set()
        self._frame = None  # which refers to this
        if self._renewer is not None and self._renewer.ident is not None:
            self._renewer.join()
        try:
            if self._held:
                self._held = False
                self._claim.release()
        finally:
            for known, name in ((_holders, self._path), (_first, self._key)):
                if known.get(name) is self._self:
                    known.pop(name, None)

    @property
    def is_over(self) -> bool:
        """Whether the call that asked has ended, though an interrupt may have kept it from `end`."""
        return has_ended(self._frame)

    def _other_holder(self) -> Turn | None:
        """Another asker of this process, of the same place by another name, that may have the claim."""
        known = _holders.get(self._path)
        holder = None if known is None else known()
        if holder is None or holder is self or holder.process != self.process or holder.is_over:
            return None
        return holder

    def _is_left(self, told: str) -> bool:
        """Whether a holder is no more: a process of this machine, or a call of this process that was interrupted."""
        machine, _, process = told.rpartition(" ")
        if not machine or machine != _machine() or not process.isdecimal():
            return False
        if process == str(self.process):
            return self._other_holder() is None
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError, ValueError):
            return False
        return False


def _renew(turn: weakref.ref[Turn], claim: Claim, over: threading.Event) -> None:
    while not over.wait(claims.LEASE / 4) and _is_called(turn):
        try:
            if not claim.renew():
                return  # taken over: this machine slept
        except StorageError:
            continue  # unreachable for a while; the lease is longer


def _is_called(turn: weakref.ref[Turn]) -> bool:
    """Whether its call goes on."""
    asker = turn()
    return asker is not None and not asker.is_over


def _machine() -> str:
    """This machine since it was booted, and which processes its numbers name."""
    parts = [platform.node() or "unnamed"]
    for file in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            parts.append(os.readlink(file) if "ns" in file else Path(file).read_text("ascii").strip())
    return "+".join("".join(part.split()) for part in parts) if len(parts) > 1 else ""
