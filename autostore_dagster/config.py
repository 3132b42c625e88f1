"""Settings of a store as Dagster configures them: generated from the core's dataclasses, so that the two cannot drift.

Every field has the name, default and meaning of its core twin. `EnvVar` works for every text and
`EnvVar.int` for whole numbers. The classes are resources because Dagster leaves nested resources out of
every snapshot: a secret given literally is never shown in the UI.
"""

import dataclasses
import inspect
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Optional, Union, get_args, get_origin, get_type_hints

import dagster as dg
from pydantic import Field, create_model, field_validator

import autostore
from autostore import StorageConfig

__all__ = ["LocalStorageConfig", "S3StorageConfig", "StorageBase"]

# `name, name: text`, and the deeper lines that continue it.
_ATTRIBUTE = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)


class StorageBase(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own base is untyped
    """Settings of a store; use `LocalStorageConfig` or `S3StorageConfig`."""

    core_class: ClassVar[type[StorageConfig]] = StorageConfig

    @field_validator("verify", mode="before", check_fields=False)
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, bool) else value

    def to_core(self) -> StorageConfig:
        """The same settings as the core's dataclass, which checks them."""
        core = self.core_class
        given = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(core) if hasattr(self, field.name)
        }
        return core(**{name: _to_core(name, value) for name, value in given.items()})


def _to_core(name: str, value: Any) -> Any:
    # Dagster's configuration has no union of bool and text, so `verify` is a text here.
    if name == "verify" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


def _config_type(hint: Any) -> Any:
    """The type that Dagster's configuration offers for a field of the core's dataclass."""
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        inner = str if str in members else members[0]
        return Optional[inner]  # noqa: UP045  # Dagster does not know `X | None` made at run time
    if get_origin(hint) is Mapping:
        return dict[str, Any]
    return str if hint is Path else hint


def _fields(core: type[StorageConfig]) -> dict[str, Any]:
    hints = get_type_hints(core)
    documentation = _described(core)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(core):
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        secret = not field.repr
        description = documentation.get(field.name)
        if field.name == "verify":
            description = (
                f'{description} A run\'s configuration gives it as a text: "false", or the path of the bundle.'
            )
        options: dict[str, Any] = {"description": description, "repr": field.repr}
        if secret and _config_type(hints[field.name]) == Optional[str]:  # noqa: UP045  # likewise
            options["json_schema_extra"] = {"dagster__is_secret": True}
        fields[field.name] = (_config_type(hints[field.name]), Field(default=default, **options))
    return fields


def _described(core: type[StorageConfig]) -> dict[str, str]:
    """What the `Attributes:` sections of the dataclass and its bases say of each field."""
    described: dict[str, str] = {}
    for cls in reversed(core.__mro__):
        _, _, attributes = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
        for names, text in _ATTRIBUTE.findall(attributes):
            described.update(dict.fromkeys(names.split(", "), " ".join(text.split())))
    return described


def _generate(core: type[StorageConfig], name: str, documentation: str) -> Any:
    model = create_model(name, __base__=StorageBase, __doc__=documentation, __module__=__name__, **_fields(core))
    model.core_class = core
    return model


# To a type checker these are classes made at run time; the dataclasses hold the typed twins.
LocalStorageConfig: Any = _generate(
    autostore.LocalFileConfig,
    "LocalStorageConfig",
    "Settings of a store in a local folder: `autostore.LocalFileConfig` for Dagster.",
)
S3StorageConfig: Any = _generate(
    autostore.S3StorageConfig, "S3StorageConfig", "Settings of a store on S3: `autostore.S3StorageConfig` for Dagster."
)
