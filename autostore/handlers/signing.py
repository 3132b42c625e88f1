r"""Signed files: an HMAC trailer that proves who wrote a pickle, checked before any of it runs.

The trailer is `\\n#autostore-sig:1:<key id>:<hex HMAC-SHA256>\\n`; pickle and torch ignore
what follows their data, so that a store without a key, and any other tool, still reads the
file. The HMAC is over the version, the extension and the bytes before the trailer; the key
id tells a wrong key from a changed file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from autostore.errors import UntrustedDataError

__all__ = ["SigningKey", "sign_file", "strip_signature", "verified"]

_TRAILER = re.compile(rb"\n#autostore-sig:(\d+):([0-9a-f]{16}):([0-9a-f]{64})\n\Z")
_LENGTH = len(b"\n#autostore-sig:1:" + b"0" * 16 + b":" + b"0" * 64 + b"\n")
_CHUNK = 1024 * 1024


class SigningKey:
    """A secret that no repr, and so no traceback with its local variables, shows."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str | bytes) -> None:
        self._secret = secret.encode("utf-8") if isinstance(secret, str) else bytes(secret)

    @classmethod
    def of(cls, secret: str | bytes | None) -> SigningKey | None:
        """The key of a configuration; None where it has none."""
        return None if secret is None else cls(secret)

    @property
    def id(self) -> bytes:
        """Tells keys apart, and nothing about them."""
        return hmac.new(self._secret, b"autostore key id", hashlib.sha256).hexdigest()[:16].encode()

    def start(self, extension: str) -> hmac.HMAC:
        """The signature of a file, to be fed with its bytes."""
        return hmac.new(self._secret, f"autostore-sig:1:{extension}\n".encode(), hashlib.sha256)


def sign_file(file: Path, extension: str, key: SigningKey) -> None:
    """Append the signature of a complete file to it."""
    digest = key.start(extension)
    with open(file, "r+b") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
        stream.write(b"\n#autostore-sig:1:%b:%b\n" % (key.id, digest.hexdigest().encode()))


def verified(content: bytes, extension: str, key: SigningKey) -> memoryview:
    """The bytes before the signature, if `key` made it; `UntrustedDataError` otherwise."""
    trailer = _TRAILER.search(content, max(0, len(content) - _LENGTH))
    if trailer is None:
        raise UntrustedDataError(
            "The file is not signed, and this store has a pickle_key. Write it again with the key, "
            "or read it with a store that has none if you trust it."
        )
    version, key_id, signature = trailer.groups()
    if version != b"1":
        raise UntrustedDataError(f"The signature has version {version.decode()}. Upgrade autostore.")
    payload = memoryview(content)[: trailer.start()]
    digest = key.start(extension)
    digest.update(payload)
    own_key = hmac.compare_digest(key_id, key.id)
    if not hmac.compare_digest(digest.hexdigest().encode(), signature) or not own_key:
        reason = "the file was changed" if own_key else "another pickle_key signed it"
        raise UntrustedDataError(f"The signature does not hold: {reason}. Use the writer's key, or write it again.")
    return payload


def strip_signature(content: bytes) -> memoryview:
    """The bytes before a signature, whoever made it; all of them where there is none."""
    trailer = _TRAILER.search(content, max(0, len(content) - _LENGTH))
    return memoryview(content)[: trailer.start()] if trailer else memoryview(content)
