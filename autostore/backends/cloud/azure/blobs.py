"""What a blob says of itself: Azure's names of user metadata have no hyphens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.backend import FileMetadata
from autostore.engine.objects import Said, known, listed

__all__ = ["attributes_of", "described", "own_words", "seen"]

_HEADERS = frozenset(
    ["Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Storage-Class"]
)


def attributes_of(said: Said) -> dict[str, str]:
    """What a write says, in obstore's and Azure's words."""
    found = {name.replace("-", "_"): text for name, text in said.metadata.items()}
    return found if said.content_type is None else {**found, "Content-Type": said.content_type}


def own_words(result: Any) -> dict[str, str]:
    """User metadata of an answer, with the names that other places have."""
    told: Mapping[str, str] = dict(result.attributes)
    return {
        name.lower().replace("_", "-") if name.lower().startswith("autostore_") else name: text
        for name, text in told.items()
        if name not in _HEADERS
    }


def described(path: str, result: Any) -> FileMetadata:
    """What an answer says of one blob."""
    meta, kind = result.meta, dict(result.attributes).get("Content-Type")
    return known(
        path, meta["size"], meta["e_tag"], meta["last_modified"], metadata=own_words(result), content_type=kind
    )


def seen(path: str, meta: Any) -> FileMetadata:
    """What a listing says."""
    return listed(path, {"Size": meta["size"], "ETag": meta["e_tag"], "LastModified": meta["last_modified"]})
