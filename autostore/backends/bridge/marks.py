"""Marks on a file system that keeps nothing beside a file: a small file for each, of exactly one version.

A mark whose file was replaced since, by whomever, is none; one that is lost means that the store refuses to replace
the file by one of another format.
"""

from __future__ import annotations

import json
from typing import Any

from autostore.keys import RESERVED
from autostore.mark import Mark

__all__ = ["mark_path", "read_mark", "written_mark"]


def mark_path(path: str) -> str:
    """Where the mark of a file lies."""
    return f"{RESERVED}/marks/{path}.mark"


def written_mark(mark: Mark, etag: str) -> bytes:
    """The mark of the version with this ETag."""
    return json.dumps({"etag": etag, "id": mark.id, "time": str(mark.time_ns)}).encode()


def read_mark(data: bytes, etag: str) -> Mark | None:
    """The mark, if it is one, of this version."""
    try:
        told: Any = json.loads(data)
        return Mark(int(told["time"]), str(told["id"])) if told["etag"] == etag else None
    except (ValueError, TypeError, LookupError):
        return None
