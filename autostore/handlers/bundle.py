"""The format .bundle.zip: values that hold tables, arrays, tensors and the like, each in a plain file of its own.

`value.json` is typed JSON with `{"$file": name}` for each member. Members are written by the other handlers of the
store, plugins' too, as a bare key would write them; no pickle is ever among them.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from autostore.config import StorageConfig
from autostore.disk.scratch import Scratch
from autostore.handler import DataHandler
from autostore.handlers.archive import CheckedArchive, write_archive
from autostore.handlers.members import Handlers, MemberReader, MemberWriter
from autostore.handlers.typed.asked import classes_in, read_into
from autostore.handlers.typed.decoding import Decoder
from autostore.handlers.typed.encoding import encode
from autostore.handlers.typed.handler import is_typed
from autostore.handlers.typed.text import seal
from autostore.headers import texts as texts_header
from autostore.headers.header import Header

__all__ = ["BundleHandler"]

VALUE = "value.json"


class BundleHandler(DataHandler):
    """Containers, models and dataclasses of values with formats of their own, as .bundle.zip."""

    types = "containers, models and dataclasses of values that have formats of their own"
    read_by = "unzip, and who reads its members"
    media_types = {".bundle.zip": "application/zip"}

    def __init__(self, config: StorageConfig, handlers: Handlers) -> None:
        self._may_import = config.allow_pickle and config.pickle_key is None
        self._temp_dir = config.temp_dir
        self._handlers = handlers

    @property
    def extensions(self) -> list[str]:
        """Only .bundle.zip."""
        return [".bundle.zip"]

    @property
    def priority(self) -> int:
        """After typed JSON, before pickle."""
        return -20

    def in_bundle(self) -> None:
        """Never: a member is no archive of ours."""

    def can_handle_data(self, data: Any) -> bool:
        """By the class of the value itself; what it holds is seen when it is written."""
        return is_typed(type(data))

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The outermost type, and the members."""
        return texts_header.bundle(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The value; only members that it refers to are read, large arrays as a memory map of the bundle."""
        with self._opened(file_path) as (archive, members):
            return Decoder(may_import=self._may_import, member=members.value).decode(archive.text(VALUE))

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The value validated into `as_type`, whose classes need no import."""
        if as_type in (Any, object):
            return self.read_from_file(file_path, file_extension)
        known = classes_in(as_type)
        with self._opened(file_path) as (archive, members):
            decoder = Decoder(may_import=self._may_import, member=members.value, known=known, lenient=True)
            return read_into(as_type, decoder, archive.text(VALUE))

    @contextlib.contextmanager
    def _opened(self, file_path: Path) -> Iterator[tuple[CheckedArchive, MemberReader]]:
        scratch = Scratch(self._temp_dir)
        with open(file_path, "rb") as file:
            archive = CheckedArchive(file, self.ceiling)
            try:
                yield archive, MemberReader(archive, self._handlers(), scratch.folder)
            finally:
                scratch.close()

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the members beside the bundle first, then copy them into it in parts: none is held in memory twice."""
        members = MemberWriter(self._handlers())
        encoded = encode(data, members.reference)
        with tempfile.TemporaryDirectory(dir=file_path.parent) as folder:
            files = list(members.write(Path(folder), VALUE))
            content = seal(encoded)  # after the members have their names
            write_archive(file_path, _contents(content, files))


def _contents(value: bytes, files: list[tuple[str, Path]]) -> Iterator[tuple[str, BinaryIO, int]]:
    yield VALUE, io.BytesIO(value), len(value)
    for name, path in files:
        with open(path, "rb") as file:
            yield name, file, path.stat().st_size
        path.unlink()  # so that the disk holds little more than one copy
