"""What YAML says of a place, as a schema and as Dagster's resources: URI, settings, and the places below it.

The schema has every setting of the classes in `config.py`, with their descriptions. A value may be a template, which
is filled in when the project is loaded, or `{env: NAME}`, which is read in the run and shown nowhere.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional, TypeAlias, Union, get_args

import dagster as dg
from pydantic import Field, create_model

from autostore import InvalidConfigError
from autostore.plugins import parse_uri
from autostore_dagster.config import (
    SWITCHES,
    AzureStorageConfig,
    FsspecStorageConfig,
    LocalStorageConfig,
    S3StorageConfig,
    StorageBase,
)
from autostore_dagster.resource import AutoStoreResource

__all__ = ["ResolvedPlace", "ResolvedStorage", "ResolvedUri", "below", "resource_at", "storage_for"]

_KINDS: dict[str, type[StorageBase]] = {
    "file": LocalStorageConfig,
    "s3": S3StorageConfig,
    "az": AzureStorageConfig,
    "gs": FsspecStorageConfig,
}


class FromEnvironment(dg.Model):
    """A variable of the environment, read by each run and never shown: Dagster's `EnvVar`."""

    env: str = Field(description="The name of the variable.", examples=["S3_SECRET"])


def _field(name: str, kind: type[StorageBase]) -> Any:
    """A setting's type in YAML: its own, or a template; of texts and whole numbers also a variable."""
    field = kind.model_fields[name]
    annotation: Any = Union[(bool, field.annotation)] if name in SWITCHES else field.annotation  # noqa: UP007
    readable = {str, int} & {annotation, *get_args(annotation)}
    either = Union[(annotation, str, FromEnvironment)] if readable else Union[annotation, str]  # noqa: UP007
    return either, Field(default=field.default, description=field.description)


def _settings() -> type[dg.Model]:
    # Backwards: what several kinds have is described by the first of them.
    kinds = reversed(_KINDS.values())
    fields: dict[str, Any] = {name: _field(name, kind) for kind in kinds for name in kind.model_fields}
    return create_model("StorageSettings", __base__=dg.Model, **fields)


StorageSettings = _settings()


def _resolved(context: dg.ResolutionContext, value: Any, *, whole: bool = False) -> Any:
    if isinstance(value, FromEnvironment):
        return dg.EnvVar.int(value.env) if whole else dg.EnvVar(value.env)
    return context.resolve_value(value)


def _resolve_settings(context: dg.ResolutionContext, model: Any) -> dict[str, Any] | None:
    if model is None:
        return None
    found = {}
    for name in sorted(model.model_fields_set):
        whole = int in (StorageSettings.model_fields[name].annotation, *_members(name))
        found[name] = _resolved(context, getattr(model, name), whole=whole)
    return found


def _members(name: str) -> tuple[Any, ...]:
    return get_args(StorageSettings.model_fields[name].annotation)


def storage_for(uri: str, settings: Mapping[str, Any] | None) -> StorageBase | None:
    """The settings as the class of the place's kind, which refuses those of another; None where none are given."""
    return None if settings is None else _kind_of(uri, settings)(**settings)


def resource_at(place: Any, settings: Mapping[str, Any] | None, root: Path) -> AutoStoreResource | None:
    """A place that YAML names, as a resource: a URI alone has the settings of the store that names it."""
    if place is None:
        return None
    if not isinstance(place, Place):
        place = Place(uri=place, storage=dict(settings) if settings and _same_kind(place, settings) else None)
    return AutoStoreResource(uri=below(root, place.uri), storage=storage_for(place.uri, place.storage))


def below(root: Path, uri: str | None) -> str:
    """A relative folder is one of the project, wherever the process was started."""
    if uri is None:
        raise InvalidConfigError("The uri of a store is empty. Set the variable that its template names, or name it.")
    if isinstance(uri, dg.EnvVar) or "://" in uri:
        return uri
    return str(root / uri)


def _same_kind(uri: str, settings: Mapping[str, Any]) -> bool:
    return settings.keys() <= _kind_of(uri, settings).model_fields.keys()


def _kind_of(uri: str, settings: Mapping[str, Any]) -> type[StorageBase]:
    known = uri.get_value() if isinstance(uri, dg.EnvVar) else uri
    if known:
        scheme = parse_uri(known).scheme
        return FsspecStorageConfig if scheme.startswith("fsspec+") else _KINDS.get(scheme, StorageBase)
    # A variable that is set in the deployment only.
    fitting = (kind for kind in _KINDS.values() if settings.keys() <= kind.model_fields.keys())
    return next(fitting, S3StorageConfig)


def _resolve_place(context: dg.ResolutionContext, model: Any) -> Any:
    if model is None or isinstance(model, str | FromEnvironment):
        return _resolved(context, model)
    return Place.resolve_from_model(context, model)


ResolvedUri: TypeAlias = Annotated[
    Any,  # a text; Pydantic would make one of an `EnvVar`: its name
    dg.Resolver(
        _resolved,
        model_field_type=Union[str, FromEnvironment],  # noqa: UP007  # Dagster's annotation
        description="Where the store begins: a folder, `s3://bucket/prefix/`, ...",
        examples=["s3://my-bucket/pipeline/", "./data"],
    ),
]

ResolvedStorage: TypeAlias = Annotated[
    Optional[dict[str, Any]],  # noqa: UP045  # resolved from a model of another type
    dg.Resolver(
        _resolve_settings,
        model_field_type=Optional[StorageSettings],  # noqa: UP045
        description="Settings of the place: those of LocalStorageConfig, on S3 of S3StorageConfig, on Azure of "
        "AzureStorageConfig, and on any other file system of FsspecStorageConfig.",
        examples=[{"endpoint_url": "https://minio.lab:9000", "aws_secret_access_key": {"env": "S3_SECRET"}}],
    ),
]


class Place(dg.Resolvable, dg.Model):
    """A place with settings of its own."""

    uri: ResolvedUri
    storage: ResolvedStorage = None


ResolvedPlace: TypeAlias = Annotated[
    Any,
    dg.Resolver(
        _resolve_place,
        model_field_type=Union[str, FromEnvironment, Place.model(), None],  # noqa: UP007
        examples=["s3://my-bucket/prod/"],
    ),
]
