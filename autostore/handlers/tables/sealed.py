"""Encrypted Parquet: whole, and only to be read with a key, so it is never called damaged.

https://parquet.apache.org/docs/file-format/data-pages/encryption/
"""

from __future__ import annotations

import io
from typing import BinaryIO

from autostore.errors import UnsupportedFormatError

__all__ = ["SEALED", "check_sealed", "encrypted", "raise_encrypted"]

SEALED = b"PARE"
"""The end of a file whose footer is encrypted too."""


def encrypted() -> UnsupportedFormatError:
    """What to raise."""
    return UnsupportedFormatError(
        "The file is encrypted, or some of its columns are. Read those that are not with columns=[...], "
        "and as_type=bytes for a library that has the keys"
    )


def check_sealed(file: BinaryIO) -> None:
    """Refuse a file whose footer is encrypted, too."""
    file.seek(max(file.seek(0, io.SEEK_END) - len(SEALED), 0))
    if file.read() == SEALED:
        raise encrypted()


def raise_encrypted(error: Exception) -> None:
    """Raise it where this is what a library fails for; each says so in its own words."""
    if "crypt" in str(error).lower():  # "Encryption error", "Cannot decrypt"
        raise encrypted() from error
