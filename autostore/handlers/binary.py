"""Raw bytes, stored as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from autostore.guard.ceiling import read_whole
from autostore.handler import DataHandler
from autostore.handlers.well_known import BINARY
from autostore.headers.header import Header
from autostore.preview import Preview
from autostore.previews.text import binary

__all__ = ["BytesHandler"]


class BytesHandler(DataHandler):
    """Exact `bytes` as .bin; `bytearray` and `memoryview` are pickled, so that they keep their type.

    Under their full name as .pdf, .zip, .mp4 and the like.
    """

    types = "bytes"
    read_by = "whatever the name says"
    named_extensions = BINARY
    # What Python's own table lacks, so that no bucket says another thing than the next.
    media_types = {
        ".3gp": "video/3gpp", ".flac": "audio/flac", ".m4a": "audio/mp4", ".m4v": "video/mp4", ".mkv": "video/matroska",
        ".ogg": "audio/ogg", ".opus": "audio/ogg", ".wmv": "video/x-ms-wmv",
    }  # fmt: skip

    @property
    def extensions(self) -> list[str]:
        """Only .bin."""
        return [".bin"]

    @property
    def priority(self) -> int:
        """As text."""
        return 8

    def can_handle_data(self, data: Any) -> bool:
        """Exact `bytes` only."""
        return type(data) is bytes

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Bytes, and no more."""
        return Header(type="bytes")

    def read_from_file(self, file_path: Path, file_extension: str) -> bytes:
        """The whole file."""
        return read_whole(file_path, self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the bytes and nothing else."""
        with open(file_path, "wb") as file:
            file.write(data)

    def preview(self, data: Any) -> Preview:
        """How they begin."""
        return binary(data)
