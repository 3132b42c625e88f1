"""The contract of a format: `DataHandler` turns one family of objects into files and back.

A new format implements four members, may bring its equality, media types, library and
preview, and is registered once: with `store.register_handler(h)`, or under the entry point
group `autostore.handlers`, which names the class, and one of ours by a line in
`handlers/__init__.py`. `handlers/binary.py` is the shortest example of ours; one of yours
imports from `autostore.plugins` alone, `docs/extending.md` goes step by step, and
`autostore.testing.HandlerContract` tests any of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from autostore.equality import Comparer
from autostore.errors import UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.headers.header import Header
from autostore.preview import Preview
from autostore.previews.families import inherited
from autostore.words import an

__all__ = ["DataHandler"]


class DataHandler(ABC):
    """Reads and writes one family of files.

    Promises that every implementation keeps, and `HandlerContract` tests: what
    `read_from_file` returns equals what was written and has its type; a value that the
    format cannot hold so is refused with `UnsupportedFormatError`, never changed silently;
    reading opens the path once and keeps none (a lazy or mapped value keeps a descriptor), as
    the file may be replaced or removed at any time, also while it is read.
    """

    explicit_only: ClassVar[bool] = False
    """True: chosen only where the key or `format=` names the extension, never by the value's type."""

    equality: ClassVar[Mapping[str, Comparer]] = {}
    """`"module.Class"` -> how `testing.same` compares its instances; without it their `==` decides."""

    media_types: ClassVar[Mapping[str, str]] = {}
    """Extension -> media type, such as `{".log": "text/x-log"}`; without it the standard library guesses."""

    named_extensions: ClassVar[tuple[str, ...]] = ()
    """Further extensions, of files that stand under exactly their name and answer to no bare key."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Libraries without which no file is read or written; a missing one is named with its installation."""

    install: ClassVar[str] = ""
    """What `pip install` is given for `requires`, such as `"my_package[logs]"`; without it their own names."""

    types: ClassVar[str] = ""
    """What such files hold, as the table of formats says it; without it the first line of the class's docstring."""

    lossy: ClassVar[Mapping[str, str]] = {}
    """Extension -> what it does not keep, such as `{".csv": "dtypes come back as inferred"}`; all others are exact."""

    read_by: ClassVar[str] = ""
    """Which other programs read these files, as the table of formats says it."""

    in_ranges: ClassVar[bool] = False
    """Whether these files are Parquet, so that `scan` may read pieces of them; every other file is read whole."""

    ceiling = Ceiling(None)
    """How much memory a read may take: `self.ceiling.check(bytes, what)` before it is taken."""

    may_map = True
    """Whether a large file may be read by a private memory map; the setting `mmap`."""

    @property
    @abstractmethod
    def extensions(self) -> list[str]:
        """Lower case, with the dot, such as `[".yaml", ".yml"]`; a bare key gets the first."""

    @property
    def priority(self) -> int:
        """Where several handlers fit, the highest is asked first.

        The built-in ones use 5 to 10, typed JSON -10, bundles -20, pickle -100. So a handler
        for dicts or lists needs more than 10 to be chosen before JSON.
        """
        return 0

    def can_handle_extension(self, extension: str) -> bool:
        """Whether this handler reads and writes files with this extension."""
        return extension in self.extensions or extension in self.named_extensions

    @abstractmethod
    def can_handle_data(self, data: Any) -> bool:
        """Whether a value is of this family, by its type; called for every write, so it must be cheap.

        Libraries are recognised by `optional.loaded_type`, so that asking never imports one.
        """

    def extension_for(self, data: Any) -> str:
        """The extension that a bare key gets for this value."""
        return self.extensions[0]

    def in_bundle(self) -> DataHandler | None:
        """Who handles such files as members of a bundle, where no code runs and nothing is signed; None: nobody."""
        return self

    @abstractmethod
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The object in this file; `CorruptDataError` where it is damaged, every other exception leaves as it is."""

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The object in this file as `as_type`; `UnsupportedFormatError` where that cannot be."""
        data = self.read_from_file(file_path, file_extension)
        if as_type is Any or (isinstance(as_type, type) and isinstance(data, as_type)):
            return data
        raise UnsupportedFormatError(
            f"A {file_extension} file holds {an(type(data).__qualname__)}, which cannot be read as {as_type!r}. "
            "Read it without as_type, and convert it."
        )

    @abstractmethod
    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write a new file; `UnsupportedFormatError` where the format cannot hold the value exactly.

        For a bare key the next handler is then asked; for a key that names the format the
        write is refused, and nothing stored has changed. Every other exception ends the write
        and leaves as it is, with a note that names key and handler.
        """

    def can_stream(self, data: Any) -> bool:
        """Whether `write_to_stream` writes this value while it is computed, in flat memory."""
        return False

    def write_to_stream(self, data: Any, stream: BinaryIO, file_extension: str) -> None:
        """As `write_to_file`, into a stream whose first bytes leave while the last are still to come."""
        raise NotImplementedError

    def with_options(self, options: Mapping[str, Any]) -> DataHandler:
        """A handler that writes as `write(..., options=...)` says; `UnsupportedFormatError` where there are none."""
        raise UnsupportedFormatError(f"{', '.join(self.extensions)} takes no options. Leave options= out.")

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """What a file says of its value, from a few of its bytes; without it only size and time are known.

        `file` can be sought. In a bucket each piece that is read is a request, so read little and near together: the
        beginning, or the end. Import nothing that the file names. `CorruptDataError` where it is damaged.
        """
        return Header()

    def preview(self, data: Any) -> Preview:
        """What a person would look at first; small, and free of secrets, as it is shown in logs and pages.

        Called for each output in Dagster with the value in memory, so it should cost no more than a look at
        every cell. `AutoStore.preview` cuts what is too large: texts at 4,000 characters, tables at 50 rows and
        columns, and whatever would make the whole longer than 200,000. Without it a value shows what its bases
        show, such as the entries of a dict or the fields of a dataclass; `{}` shows nothing.
        """
        return inherited(data)
