"""The entries of a listing, read from its XML in a quarter of the time that botocore takes, to the same dicts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from autostore.backends.cloud.boto3.answers import NotQuiteS3Error

__all__ = ["without_entries"]


def without_entries(body: bytes, timestamp: Callable[[Any], Any]) -> tuple[bytes, list[dict[str, Any]]]:
    """The rest of the page as XML, and its `Contents`; what is no XML is left to botocore to say so."""
    root: Any = None
    with contextlib.suppress(ET.ParseError):
        root = ET.XML(body)  # as botocore does, over the same bytes
    if root is None:
        return body, []
    found, others = [], []
    read: Mapping[str, Callable[[str], Any]] = {"Key": str, "ETag": str, "Size": int, "LastModified": timestamp}
    for child in root:
        if child.tag.rpartition("}")[2] == "Contents":
            found.append(_entry(child, read))
        else:
            others.append(child)
    root[:] = others
    return ET.tostring(root), found


def _entry(child: Any, read: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for field in child:
        name = field.tag.rpartition("}")[2]
        if name in read:
            if name in entry:
                raise NotQuiteS3Error(f"An entry of a listing says its {name} twice")
            entry[name] = read[name](field.text or "")
    return entry
