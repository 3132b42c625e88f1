"""What fsspec's file systems promise: how each replaces a file in one step, and what tells a write from the next."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from autostore.backend import FileMetadata
from autostore.errors import InvalidConfigError, StoragePermissionError, compose

__all__ = ["ONLY_READ", "REPLACES", "check_writing", "etag_of", "is_exact", "modified_of", "unsettled"]

REPLACES: Mapping[str, str] = {
    "file": "rename", "local": "rename", "sftp": "rename", "memory": "put",
    "gs": "put", "gcs": "put", "s3": "put", "s3a": "put", "abfs": "put", "az": "put", "oci": "put", "oss": "put",
}  # fmt: skip
"""By protocol: a rename onto the file, or one request; of others nobody says so here."""

ONLY_READ = frozenset(
    ["data", "dvc", "git", "github", "gitlab", "http", "https", "jlab", "libarchive", "reference", "tar", "zip"]
)

# In the words of s3fs, adlfs, gcsfs, zip archives, ...
_EXACT = ("ETag", "etag", "generation", "md5Hash", "content_md5", "sha", "CRC")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created", "date_time", "Last-Modified")


def is_exact(protocol: str) -> bool:
    """Whether each write has an ETag of its own: a time in whole seconds and a size are none."""
    return protocol in REPLACES and protocol not in ("sftp", "file", "local")


def etag_of(info: Mapping[str, Any]) -> str:
    """The file system's own, else time and size."""
    for name in _EXACT:
        if info.get(name):
            return str(info[name]).strip('"')
    return f"{modified_of(info).timestamp():.9f}-{info.get('ino', '')}-{info.get('size') or 0}"


def modified_of(info: Mapping[str, Any]) -> datetime:
    """Aware, UTC; the beginning of time where the file system does not say."""
    found = next((info[name] for name in _TIMES if info.get(name)), None)
    if isinstance(found, (int, float)):
        return datetime.fromtimestamp(found, UTC)
    if isinstance(found, (tuple, list)):  # of an archive, which knows no zone
        year, month, day, hour, minute, second = found[:6]
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if isinstance(found, str):
        found = _spelt(found)
    if not isinstance(found, datetime):
        return datetime.fromtimestamp(0, UTC)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def unsettled(before: FileMetadata, after: FileMetadata, arrived: int) -> tuple[str, str]:
    """What is wrong where no read got the file whole, and the remedy: it changes, or is sent packed."""
    if before == after:
        problem = f"The server says that the file has {before.size} bytes, and {arrived} arrive"
        return problem, "If it packs what it sends (Content-Encoding), have it send the file as it is."
    return "The file was replaced again and again while it was read", "Try again when nobody writes it."


def _spelt(time: str) -> datetime | None:
    """What is written as ISO 8601, or as in a header of HTTP."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, TypeError):
            return parse(time)
    return None


def check_writing(protocol: str, replaces: str | None, *, alone: bool, path: str, uri: str) -> None:
    """Refuse a change that the place would not keep; `alone`: no condition is asked for, or nobody else writes."""
    if protocol in ONLY_READ:
        remedy = "Copy it to another place."
        raise StoragePermissionError(compose("This place is only read", key=path, uri=uri, remedy=remedy))
    if replaces is None:
        problem = f"Nobody says how {protocol} replaces a file in one step"
        remedy = "If it does, pass FsspecConfig(replaces='rename') or 'put'."
        raise InvalidConfigError(compose(problem, key=path, uri=uri, remedy=remedy))
    if not alone:
        problem = "This place checks no conditions, so that of two writers both could win"
        remedy = "Where only one process writes, pass FsspecConfig(single_writer=True)."
        raise InvalidConfigError(compose(problem, key=path, uri=uri, remedy=remedy))
