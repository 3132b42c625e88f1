"""What an answer must hold to be S3's: a server that is almost S3 is named for what it lacks.

Checked here once, so that the code behind takes what it needs, and nothing that a stranger
answered reads as a value, as an absence, or as an end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

__all__ = ["NotQuiteS3Error", "check", "check_body", "is_bare", "pages"]

IDLE_PAGES = 100
"""How many pages of a listing may bring nothing new before it counts as endless."""

_TRUNCATED = re.compile(rb"<(?:\w+:)?IsTruncated\b[^>]*>(?:(true|false)</)?")
_ROOTS = {"ListObjectsV2": b"ListBucketResult", "ListMultipartUploads": b"ListMultipartUploadsResult",
          "ListObjectVersions": b"ListVersionsResult"}  # fmt: skip


class NotQuiteS3Error(Exception):
    """An answer that no S3 gives, or none that can be used; the message says what it lacks."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.remedy = remedy or "Check endpoint_url, and what stands between here and there."


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip('"'))


def _size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _time(value: Any) -> bool:
    return isinstance(value, datetime)


_Needs = Mapping[tuple[str, ...], tuple[str, Callable[[Any], bool]]]
_ETAG, _SIZE, _DATE = ("ETag", _text), ("size (Content-Length)", _size), ("date (Last-Modified)", _time)
_OBJECT: _Needs = {("ETag",): _ETAG, ("ContentLength",): _SIZE, ("LastModified",): _DATE}
_NEEDS: dict[str, _Needs] = {
    "get_object": _OBJECT,
    "head_object": _OBJECT,
    "put_object": {("ETag",): _ETAG},
    "upload_part": {("ETag",): _ETAG},
    "copy_object": {("CopyObjectResult", "ETag"): _ETAG},
    "upload_part_copy": {("CopyPartResult", "ETag"): _ETAG},
    "create_multipart_upload": {("UploadId",): ("UploadId", _text)},
}
_ENTRY: _Needs = {
    ("Key",): ("key of an entry", lambda value: isinstance(value, str)),
    ("ETag",): ("ETag of an entry", _text),
    ("Size",): ("size of an entry", _size),
    ("LastModified",): ("date of an entry", _time),
}
_MARKER: _Needs = {
    ("Key",): _ENTRY[("Key",)],
    ("VersionId",): ("id of a version", _text),
    ("LastModified",): _ENTRY[("LastModified",)],
}
_UPLOAD: _Needs = {
    ("Key",): ("key of an upload", lambda value: isinstance(value, str)),
    ("UploadId",): ("id of an upload", _text),
    ("Initiated",): ("date of an upload", _time),
}

_LISTED: Mapping[str, Mapping[str, _Needs]] = {
    "list_objects_v2": {"Contents": _ENTRY},
    "list_multipart_uploads": {"Uploads": _UPLOAD},
    "list_object_versions": {"Versions": {**_ENTRY, **_MARKER}, "DeleteMarkers": _MARKER},
}
"""By field of the answer, what each of its entries needs."""


def check(operation: str, arguments: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    """Refuse an answer that lacks what the operation is for."""
    _demand(operation, _NEEDS.get(operation, {}), answer)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if operation == "get_object":
        _check_range(arguments, answer, status)
    elif operation == "delete_object" and status != 204 and is_bare(answer):
        raise NotQuiteS3Error(f"The answer to delete_object is {status}, and nothing in it is S3's")
    for field, needs in _LISTED.get(operation, {}).items():
        for entry in answer.get(field, ()):
            if needs is not _ENTRY or not _is_entry(entry):  # quicker than to say what it lacks
                _demand(operation, needs, entry)
    if operation in _LISTED and not isinstance(answer.get("IsTruncated"), bool):
        raise NotQuiteS3Error("A listing does not say whether it is whole (IsTruncated)")
    if operation == "list_objects_v2":
        entries, count = answer.get("Contents", ()), answer.get("KeyCount")
        if isinstance(count, int) and count > len(entries) + len(answer.get("CommonPrefixes", ())):
            raise NotQuiteS3Error(f"A listing of {count} entries holds {len(entries)}")


def check_body(operation: str, body: bytes) -> None:
    """Refuse a listing that is none, or does not say whether it is whole, before it is parsed."""
    root = _ROOTS.get(operation)
    if root is not None and b"<" + root not in body and b":" + root not in body:
        raise NotQuiteS3Error("What answers to a listing is not S3")
    if root is not None and _TRUNCATED.findall(body) not in ([b"true"], [b"false"]):
        raise NotQuiteS3Error("A listing does not say whether it is whole (IsTruncated)")


def is_bare(answer: Mapping[str, Any]) -> bool:
    """Whether no header of the answer is S3's, so that anything on the way may have given it."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return not any(name.lower().startswith("x-amz") for name in headers)


def pages(ask: Callable[[dict[str, str]], Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Every page of a listing; `names` says which field of a page is which argument of the next.

    One that goes round, or brings nothing new for long, is refused instead of followed.
    """
    more: dict[str, str] = {}
    seen, highest, idle = set(), "", 0
    while True:
        page = ask(more)
        yield page
        if not page.get("IsTruncated"):
            return
        lacking = next((field for field in names if not isinstance(page.get(field), str) or not page[field]), None)
        if lacking is not None:
            raise NotQuiteS3Error(f"A listing that goes on has no {lacking}")
        more = {argument: page[field] for field, argument in names.items()}
        last = max((entry["Key"] for entry in (*page.get("Contents", ()), *page.get("Uploads", ()))), default="")
        # Many pages may be of the versions of one key.
        idle = 0 if last > highest or page.get("Versions") or page.get("DeleteMarkers") else idle + 1
        highest = max(last, highest)
        if tuple(more.values()) in seen or idle > IDLE_PAGES:
            raise NotQuiteS3Error("A listing repeats itself, and would never end")
        seen.add(tuple(more.values()))


def _demand(operation: str, needs: _Needs, answer: Mapping[str, Any]) -> None:
    for path, (name, fits) in needs.items():
        value: Any = answer
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if not fits(value):
            raise NotQuiteS3Error(f"The answer to {operation} has no {name}")


def _is_entry(entry: Mapping[str, Any]) -> bool:
    key, etag, time = entry.get("Key"), entry.get("ETag"), entry.get("LastModified")
    return isinstance(key, str) and isinstance(time, datetime) and _text(etag) and _size(entry.get("Size"))


def _check_range(arguments: Mapping[str, Any], answer: Mapping[str, Any], status: Any) -> None:
    whole = str(answer.get("ContentRange") or "").rpartition("/")[2]
    if status == 206 and not ("Range" in arguments and whole.isascii() and whole.isdigit() and len(whole) < 20):
        raise NotQuiteS3Error("A part came that was not asked for, or does not say of how much (Content-Range)")
    if status not in (200, 206):
        raise NotQuiteS3Error(f"The answer to get_object is {status}")
