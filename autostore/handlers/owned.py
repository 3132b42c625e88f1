"""Formats of one class of a library, in that library's own file under one extension; by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.headers.header import Header
from autostore.optional import loaded_type

__all__ = ["OwnedHandler"]


class OwnedHandler(DataHandler):
    """Exact instances of one class.

    Attributes:
        extension: of its files.
        of_class: module and name of the class.
    """

    extension: ClassVar[str]
    of_class: ClassVar[tuple[str, str]]

    @property
    def extensions(self) -> list[str]:
        """One."""
        return [self.extension]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Exact instances."""
        return type(data) is loaded_type(*self.of_class)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """What it is."""
        return Header(type=".".join(self.of_class))

    def check_kept(self, data: Any, file_path: Path) -> None:
        """Refuse what the file that was just written would not give back."""
        name = self.of_class[1].lower()
        try:
            kept = same(self.read_from_file(file_path, self.extension), data)
        except CorruptDataError as error:
            raise UnsupportedFormatError(f"This kind of {name} is not read here: {error}") from error
        if not kept:
            raise UnsupportedFormatError(f"The file would not give this {name} back. Ask what was done to it.")
