"""Texts and bytes: how long they are, and how they begin."""

from __future__ import annotations

from autostore.preview import Markdown, Preview
from autostore.previews.bounds import clip

__all__ = ["binary", "text"]


def text(value: str) -> Preview:
    """Characters, lines and the beginning, which markdown renders."""
    return {"characters": len(value), "lines": value.count("\n") + 1, "head": Markdown(clip(value))}


def binary(value: bytes) -> Preview:
    """The first bytes, as hexadecimal."""
    return {"head": value[:64].hex(" ")}
