"""Texts and bytes: how long they are, and how they begin."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from autostore_dagster.metadata.bounds import clip

__all__ = ["binary", "text"]


def text(value: str) -> Mapping[str, Any]:
    """Characters, lines and the beginning, which markdown renders."""
    return {
        "characters": dg.MetadataValue.int(len(value)),
        "lines": dg.MetadataValue.int(value.count("\n") + 1),
        "head": dg.MetadataValue.md(clip(value)),
    }


def binary(value: bytes) -> Mapping[str, Any]:
    """The first bytes, as hexadecimal."""
    return {"head": dg.MetadataValue.text(value[:64].hex(" "))}
