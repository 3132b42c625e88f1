"""Settings of a store as Dagster configures them: each field has the name, default and meaning of its core twin.

The fields stand here literally, for type checkers and editors; what each means is said once, by the docstrings
of the core. `EnvVar` works for every text and `EnvVar.int` for whole numbers. The classes are resources because
Dagster leaves nested resources out of every snapshot: a secret given literally is never shown in the UI.
"""

import dataclasses
import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, TypeVar

import dagster as dg
from pydantic import Field, field_validator

import autostore
from autostore import InvalidConfigError, StorageConfig
from autostore_dagster.settings import Strict

__all__ = ["AzureStorageConfig", "FsspecStorageConfig", "LocalStorageConfig", "S3StorageConfig", "StorageBase"]

MIB = 1024 * 1024

SecretText: TypeAlias = Annotated[str | None, Field(repr=False, json_schema_extra={"dagster__is_secret": True})]
if TYPE_CHECKING:
    SwitchOrText: TypeAlias = bool | str | None
else:
    SwitchOrText = str | None  # Dagster's configuration has no such union; the class makes a text of a switch

SWITCHES = frozenset(("history", "verify"))
"""What may be a switch or a text."""

# `name, name: text`, and the deeper lines that continue it.
_ATTRIBUTE = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)

Settings = TypeVar("Settings", bound="StorageBase")


def _described(cls: type[Settings]) -> type[Settings]:
    """The class, its own fields described by the core's docstring; what a field says itself comes after that."""
    meaning = _attributes(cls.core_class)
    for name in inspect.get_annotations(cls).keys() & cls.model_fields.keys():
        field = cls.model_fields[name]
        field.description = " ".join(filter(None, [meaning.get(name), field.description]))
    cls.model_rebuild(force=True)  # so that the JSON schema has them too
    return cls


def _attributes(core: type[StorageConfig]) -> dict[str, str]:
    """What the `Attributes:` section of a dataclass says of each."""
    _, _, section = inspect.cleandoc(core.__doc__ or "").partition("Attributes:\n")
    described: dict[str, str] = {}
    for names, text in _ATTRIBUTE.findall(section):
        described.update(dict.fromkeys(names.split(", "), " ".join(text.split())))
    return described


def _in_place(value: Any) -> Any:
    """The value, with the variables of the environment that are inside of it, which Dagster leaves names."""
    if isinstance(value, dict):
        if value.keys() == {"env"} and isinstance(value["env"], str):
            return _in_place(dg.EnvVar(value["env"]))
        return {key: _in_place(each) for key, each in value.items()}
    if isinstance(value, dg.EnvVar) and (found := value.get_value()) is not None:
        return found
    if isinstance(value, dg.EnvVar):
        name = value.env_var_name
        raise InvalidConfigError(f"The environment has no variable {name!r:.80}, which a setting names. Set it.")
    return value


@_described
class StorageBase(Strict, dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own base is untyped
    """Settings that every store understands; use the class of the place's kind."""

    core_class: ClassVar[type[StorageConfig]] = StorageConfig

    timeout: float = 30
    max_retries: int = 3
    cache_enabled: bool = False
    cache_dir: str | None = None
    cache_expiry_hours: float = 24
    cache_max_bytes: int | None = 10 * 1024 * MIB
    temp_dir: str | None = None
    read_only: bool = False
    allow_pickle: bool = True
    pickle_key: SecretText = None
    max_read_bytes: int | None = None
    mmap: bool = True
    history: SwitchOrText = Field(
        default=None,
        description='A run\'s configuration gives it as a text: "true", "false" or "native".',
    )
    history_keep: int | None = None
    history_days: float | None = None
    progress: bool | None = None

    def to_core(self) -> StorageConfig:
        """The same settings as the core's dataclass, which checks them."""
        return self.core_class(**self._settings())

    @field_validator("history", "verify", mode="before", check_fields=False)
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, bool) else value

    def _settings(self) -> dict[str, Any]:
        names = [field.name for field in dataclasses.fields(self.core_class)]
        settings = {name: _in_place(getattr(self, name)) for name in names if hasattr(self, name)}
        for name in SWITCHES & settings.keys():
            text = str(settings[name]).lower()
            settings[name] = {"true": True, "false": False}.get(text, settings[name])
        return settings | {"history": settings["history"] or False}


@_described
class LocalStorageConfig(StorageBase):
    """Settings of a store in a local folder: `autostore.LocalFileConfig` for Dagster."""

    core_class: ClassVar[type[StorageConfig]] = autostore.LocalFileConfig

    durable: bool = False

    def to_core(self) -> autostore.LocalFileConfig:
        """The same settings as the core's dataclass, which checks them."""
        return autostore.LocalFileConfig(**self._settings())


@_described
class S3StorageConfig(StorageBase):
    """Settings of a store on S3: `autostore.S3StorageConfig` for Dagster."""

    core_class: ClassVar[type[StorageConfig]] = autostore.S3StorageConfig

    aws_access_key_id: SecretText = None
    aws_secret_access_key: SecretText = None
    aws_session_token: SecretText = None
    profile_name: str | None = None
    region_name: str | None = None
    endpoint_url: str | None = None
    use_ssl: bool = True
    verify: SwitchOrText = Field(
        default=None,
        description='A run\'s configuration gives it as a text: "false", or the path of the bundle.',
    )
    addressing_style: str | None = None
    anonymous: bool = False
    upload_args: dict[str, Any] = Field(default={}, repr=False)
    multipart_threshold: int = 64 * MIB
    multipart_chunksize: int = 16 * MIB
    max_concurrency: int = 10
    checksums: bool | None = None
    conditions: str | None = None
    engine: str = "auto"

    def to_core(self) -> autostore.S3StorageConfig:
        """The same settings as the core's dataclass, which checks them."""
        return autostore.S3StorageConfig(**self._settings())


@_described
class AzureStorageConfig(StorageBase):
    """Settings of a store on Azure Blob Storage: `autostore.AzureStorageConfig` for Dagster."""

    core_class: ClassVar[type[StorageConfig]] = autostore.AzureStorageConfig

    account_name: str | None = None
    account_key: SecretText = None
    sas_token: SecretText = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: SecretText = None
    use_azure_cli: bool = False
    endpoint_url: str | None = None
    anonymous: bool = False
    multipart_threshold: int = 64 * MIB
    multipart_chunksize: int = 16 * MIB
    max_concurrency: int = 10

    def to_core(self) -> autostore.AzureStorageConfig:
        """The same settings as the core's dataclass, which checks them."""
        return autostore.AzureStorageConfig(**self._settings())


@_described
class FsspecStorageConfig(StorageBase):
    """Settings of a store on a file system of fsspec, `gs://` too: `autostore.FsspecConfig` for Dagster.

    An option may be an `EnvVar`; a file system that was made already is no configuration.
    """

    core_class: ClassVar[type[StorageConfig]] = autostore.FsspecConfig

    options: dict[str, Any] = Field(default={}, repr=False)
    single_writer: bool = False
    replaces: str | None = None

    def to_core(self) -> autostore.FsspecConfig:
        """The same settings as the core's dataclass, which checks them."""
        return autostore.FsspecConfig(**self._settings())
