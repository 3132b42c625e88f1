"""Pictures as .avif, under exactly their name; bytes of such a name stay what they are.

A picture of ours ends in a box of its own, which every reader of such files lets be: ISO/IEC 14496-12, `uuid`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.handlers.images import ImageHandler
from autostore.handlers.named import NamedHandler
from autostore.headers.header import Header
from autostore.optional import DISTRIBUTION, loaded_type
from autostore.preview import Preview
from autostore.previews.text import binary

__all__ = ["AvifHandler"]

_NOTE = b'{"autostore": 1}'
NOTE = (24 + len(_NOTE)).to_bytes(4, "big") + b"uuid" + b"autostorepicture" + _NOTE
"""Length, kind, the sixteen bytes that say whose box it is, and what it says."""


class AvifHandler(NamedHandler, ImageHandler):
    """Pictures of one frame, and bytes, where the key names .avif."""

    types = "pictures of Pillow, and bytes"
    lossy = {".avif": "a picture, not its pixels, unless it stayed as it was read"}
    media_types = {".avif": "image/avif"}
    install = f"{DISTRIBUTION}[images]"
    requires = ()
    named_extensions = (".avif",)

    def can_handle_data(self, data: Any) -> bool:
        """Pictures, and bytes."""
        return type(data) is bytes or super().can_handle_data(data)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Size and mode of a picture that was written here."""
        file.seek(-min(len(NOTE), file.seek(0, os.SEEK_END)), os.SEEK_END)
        return super().header(file, file_extension) if file.read() == NOTE else Header(type="bytes")

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The picture that was written; the bytes of any other file."""
        content = read_whole(file_path, self.ceiling)
        return super().read_from_file(file_path, file_extension) if content.endswith(NOTE) else content

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """`PIL.Image.Image` decodes any such file."""
        if as_type is loaded_type("PIL.Image", "Image"):
            return super().read_from_file(file_path, file_extension)
        return super().read_as(file_path, file_extension, as_type)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the picture and our note, or the bytes."""
        if type(data) is not bytes:
            super().write_to_file(data, file_path, file_extension)
            with open(file_path, "r+b") as file:
                file.seek(-min(len(NOTE), file.seek(0, os.SEEK_END)), os.SEEK_END)
                if file.read() != NOTE:  # a file of ours, as it was
                    file.write(NOTE)
            return
        if data.endswith(NOTE):
            raise UnsupportedFormatError(
                "These bytes are a picture that this library wrote, and would come back as it. Store that picture."
            )
        with open(file_path, "wb") as file:
            file.write(data)

    def preview(self, data: Any) -> Preview:
        """As of any picture, or how the bytes begin."""
        return binary(data) if type(data) is bytes else super().preview(data)
