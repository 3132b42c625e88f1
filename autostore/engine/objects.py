"""What is said about an object, in this library's words: to a server by a write, and by it in its answers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from autostore.backend import FileMetadata
from autostore.mark import Mark
from autostore.media import content_type

__all__ = [
    "LARGEST_PUT",
    "WRITE_ID",
    "Said",
    "described",
    "in_quotes",
    "known",
    "listed",
    "marks_folder",
    "moment_of",
    "new_write_id",
    "plain_etag",
    "said_by",
    "written",
]

LARGEST_PUT = 5 << 30
"""Bytes of one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""

# User metadata of an object, lower case as S3 returns it; formats.md settles the first three.
_VERSION, _TIME, _ID = "autostore-v", "autostore-time", "autostore-id"
LONGEST_TIME = 20
"""Digits of a mark's time, nanoseconds: what is longer is none of ours."""

LONGEST_ID = 64

WRITE_ID = "autostore-write"
"""Names one write, so that its author recognises it where the answer was lost on the way, and history its version."""

_WRITTEN = "autostore-written"
"""When it was written (ns), by a store with history; later than what it replaced."""


def plain_etag(raw: str | None) -> str:
    """An ETag without quotes: servers differ in where they set them."""
    return (raw or "").strip('"')


def in_quotes(etag: str) -> str:
    """An ETag as HTTP wants it in a condition: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3."""
    return f'"{etag}"'


def new_write_id() -> str:
    """A random id for one write."""
    return os.urandom(16).hex()


class Said(NamedTuple):
    """What a write says beside its bytes: user metadata, the mark's included, and the media type."""

    metadata: Mapping[str, str]
    content_type: str | None = None
    mark: Mark | None = None

    def identified(self) -> Said:
        """The same with an id of its own, if it has none."""
        return (
            self if WRITE_ID in self.metadata else self._replace(metadata={**self.metadata, WRITE_ID: new_write_id()})
        )


def said_by(
    path: str,
    mark: Mark | None,
    upload_args: Mapping[str, Any],
    *,
    write_id: str | None = None,
    moment: int | None = None,
) -> Said:
    """The content type and user metadata that a write of `path` sets; the user's own are kept."""
    metadata = dict(upload_args.get("Metadata") or {})
    if mark is not None:
        metadata |= {_VERSION: "1", _TIME: str(mark.time_ns), _ID: mark.id}
    if write_id is not None:
        metadata[WRITE_ID] = write_id
    if moment is not None:
        metadata[_WRITTEN] = str(moment)
    return Said(metadata, upload_args.get("ContentType") or content_type(path), mark)


def described(path: str, answer: Mapping[str, Any]) -> FileMetadata:
    """What the headers of a GET or HEAD say; of a range, too, the size is the whole object's."""
    whole = str(answer.get("ContentRange") or "").rpartition("/")[2]
    return known(
        path,
        int(whole) if answer.get("ContentRange") else answer["ContentLength"],
        answer.get("ETag"),
        _utc(answer.get("LastModified"), answer),
        metadata=answer.get("Metadata") or {},
        content_type=answer.get("ContentType"),
    )


def known(
    path: str,
    size: int,
    etag: str | None,
    modified: datetime,
    *,
    metadata: Mapping[str, str],
    content_type: str | None,
) -> FileMetadata:
    """What an engine was told of one object."""
    return FileMetadata(
        path=path,
        size=size,
        etag=plain_etag(etag),
        modified_time=modified,
        content_type=content_type,
        extra={name: value for name, value in metadata.items() if not name.startswith("autostore-")},
        mark=_mark(metadata),
        write=_write(metadata),
    )


def written(path: str, size: int, answer: Mapping[str, Any], said: Said) -> FileMetadata:
    """What is known of an object after a write, without asking again."""
    return FileMetadata(
        path=path,
        size=size,
        etag=plain_etag(answer.get("ETag")),
        modified_time=_utc(answer.get("LastModified"), answer),
        content_type=said.content_type,
        extra={name: value for name, value in said.metadata.items() if not name.startswith("autostore-")},
        mark=said.mark,
        write=_write(said.metadata),
    )


def listed(path: str, entry: Mapping[str, Any]) -> FileMetadata:
    """What a listing says; it knows neither marks nor user metadata."""
    return FileMetadata(
        path=path,
        size=entry["Size"],
        etag=plain_etag(entry.get("ETag")),
        modified_time=_utc(entry.get("LastModified"), {}),
        content_type=content_type(path),
    )


def moment_of(modified: datetime) -> datetime:
    """A time that an entry of a listing tells, aware, UTC."""
    return _utc(modified, {})


def _mark(metadata: Mapping[str, str]) -> Mark | None:
    time_ns, mark_id = metadata.get(_TIME, ""), metadata.get(_ID)
    is_time = time_ns.isascii() and time_ns.isdigit() and len(time_ns) <= LONGEST_TIME
    return Mark(int(time_ns), mark_id) if is_time and mark_id is not None else None


def _write(metadata: Mapping[str, str]) -> str:
    """`<time>-<id>` of a write of a store with history; "" of any other."""
    moment, name = metadata.get(_WRITTEN, ""), metadata.get(WRITE_ID, "")
    is_time = moment.isascii() and moment.isdigit() and len(moment) <= LONGEST_TIME
    return f"{moment}-{name}" if is_time and name.isascii() and name.isalnum() and len(name) <= LONGEST_ID else ""


def _utc(modified: datetime | None, answer: Mapping[str, Any]) -> datetime:
    """The server's time: Last-Modified, or of a PUT, which does not tell it, the moment of the answer."""
    if modified is None:
        modified = datetime.now(UTC)
        with contextlib.suppress(TypeError, ValueError):
            modified = parsedate_to_datetime(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    try:
        return modified.astimezone(UTC) if modified.tzinfo else modified.replace(tzinfo=UTC)
    except (OverflowError, ValueError):  # at the end of time, in another zone; a zone more than a day away
        return modified.replace(tzinfo=UTC)


def marks_folder(file: FileMetadata) -> bool:
    """Whether an object is what consoles make to show an empty folder."""
    return (not file.path or file.path.endswith("/")) and not file.size
