"""Pictures: size and mode, from the first bytes, by Pillow."""

from __future__ import annotations

from typing import BinaryIO

from autostore.headers.header import Header
from autostore.optional import require

__all__ = ["picture"]


def picture(file: BinaryIO) -> Header:
    """Height, width and mode."""
    file.seek(0)
    found = require("PIL.Image").open(file)  # reads no pixel; the file is the caller's
    return Header(type="PIL.Image.Image", shape=(found.height, found.width), dtype=found.mode)
