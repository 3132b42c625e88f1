"""Settings of a store: frozen, keyword-only dataclasses, checked when they are made.

Durations are seconds and sizes are bytes unless the name says otherwise; secrets never
show in a repr.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, Self

from autostore.errors import InvalidConfigError

__all__ = ["CONDITIONS", "NATIVE", "LocalFileConfig", "S3StorageConfig", "StorageConfig", "misplaced_credentials"]

NATIVE = "native"
MIB = 1024 * 1024
# S3 refuses parts under 5 MiB and objects of more than 10,000 parts:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
SMALLEST_PART = 5 * MIB
LARGEST_PART = 5 * 1024 * MIB
_CONTROL = re.compile("[\\0-\\x1f\\x7f]")
_OURS = ("Body", "Bucket", "IfMatch", "IfNoneMatch", "Key", "PartNumber", "UploadId")
"""Arguments of uploads that say where and when, which the library decides."""
_WORDS = {"addressing_style": (None, "path", "virtual", "auto"),
          "engine": ("auto", "boto3", "obstore")}  # fmt: skip

CONDITIONS = {"all": "put,delete,source,target", "some": "put", "none": ""}
"""Whose conditions a server may check, by name: those of a PUT, of a DELETE, of a COPY's source and target."""
_CHECKED = ("put", "delete", "source", "target")


class _Kind(NamedTuple):  # what a setting may be, and in words
    kinds: tuple[type, ...]
    wanted: str


_KINDS: Mapping[str, _Kind] = {
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
"""By the annotation of a setting; those of a third party's own settings may be any others."""


def _is_of(value: object, annotation: Any) -> bool:
    if str(annotation) not in _KINDS:
        return True
    kinds = _KINDS[str(annotation)].kinds
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _is_spoilt(value: object, annotation: Any) -> bool:
    """Whether a text cannot stand in a header or name a file; a folder's name may hold all but NUL."""
    if isinstance(value, os.PathLike) or annotation == "str | Path | None":
        return "\0" in str(value)
    return annotation != "str | bytes | None" and isinstance(value, str) and _CONTROL.search(value) is not None


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
                    f"{setting.name} holds a line break or another control character, perhaps the end of the line "
                    "that it was read from. Pass it without: .strip()."
                )

    def _at_least(self, name: str, least: float, *, exclusive: bool = False) -> None:
        value = getattr(self, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < least or (exclusive and value == least):
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
                f"config is a {type(config).__name__}. Pass a {cls.__name__} (or another StorageConfig)."
            )
        shared: dict[str, Any] = {f.name: getattr(config, f.name) for f in fields(cls) if hasattr(config, f.name)}
        return cls(**shared)


@dataclass(frozen=True, kw_only=True)
class LocalFileConfig(StorageConfig):
    """Settings of a store in a local folder.

    Attributes:
        durable: fsync the file and its folder before a write returns, so that it survives
            a power cut; the default survives a killed process only.
    """

    durable: bool = False


@dataclass(frozen=True, kw_only=True)
class S3StorageConfig(StorageConfig):
    """Settings of a store on S3 or a compatible server.

    Attributes:
        aws_access_key_id, aws_secret_access_key, aws_session_token: static credentials;
            only passed on when set, else botocore's own chain finds (and rotates) them.
        profile_name: a profile of the AWS configuration files.
        region_name: the bucket's region.
        endpoint_url: address of an S3-compatible server; None: AWS.
        use_ssl, verify: https, and how its certificate is checked (False, or a CA bundle).
        addressing_style: "path", "virtual" or "auto"; None: path for a custom endpoint.
        anonymous: send unsigned requests, for public buckets.
        upload_args: extra arguments of every upload (ServerSideEncryption, StorageClass, ACL, ...).
        multipart_threshold: files from this size on move in parallel parts, bytes.
        multipart_chunksize: size of a part, bytes (raised where S3's 10,000 parts would not do, lowered where
            that keeps all connections busy to the end).
        max_concurrency: parts, or objects of a bulk read or write, in flight at once.
        checksums: send checksums of our own; None: yes on AWS, only where required elsewhere.
        conditions: which conditions the server checks: "all" (AWS, SeaweedFS), "some" (those of a PUT; with history
            each change then claims its key), "none" (a change under a condition is then refused), or names of
            put, delete, source and target (of a copy), joined by commas. None: AWS all; of another server those
            of a PUT, and with history it is asked, once for each bucket and process.
        engine: the client library: "auto" takes obstore (extra `fast`) where it is installed, for what it does better,
            and boto3 for the rest; "boto3" for everything; "obstore": as "auto", but it must be installed.
    """

    aws_access_key_id: str | None = field(default=None, repr=False)
    aws_secret_access_key: str | None = field(default=None, repr=False)
    aws_session_token: str | None = field(default=None, repr=False)
    profile_name: str | None = None
    region_name: str | None = None
    endpoint_url: str | None = None
    use_ssl: bool = True
    verify: bool | str | None = None
    addressing_style: str | None = None
    anonymous: bool = False
    upload_args: Mapping[str, Any] = field(default_factory=dict, repr=False)
    multipart_threshold: int = 64 * MIB
    multipart_chunksize: int = 16 * MIB
    max_concurrency: int = 10
    checksums: bool | None = None
    conditions: str | None = None
    engine: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least("multipart_threshold", 1)
        self._at_least("max_concurrency", 1)
        self._at_least("multipart_chunksize", SMALLEST_PART)
        if self.multipart_chunksize > LARGEST_PART:
            raise InvalidConfigError(f"multipart_chunksize is over S3's limit. Pass at most {LARGEST_PART} bytes.")
        if self.endpoint_url is not None and any(sign in str(self.endpoint_url) for sign in "@?#"):
            object.__setattr__(self, "endpoint_url", None)  # a crash report shows the settings
            raise misplaced_credentials("endpoint_url")
        for name in self.upload_args:
            if not isinstance(name, str) or name in _OURS:
                named = f"{name}, which this library decides" if name in _OURS else f"a {type(name).__name__} as a name"
                raise InvalidConfigError(f"upload_args holds {named}. Pass names of other arguments of an upload.")
        odd = set(CONDITIONS.get(self.conditions or "all", self.conditions or "").split(",")) - {*_CHECKED, ""}
        if odd:
            names = "'all', 'some', 'none', or names of " + ", ".join(_CHECKED)
            raise InvalidConfigError(f"conditions={self.conditions!r:.80} is unknown. Pass {names}, joined by commas.")
        for name, words in _WORDS.items():
            if (given := getattr(self, name)) not in words:
                raise InvalidConfigError(f"{name}={given!r:.80} is unknown. Pass one of {words!r:.80}.")
        if bool(self.aws_access_key_id) != bool(self.aws_secret_access_key):
            raise InvalidConfigError("aws_access_key_id and aws_secret_access_key go together. Pass both, or neither.")


def misplaced_credentials(where: str) -> InvalidConfigError:
    """The error for an address that carries more than an address."""
    return InvalidConfigError(
        f"{where} holds credentials or a query. Pass the address alone, such as 'https://host:9000'; credentials "
        "belong in aws_access_key_id and aws_secret_access_key, in a profile, or in the environment."
    )
