"""Google Cloud Storage: `gs://bucket/prefix`, by gcsfs and the bridge to fsspec."""

from __future__ import annotations

from autostore.backends.bridge.backend import FsspecBackend
from autostore.config import StorageConfig
from autostore.keys import ParsedUri
from autostore.optional import require_installed

__all__ = ["GcsBackend"]


class GcsBackend(FsspecBackend):
    """As `fsspec+gs://`; conditions are refused, though GCS itself has some: no emulator at hand enforces them."""

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        require_installed("gcsfs")
        super().__init__(uri, config)
