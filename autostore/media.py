"""Media types of files, by their extension: what a format says of its own, else what the standard library guesses."""

from __future__ import annotations

import functools
from collections.abc import Mapping

__all__ = ["add_types", "content_type"]

_types: dict[str, str] = {}


def add_types(types: Mapping[str, str]) -> None:
    """Take `types` (extension -> media type) from now on, in this process; as `mimetypes.add_type` does."""
    global _types  # noqa: PLW0603 - one assignment, so that readers in other threads see the old table or the new
    if types.items() - _types.items():
        _types = {**_types, **types}
        _of_extension.cache_clear()


def content_type(path: str) -> str | None:
    """`"application/json"` for `"a/b.json"`; None where the extension says nothing."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return _of_extension(name[dot:]) if dot > 0 else None


@functools.lru_cache(maxsize=256)
def _of_extension(extension: str) -> str | None:
    import mimetypes

    return _types.get(extension) or mimetypes.guess_type(f"x{extension}", strict=False)[0]
