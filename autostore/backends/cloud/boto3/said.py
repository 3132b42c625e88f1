"""What a write says beside its bytes, in boto3's words."""

from __future__ import annotations

from typing import Any

from autostore.engine.objects import Said

__all__ = ["headers_of"]


def headers_of(said: Said) -> dict[str, Any]:
    """As arguments of boto3's uploads and copies."""
    kind = {} if said.content_type is None else {"ContentType": said.content_type}
    return {"Metadata": dict(said.metadata), **kind}
