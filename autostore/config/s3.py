"""Settings of a store on S3, or on a server that speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from autostore.config.base import MIB, StorageConfig
from autostore.config.names import checks_names
from autostore.errors import InvalidConfigError
from autostore.words import an

__all__ = ["CONDITIONS", "SMALLEST_PART", "S3StorageConfig"]

# S3 refuses parts under 5 MiB and objects of more than 10,000 parts:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
SMALLEST_PART = 5 * MIB
LARGEST_PART = 5 * 1024 * MIB
_OURS = ("Body", "Bucket", "IfMatch", "IfNoneMatch", "Key", "PartNumber", "UploadId")
"""Arguments of uploads that say where and when, which the library decides."""
_WORDS = {"addressing_style": (None, "path", "virtual", "auto"),
          "engine": ("auto", "boto3", "obstore")}  # fmt: skip

_PACE = {"multipart_threshold", "multipart_chunksize", "max_concurrency", "checksums", "conditions", "engine"}
"""How bytes move, wherever they go."""

CONDITIONS = {"all": "put,delete,source,target", "some": "put", "none": ""}
"""Whose conditions a server may check, by name: those of a PUT, of a DELETE, of a COPY's source and target."""
_CHECKED = ("put", "delete", "source", "target")


@checks_names
@dataclass(frozen=True, kw_only=True)
class S3StorageConfig(StorageConfig):
    """Settings of a store on S3 or a compatible server.

    Attributes:
        aws_access_key_id: static credentials, with the next; only passed on when set, else botocore's own chain
            finds (and rotates) them.
        aws_secret_access_key: what belongs to that key.
        aws_session_token: of credentials that were given for a time.
        profile_name: a profile of the AWS configuration files.
        region_name: the bucket's region.
        endpoint_url: address of an S3-compatible server; None: AWS.
        use_ssl: https.
        verify: how its certificate is checked: None: by this machine's authorities, False: not, or a CA bundle.
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

    def reached_by(self) -> dict[str, Any]:
        """The settings that say which server it is, and with what rights; secrets among them."""
        shared = {one.name for one in fields(StorageConfig)}
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in shared | _PACE}

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least("multipart_threshold", 1)
        self._at_least("max_concurrency", 1)
        self._at_least("multipart_chunksize", SMALLEST_PART)
        if self.multipart_chunksize > LARGEST_PART:
            raise InvalidConfigError(f"multipart_chunksize is over S3's limit. Pass at most {LARGEST_PART} bytes.")
        self._check_address()
        for name in self.upload_args:
            if not isinstance(name, str) or name in _OURS:
                other = f"{an(type(name).__name__)} as a name"
                named = f"{name}, which this library decides" if name in _OURS else other
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
