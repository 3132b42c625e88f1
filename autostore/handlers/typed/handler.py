"""The format .typed.json: what has no plain format, and is made of values that say what they are."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any, BinaryIO

from autostore.config import StorageConfig
from autostore.handler import DataHandler
from autostore.handlers.names import is_described
from autostore.handlers.typed.asked import classes_in, read_into
from autostore.handlers.typed.decoding import Decoder
from autostore.handlers.typed.encoding import encode
from autostore.handlers.typed.made import made_of
from autostore.handlers.typed.scalars import scalar_tag
from autostore.handlers.typed.table import CONTAINERS, ENCODERS
from autostore.handlers.typed.text import seal
from autostore.headers import texts as texts_header
from autostore.headers.header import Header

__all__ = ["TypedHandler", "is_typed"]

_PLAIN = frozenset((str, int, float, bool, type(None)))


def is_typed(kind: type) -> bool:
    """Whether typed JSON has a word for values of this class, if not for all that they hold."""
    if kind in _PLAIN or kind in CONTAINERS or kind in ENCODERS:
        return True
    if is_described(kind) or issubclass(kind, enum.Enum):
        return True
    return scalar_tag(kind) is not None or made_of(kind) is not None


class TypedHandler(DataHandler):
    """Values of JSON, of the standard library's value types, models, dataclasses and the like, as .typed.json."""

    types = "values of the standard library, NumPy and pandas, models, dataclasses, enums, and all that is made of such"
    read_by = "readers of JSON"
    media_types = {".typed.json": "application/json"}

    def __init__(self, config: StorageConfig) -> None:
        self._may_import = config.allow_pickle and config.pickle_key is None

    @property
    def extensions(self) -> list[str]:
        """Only .typed.json."""
        return [".typed.json"]

    @property
    def priority(self) -> int:
        """After every plain format and every plugin of ordinary priority."""
        return -10

    def in_bundle(self) -> None:
        """Never: it stands in the bundle's own JSON."""

    def can_handle_data(self, data: Any) -> bool:
        """By the class of the value itself; what it holds is seen when it is written."""
        return is_typed(type(data))

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The outermost type."""
        return texts_header.typed(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The value; a file without an envelope is plain JSON."""
        return Decoder(may_import=self._may_import).decode(file_path.read_bytes())

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The value validated into `as_type`, whose classes need no import."""
        if as_type in (Any, object):
            return self.read_from_file(file_path, file_extension)
        decoder = Decoder(may_import=self._may_import, known=classes_in(as_type), lenient=True)
        return read_into(as_type, decoder, file_path.read_bytes())

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the value, each part under its tag; parts with files of their own are refused."""
        content = seal(encode(data))
        with open(file_path, "wb") as file:
            file.write(content)
