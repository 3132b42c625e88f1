"""What is refused when a manager, resource or its settings are made: unknown names, and addresses with credentials.

Dagster's own base drops a name that it does not know without a word. A credential in an address would be quoted by a
manager's `repr`, a snapshot of the code location and Pydantic's own errors.
"""

import difflib
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import ConfigDict

from autostore import InvalidConfigError, S3StorageConfig
from autostore.plugins import parse_uri

__all__ = ["Strict"]


class Strict:
    """What managers, resources and settings have before their other bases: they refuse early, and quote nothing."""

    model_config = ConfigDict(hide_input_in_errors=True)

    if not TYPE_CHECKING:  # checkers make the signature of a class of Pydantic's from its fields

        def __init__(self, **settings: Any) -> None:
            # Not a validator: Pydantic would wrap the error, and forget which it was.
            _refuse_unknown(type(self), settings)
            _refuse_credentials(settings)
            super().__init__(**self._prepared(settings))

    @classmethod
    def _prepared(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings as Dagster takes them."""
        return settings


def _refuse_unknown(kind: Any, settings: dict[str, Any]) -> None:
    known = list(kind.model_fields)
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            raise InvalidConfigError(
                f"{kind.__name__} has no setting {name!r}. {meant}Its settings are {', '.join(known)}."
            )


def _refuse_credentials(settings: dict[str, Any]) -> None:
    # An `EnvVar` is a text too, which is a name and refuses to be looked at; what it names is checked in the run.
    given = {name: text for name, text in settings.items() if isinstance(text, str) and not isinstance(text, dg.EnvVar)}
    if "uri" in given:
        parse_uri(given["uri"])
    if "endpoint_url" in given:
        S3StorageConfig(endpoint_url=given["endpoint_url"])
