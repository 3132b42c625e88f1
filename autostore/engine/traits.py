"""What a server checks beside the conditions of a PUT: by documentation, by setting, or by a probe."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALL", "SOME", "ServerTraits"]


@dataclass(frozen=True)
class ServerTraits:
    """Which conditions hold.

    Attributes:
        delete: If-Match of a DELETE.
        source: If-Match of what a COPY copies.
        target: If-Match and If-None-Match of what a COPY replaces.
    """

    delete: bool
    source: bool
    target: bool

    @property
    def claims(self) -> bool:
        """Whether a change that keeps what was there needs the claim of its key."""
        return not (self.delete and self.source)


ALL, SOME = ServerTraits(True, True, True), ServerTraits(False, False, False)
