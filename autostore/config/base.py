"""Settings of a store: frozen, keyword-only dataclasses, checked when they are made.

Durations are seconds and sizes are bytes unless the name says otherwise; secrets never
show in a repr.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, Self

from autostore.config.names import checks_names
from autostore.errors import InvalidConfigError
from autostore.guard.secrecy import holds_secret
from autostore.words import an

__all__ = ["MIB", "NATIVE", "LocalFileConfig", "StorageConfig", "is_finite", "misplaced_credentials"]

NATIVE = "native"
MIB = 1024 * 1024
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(f"[\\0-\\x1f\\x7f]|{_NOT_UTF8.pattern}")


class _Kind(NamedTuple):  # what a setting may be, and in words
    kinds: tuple[type, ...]
    wanted: str


_KINDS: Mapping[str, _Kind] = {  # by the annotation of a setting; a third party's own settings may be any others
    "bool": _Kind((bool,), "True or False"),
    "bool | None": _Kind((bool, NoneType), "True, False or None"),
    "bool | str": _Kind((bool, str), "True, False or 'native'"),
    "bool | str | None": _Kind((bool, str, os.PathLike, NoneType), "True, False, or the path of a file"),
    "int": _Kind((int,), "a whole number"),
    "int | None": _Kind((int, NoneType), "a whole number or None"),
    "float": _Kind((int, float), "a number"),
    "float | None": _Kind((int, float, NoneType), "a number or None"),
    "str": _Kind((str,), "a text"),
    "str | None": _Kind((str, NoneType), "a text or None"),
    "str | bytes | None": _Kind((str, bytes, NoneType), "a long random secret as str or bytes"),
    "str | Path | None": _Kind((str, os.PathLike, NoneType), "the path of a folder, or None"),
    "Mapping[str, Any]": _Kind((Mapping,), "a dict"),
}


def _is_of(value: object, annotation: Any) -> bool:
    if str(annotation) not in _KINDS:
        return True
    kinds = _KINDS[str(annotation)].kinds
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _is_spoilt(value: object, annotation: Any) -> bool:
    """Whether a text cannot stand in a header or name a file; a folder's name may hold all but NUL."""
    if isinstance(value, os.PathLike) or annotation == "str | Path | None":
        return "\0" in str(value)
    spoils = _NOT_UTF8 if annotation == "str | bytes | None" else _CONTROL
    return isinstance(value, str) and spoils.search(value) is not None


