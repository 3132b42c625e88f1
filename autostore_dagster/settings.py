"""What is refused when a manager, resource or its settings are made: unknown names, and addresses with credentials.

Dagster's own base drops a name that it does not know without a word. A credential in an address would be quoted by a
manager's `repr`, a snapshot of the code location and Pydantic's own errors.
"""

import difflib
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import ConfigDict

from autostore import InvalidConfigError, S3StorageConfig, StorageConfig
from autostore.plugins import parse_uri

__all__ = ["Strict"]

_OF_OTHERS = {
    "base_dir": "the folder, or 's3://bucket/prefix/'",
    "base_path": "the folder, or 's3://bucket/prefix/'",
    "s3_bucket": "'s3://bucket/prefix/'",
    "s3_prefix": "'s3://bucket/prefix/'",
}
"""How other managers name the place."""


class Strict:
    """What managers, resources and settings have before their other bases: they refuse early, and quote nothing."""

    model_config = ConfigDict(hide_input_in_errors=True)

    if not TYPE_CHECKING:  # checkers make the signature of a class of Pydantic's from its fields

        def __init__(self, *unnamed: Any, **settings: Any) -> None:
            _refuse_unnamed(type(self), unnamed)
            # Not a validator: Pydantic would wrap the error, and forget which it was.
            _refuse_unknown(type(self), settings)
            _refuse_missing(type(self), settings)
            _refuse_the_core_s(type(self), settings)
            _refuse_credentials(settings)
            super().__init__(**self._prepared(settings))

    @classmethod
    def _prepared(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings as Dagster takes them."""
        return settings


def _refuse_unnamed(kind: Any, unnamed: tuple[Any, ...]) -> None:
    if unnamed:
        first = next(iter(kind.model_fields))
        raise InvalidConfigError(f"{kind.__name__} takes its settings by name. Write {kind.__name__}({first}=...).")


def _refuse_unknown(kind: Any, settings: dict[str, Any]) -> None:
    known = list(kind.model_fields)
    for name in settings:
        if name not in known:
            raise InvalidConfigError(
                f"{kind.__name__} has no setting {name!r}. {_meant(kind, name)}Its settings are {', '.join(known)}."
            )


def _meant(kind: Any, name: str) -> str:
    if name in _OF_OTHERS and "uri" in kind.model_fields:
        return f"Did you mean 'uri'? It takes {_OF_OTHERS[name]}; what the manager before wrote is read by previous=. "
    if homes := [home.__name__ for home in _storage_classes() if name in home.model_fields]:
        return f"It is one of {', '.join(homes)}: storage={homes[0]}({name}=...). "
    near = difflib.get_close_matches(name, list(kind.model_fields), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def _storage_classes() -> list[Any]:
    """The classes of settings that are meant to be used, each for a kind of place."""
    return [leaf for base in Strict.__subclasses__() if hasattr(base, "to_core") for leaf in base.__subclasses__()]


def _refuse_missing(kind: Any, settings: dict[str, Any]) -> None:
    if "uri" in kind.model_fields and settings.get("uri") is None:
        raise InvalidConfigError(
            f"{kind.__name__} has no uri. Pass a folder such as './data', or 's3://bucket/prefix/'; if it comes from a "
            "variable of the environment, that is not set."
        )


def _refuse_the_core_s(kind: Any, settings: dict[str, Any]) -> None:
    if isinstance(settings.get("storage"), StorageConfig):
        name = type(settings["storage"]).__name__.replace("LocalFile", "LocalStorage")
        name = "LocalStorageConfig" if name == "StorageConfig" else name
        raise InvalidConfigError(
            f"{kind.__name__} takes settings of Dagster's kind, with the same names. Write storage={name}(...) with "
            f"`from autostore_dagster import {name}`."
        )


def _refuse_credentials(settings: dict[str, Any]) -> None:
    # An `EnvVar` is a text too, which is a name and refuses to be looked at; what it names is checked in the run.
    given = {name: text for name, text in settings.items() if isinstance(text, str) and not isinstance(text, dg.EnvVar)}
    if "uri" in given:
        parse_uri(given["uri"])
    if "endpoint_url" in given:
        S3StorageConfig(endpoint_url=given["endpoint_url"])
