"""Settings of the command: a small TOML file and `AUTOSTORE_...` variables; never a secret.

uri = "s3://prod/data/"             # what keys belong to; the variable AUTOSTORE_URI and -s win

[settings]                          # of every store; AUTOSTORE_TIMEOUT=5 wins
timeout = 10

[profiles.lab]                      # autostore -p lab ls; holds for every address below its uri, too
uri = "s3://lab/data/"
endpoint_url = "https://minio.lab:9000"
profile_name = "lab"                # credentials are in the cloud's own files and variables
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from autostore import AzureStorageConfig, InvalidConfigError, LocalFileConfig, S3StorageConfig, StorageConfig

__all__ = ["TEMPLATE", "Settings", "config_from", "settings_file"]

SECRETS = frozenset({
    "account_key", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "client_secret", "pickle_key",
    "sas_token",
})  # fmt: skip
PREFIX = "AUTOSTORE_"
NEARLY = 0.85
"""How like a setting's name a variable's is, of 1, that is a slip; `UI`, of other tools, is less like `URI`."""
_KNOWN = {one.name: one.type for kind in (AzureStorageConfig, S3StorageConfig, LocalFileConfig) for one in fields(kind)}
_FILE_KEYS = frozenset({"uri", "settings", "profiles"})

TEMPLATE = """\
# Settings of the command `autostore`. Everything is optional; variables (AUTOSTORE_URI, AUTOSTORE_TIMEOUT, ...) win.

# The store that keys belong to.
# uri = "s3://my-bucket/data/"

# Settings of every store, as in StorageConfig.
[settings]
# timeout = 30
# history = true
# cache_enabled = true

# Further stores, by name: autostore -p lab ls. Credentials do not belong here; name a profile of the cloud's own files.
# [profiles.lab]
# uri = "s3://lab/data/"
# endpoint_url = "https://minio.lab:9000"
# profile_name = "lab"
"""


@dataclass(frozen=True)
class Settings:
    """What the file and the variables say.

    Attributes:
        uri: where keys belong; None: nowhere yet.
        common: settings of every store.
        stores: further settings, by the URI below which they hold.
        profiles: URIs by name.
    """

    uri: str | None = None
    common: Mapping[str, Any] = field(default_factory=dict)
    stores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """From the file, then the variables."""
        try:
            file = settings_file(environ)
        except InvalidConfigError:
            file = Path(os.devnull)  # nobody's home, so nobody's settings
        told = _read(file) if file.exists() else {}
        _check_names(told, _FILE_KEYS, file, "")
        common = _checked(told.get("settings", {}), file, "settings")
        profiles, stores = {}, {}
        for name, profile in told.get("profiles", {}).items():
            if not isinstance(profile, dict) or not isinstance(profile.get("uri"), str):
                raise InvalidConfigError(f'{file}: the profile {name!r} has no uri. Add uri = "s3://bucket/data/".')
            profiles[name] = profile["uri"]
            own = {key: value for key, value in profile.items() if key != "uri"}
            stores[profile["uri"]] = _checked(own, file, f"profiles.{name}")
        return cls(environ.get("AUTOSTORE_URI") or told.get("uri"), {**common, **_of(environ)}, stores, profiles)

    def profile(self, name: str) -> str:
        """The URI of a profile."""
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise InvalidConfigError(f"There is no profile {name!r}. The settings file has: {known}.")
        return self.profiles[name]


def settings_file(environ: Mapping[str, str] = os.environ) -> Path:
    """`AUTOSTORE_SETTINGS`, or settings.toml in the user's folder of settings."""
    named = environ.get("AUTOSTORE_SETTINGS")
    if named:
        return Path(named)
    import platformdirs

    try:
        return Path(platformdirs.user_config_dir("autostore", appauthor=False)) / "settings.toml"
    except RuntimeError as error:  # neither HOME nor a user of this number
        raise InvalidConfigError("This process has no home. Set AUTOSTORE_SETTINGS to a file.") from error


def config_from(kind: type[StorageConfig], told: Mapping[str, Any]) -> StorageConfig:
    """The configuration of a place; what concerns other places only is left out."""
    own = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in told.items() if name in own})


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"{file} is no TOML: {error}. Correct it.") from error


def _checked(told: Mapping[str, Any], file: Path, where: str) -> dict[str, Any]:
    secret = next((name for name in told if name in SECRETS), None)
    if secret is not None:
        remedy = "Leave it to AUTOSTORE_PICKLE_KEY." if secret == "pickle_key" else "Name a profile_name instead."  # noqa: S105
        raise InvalidConfigError(
            f"{file}: {where} holds the secret {secret}, which does not belong in a file. {remedy}"
        )
    _check_names(told, _KNOWN.keys(), file, f"{where}.")
    return dict(told)


def _check_names(told: Mapping[str, Any], known: Any, file: Path, where: str) -> None:
    unknown = next((name for name in told if name not in known), None)
    if unknown is not None:
        sayable = sorted({*known} - SECRETS)
        near = difflib.get_close_matches(unknown, sayable, 1)
        remedy = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sayable)}."
        raise InvalidConfigError(f"{file}: {where}{unknown} is no setting. {remedy}")


def _of(environ: Mapping[str, str]) -> dict[str, Any]:
    """`AUTOSTORE_CACHE_ENABLED=true` is `cache_enabled=True`; a name that is nearly one is a slip, and refused."""
    names = {"SETTINGS", "URI", *map(str.upper, _KNOWN)}
    for variable in environ:
        name = variable.removeprefix(PREFIX)
        near = difflib.get_close_matches(name, names, 1, NEARLY) if variable.startswith(PREFIX) else []
        if near and name not in names:
            raise InvalidConfigError(f"{variable} is no setting. Did you mean {PREFIX}{near[0]}?")
    found: dict[str, Any] = {}
    for name, kind in _KNOWN.items():
        variable = f"{PREFIX}{name.upper()}"
        text = environ.get(variable)
        if text is not None and (name not in SECRETS or name == "pickle_key"):
            found[name] = _value(variable, text, str(kind))
    return found


def _value(variable: str, text: str, kind: str) -> Any:
    try:
        if "bool" in kind and text.lower() in ("true", "false", "1", "0"):
            return text.lower() in ("true", "1")
        if "float" in kind or "int" in kind:
            return float(text) if "float" in kind else int(text)
    except ValueError as error:
        raise InvalidConfigError(f"{variable}={text!r} is not a number. Pass one.") from error
    if "str" not in kind:
        raise InvalidConfigError(f"{variable}={text!r} cannot be read as {kind}. Set it in the settings file.")
    return text