@checks_names
@dataclass(frozen=True, kw_only=True)
class StorageConfig:
    """Settings that every backend understands.

    Attributes:
        timeout: seconds to wait for the place before `StorageConnectionError`.
        max_retries: how often a failed request is sent again (0: never).
        cache_enabled: keep local copies of remote objects, revalidated by ETag at each read.
        cache_dir: folder of the cache; None: a private one per user.
        cache_expiry_hours: drop a copy unused for so long (0: never).
        cache_max_bytes: drop the least recently used copies above this (None: unbounded).
        temp_dir: folder for temporary files; None: the system's. A local store keeps its own
            beside the data, so that publishing is a rename.
        read_only: refuse every write, delete, copy and move.
        allow_pickle: allow formats whose reading may run code (.pkl, whole torch modules),
            and the import of modules that a file names.
        pickle_key: secret that signs pickles; unsigned or tampered ones are then refused.
        max_read_bytes: memory that one read may take, bytes, judged from the file's header before it is taken
            (`TooLargeError`); None: half of what this process may have. Lazy and mapped values are exempt.
        mmap: read arrays and checkpoints from 16 MiB on by a private memory map, in no time, each page when it is
            used. Whoever overwrites such a file in place (this library and most others replace it) changes what
            was read, and whoever shortens it kills the process that reads on. False: read into memory, once.
        history: keep what is replaced or deleted, as versions that `versions`, `read`, `restore` and `prune` know.
            Everybody who writes to the store sets it: what a writer without it replaces is not kept. "native": as
            the bucket keeps them itself.
        history_keep: how many values of a key `prune` keeps, the current one included; None: no number.
        history_days: for how many days after it was replaced `prune` keeps a value; None: no time.
        progress: show a bar for what takes over two seconds; None: in terminals and notebooks, not in Dagster.
    """

    timeout: float = 30
    max_retries: int = 3
    cache_enabled: bool = False
    cache_dir: str | Path | None = None
    cache_expiry_hours: float = 24
    cache_max_bytes: int | None = 10 * 1024 * MIB
    temp_dir: str | Path | None = None
    read_only: bool = False
    allow_pickle: bool = True
    pickle_key: str | bytes | None = field(default=None, repr=False)
    max_read_bytes: int | None = None
    mmap: bool = True
    history: bool | str = False
    history_keep: int | None = None
    history_days: float | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        self._check_types()
        self._at_least("timeout", 0, exclusive=True)
        for name in ("max_retries", "cache_expiry_hours", "cache_max_bytes", "history_keep", "history_days"):
            if getattr(self, name) is not None:
                self._at_least(name, 0)
        if self.max_read_bytes is not None:
            self._at_least("max_read_bytes", 1)
        if self.history not in (False, True, NATIVE):
            raise InvalidConfigError(f"history={self.history!r:.100} is unknown. Pass True, False or 'native'.")
        if self.pickle_key is not None and not self.pickle_key:
            raise InvalidConfigError("pickle_key is empty. Pass a long random secret, or None to sign nothing.")

    def _check_types(self) -> None:
        """Refuse what only looks like a setting: `allow_pickle="false"` would be true. No value is shown."""
        for setting in fields(self):
            # Never in a local variable: a crash report shows those.
            if not _is_of(getattr(self, setting.name), setting.type):
                given, wanted = type(getattr(self, setting.name)).__name__, _KINDS[str(setting.type)].wanted
                raise InvalidConfigError(f"{setting.name} is of type {given}. Pass {wanted}.")
            if _is_spoilt(getattr(self, setting.name), setting.type):
                raise InvalidConfigError(
                    f"{setting.name} holds a line break, perhaps the end of the line that it was read from, another "
                    "control character, or one that UTF-8 cannot encode. Pass it without: .strip()."
                )

    def _check_address(self) -> None:
        """Refuse an `endpoint_url` that carries more than an address."""
        given = getattr(self, "endpoint_url", None)
        if given is not None and (any(sign in str(given) for sign in "@?#") or holds_secret(str(given))):
            del given
            object.__setattr__(self, "endpoint_url", None)  # a crash report shows the settings
            raise misplaced_credentials("endpoint_url")

    def _at_least(self, name: str, least: float, *, exclusive: bool = False) -> None:
        value = getattr(self, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not is_finite(value) or value < least or (exclusive and value == least):
            bound = f"greater than {least}" if exclusive else f"at least {least}"
            raise InvalidConfigError(f"{name}={value!r} is out of range. Pass a number {bound}.")

    @classmethod
    def adapt(cls, config: StorageConfig | None) -> Self:
        """The same settings as this class: None gives the defaults, foreign settings are left out.

        So one configuration can be handed to a local store and to a remote one alike.
        """
        if config is None:
            return cls()
        if isinstance(config, cls):
            return config
        if not isinstance(config, StorageConfig):
            raise InvalidConfigError(
                f"config is {an(type(config).__name__)}. Pass {an(cls.__name__)} (or another StorageConfig)."
            )
        shared: dict[str, Any] = {f.name: getattr(config, f.name) for f in fields(cls) if hasattr(config, f.name)}
        return cls(**shared)


@checks_names
@dataclass(frozen=True, kw_only=True)
class LocalFileConfig(StorageConfig):
    """Settings of a store in a local folder.

    Attributes:
        durable: fsync the file and its folder before a write returns, so that it survives
            a power cut; the default survives a killed process only.
    """

    durable: bool = False


def is_finite(number: float) -> bool:
    """Whether a float can hold it; also asked of whole numbers of any size."""
    return abs(number) <= sys.float_info.max


def misplaced_credentials(where: str) -> InvalidConfigError:
    """The error for an address that carries more than an address."""
    return InvalidConfigError(
        f"{where} holds credentials or a query. Pass the address alone, such as 'https://host:9000'; credentials "
        "belong in aws_access_key_id and aws_secret_access_key, in a profile, or in the environment."
    )
