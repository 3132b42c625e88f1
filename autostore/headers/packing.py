"""How a whole file is packed, told from its first bytes: by a program, or for the web (`Content-Encoding`)."""

from __future__ import annotations

import zlib
from pathlib import Path

__all__ = ["packing"]

_LOOKED_AT = 4096
_BEGINNINGS = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"(\xb5/\xfd": "zstd",
    b"\x04\x22M\x18": "lz4",
}
"""https://www.rfc-editor.org/rfc/rfc1952, https://www.rfc-editor.org/rfc/rfc8878, and what the others' authors say."""


def packing(path: Path) -> str | None:
    """The name of the packing; None of any other file, and of one that is not there."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError:
        return None
    if head[:1] == b"x" and _is_zlib(head):
        return "zlib"
    return next((name for beginning, name in _BEGINNINGS.items() if head.startswith(beginning)), None)


def _is_zlib(head: bytes) -> bool:
    """Its two first bytes may be a text's, so that it is tried: https://www.rfc-editor.org/rfc/rfc1950."""
    try:
        return bool(zlib.decompressobj().decompress(head, _LOOKED_AT))
    except zlib.error:
        return False
