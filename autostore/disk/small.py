"""Small temporary files of our own, whole: whatever the disk says of them is a typed error."""

from __future__ import annotations

from pathlib import Path

from autostore.disk.failures import disk_errors_are_typed

__all__ = ["bytes_of", "put_text", "text_of"]

LARGEST = 64 << 10
"""Bytes; none of ours has so many, but somebody else may have laid what stands there."""


def put_text(file: Path, text: str, where: str) -> None:
    """Write a text; `where` names key and uri."""
    with disk_errors_are_typed(where):
        file.write_text(text, encoding="utf-8", errors="surrogatepass")


def bytes_of(file: Path, where: str) -> bytes:
    """All of its bytes."""
    with disk_errors_are_typed(where):
        return file.read_bytes()


def text_of(file: Path, where: str) -> str:
    """Its text; of a damaged one what can be read, and of one that is not small the beginning."""
    with disk_errors_are_typed(where), open(file, "rb") as stream:
        data = stream.read(LARGEST)
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
