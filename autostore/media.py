"""Media types of files, by their extension: what a format says of its own, else what the standard library guesses."""

from __future__ import annotations

import functools
from collections.abc import Mapping

__all__ = ["add_types", "content_type"]

_types: dict[str, str] = {}


def add_types(types: Mapping[str, str]) -> None:
    """Take `types` (extension -> media type) from now on, in this process; as `mimetypes.add_type` does."""
    _types.update(types)  # in one step, so that threads that do the same lose nothing


def content_type(path: str) -> str | None:
    """`"application/json"` for `"a/b.json"`; None where the extension says nothing."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    if dot <= 0:
        return None
    return _types.get(name[dot:]) or _guessed(name[dot:])


@functools.lru_cache(maxsize=256)
def _guessed(extension: str) -> str | None:
    import mimetypes

    return mimetypes.guess_type(f"x{extension}", strict=False)[0]
