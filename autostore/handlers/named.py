"""Formats of names that held text or bytes before they had one: what bears our note is the value that was written.

Every other file of such a name is the text or the bytes that it ever was, unless `as_type` asks for what is in it.
So `store["settings.toml"] = {...}` gives the dict back, and a file that somebody else laid there is still its text.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.handler import DataHandler
from autostore.handlers.encoding import decode
from autostore.handlers.fitting import fitted

__all__ = ["NamedHandler", "NotedHandler", "NotedTextHandler"]


class NamedHandler(DataHandler):
    """Files that stand under exactly their name, such as `table.arrow`, and answer to no bare key."""

    explicit_only: ClassVar[bool] = True

    @property
    def extensions(self) -> list[str]:
        """None that a bare key gets."""
        return []

    @property
    def priority(self) -> int:
        """Asked before text and bytes."""
        return 9

    def in_bundle(self) -> None:
        """Never: a bundle's members are what bare keys get."""


class NotedHandler(NamedHandler):
    """Values, and beside them the raw content of files without our note: text or bytes."""

    raw: ClassVar[type] = bytes

    @abstractmethod
    def is_value(self, data: Any) -> bool:
        """Whether this is of the format's own types."""

    @abstractmethod
    def is_noted(self, content: bytes) -> bool:
        """Whether a file was written from a value here."""

    @abstractmethod
    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """The value that a file holds; of one without our note what `as_type` needs, or the usual."""

    @abstractmethod
    def dumps(self, data: Any, file_extension: str) -> bytes:
        """A file that bears our note, of a value that comes back from it the same; `UnsupportedFormatError` else."""

    def can_handle_data(self, data: Any) -> bool:
        """Its own types, and the raw content."""
        return type(data) is self.raw or self.is_value(data)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The value that was written; the raw content of any other file."""
        content = read_whole(file_path, self.ceiling)
        return self.loads(content, file_extension) if self.is_noted(content) else self._as_raw(content)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The raw content as such, and what is in any file of this format as whatever it can be."""
        content = read_whole(file_path, self.ceiling)
        if as_type in (Any, object):
            return self.loads(content, file_extension) if self.is_noted(content) else self._as_raw(content)
        if as_type is self.raw:
            return self._as_raw(content)
        return self.as_type(self.loads(content, file_extension, as_type), as_type)

    def as_type(self, value: Any, as_type: Any) -> Any:
        """What was read, as the type that was asked for."""
        return fitted(as_type, value, row="item")

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the value with our note, or the raw content as it is."""
        content = self._of_raw(data) if type(data) is self.raw else self.dumps(data, file_extension)
        with open(file_path, "wb") as file:
            file.write(content)

    def _as_raw(self, content: bytes) -> Any:
        return content if self.raw is bytes else decode(content)

    def _of_raw(self, data: Any) -> bytes:
        content: bytes = data if self.raw is bytes else _encoded(data)
        if self.is_noted(content):
            raise UnsupportedFormatError(
                f"This {self.raw.__name__} is a file that this library wrote from a value, and would come back as that."
                " Store the value itself, or take the note of autostore out."
            )
        return content


class NotedTextHandler(NotedHandler):
    """The same for formats of text, whose note is the line that a file begins with."""

    raw = str
    note: ClassVar[str]

    def is_noted(self, content: bytes) -> bool:
        """Whether it begins with our line."""
        return content.startswith(self.note.encode())


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsupportedFormatError(
            f"UTF-8 text cannot hold the lone surrogate at position {error.start}. Remove it, or store bytes."
        ) from error
