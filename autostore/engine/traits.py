"""What a server checks: told by the settings, of AWS known from its documentation, else asked by a probe once."""

from __future__ import annotations

from dataclasses import dataclass

from autostore.config import CONDITIONS

__all__ = ["ALL", "ServerTraits", "told"]


@dataclass(frozen=True)
class ServerTraits:
    """Which conditions hold.

    Attributes:
        delete: If-Match of a DELETE.
        source: If-Match of what a COPY copies.
        target: If-Match and If-None-Match of what a COPY replaces.
        put: If-Match and If-None-Match of a PUT; no store can be changed under a condition without.
    """

    delete: bool
    source: bool
    target: bool
    put: bool = True

    @property
    def claims(self) -> bool:
        """Whether a change that keeps what was there needs the claim of its key."""
        return not (self.delete and self.source)


ALL = ServerTraits(delete=True, source=True, target=True)


def told(conditions: str | None) -> ServerTraits | None:
    """What the setting says; None where it leaves that to documentation and probe."""
    if conditions is None:
        return None
    names = set(CONDITIONS.get(conditions, conditions).split(","))
    return ServerTraits(**{name: name in names for name in ("delete", "source", "target", "put")})
