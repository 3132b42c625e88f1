"""Media types of files, guessed from their extension."""

from __future__ import annotations

import functools

__all__ = ["content_type"]

# Those that the standard library's table lacks or differs in between its versions:
# https://www.iana.org/assignments/media-types/media-types.xhtml
_OWN = {
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


def content_type(path: str) -> str | None:
    """`"application/json"` for `"a/b.json"`; None where the extension says nothing."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return _of_extension(name[dot:]) if dot > 0 else None


@functools.lru_cache(maxsize=256)
def _of_extension(extension: str) -> str | None:
    import mimetypes

    return _OWN.get(extension) or mimetypes.guess_type(f"x{extension}", strict=False)[0]
