"""Text files: UTF-8, every character and line ending as it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.handler import DataHandler
from autostore.handlers.encoding import decode
from autostore.handlers.well_known import TEXT
from autostore.headers import texts as texts_header
from autostore.headers.header import Header
from autostore.preview import Preview
from autostore.previews.text import text

__all__ = ["TextHandler"]


class TextHandler(DataHandler):
    """Exact `str` values as .txt, .html and .md; under their full name as .sql, .svg, .toml and the like."""

    types = "str"
    read_by = "everything"
    named_extensions = TEXT
    media_types = {".md": "text/markdown"}

    @property
    def extensions(self) -> list[str]:
        """What a str is stored as; a bare key gets .txt."""
        return [".txt", ".html", ".md"]

    @property
    def priority(self) -> int:
        """Above JSON, which could hold a str too."""
        return 8

    def in_bundle(self) -> None:
        """Never: it stands in the bundle's own JSON."""

    def can_handle_data(self, data: Any) -> bool:
        """Exact `str` only; a subclass would come back as a str."""
        return type(data) is str

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The first characters."""
        return texts_header.plain(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> str:
        """The text; a byte order mark that another program wrote stays part of it."""
        # Decoding bytes, not opening in text mode, keeps \r\n.
        return decode(read_whole(file_path, self.ceiling))

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write UTF-8; lone surrogates are refused."""
        try:
            content = data.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UnsupportedFormatError(
                f"UTF-8 text cannot hold the lone surrogate at position {error.start}. Remove it, or store bytes."
            ) from error
        with open(file_path, "wb") as file:
            file.write(content)

    def preview(self, data: Any) -> Preview:
        """How long it is, and how it begins."""
        return text(data)
