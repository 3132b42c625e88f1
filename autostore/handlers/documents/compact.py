"""What the binary relatives of JSON share, .msgpack and .cbor by name: which values they hold, how much they unfold.

A value is judged before it is written and after it is read, so that what a file holds is what it can be written from.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autostore.equality import same
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.guard.foreign import let_pass
from autostore.handlers.fitting import fitted
from autostore.handlers.named import NamedHandler
from autostore.handlers.plain import Relative, judge
from autostore.handlers.unfolding import MOST, OPENED, PART
from autostore.preview import Preview
from autostore.previews.families import inherited
from autostore.words import an

__all__ = ["CONTAINER", "SCALAR", "CompactHandler"]

CONTAINER, SCALAR = OPENED, PART
"""Bytes in memory of what an item of a file stands for: a dict or list, and anything else without its content."""

MOST_LEVELS = 400
_LEAVES: frozenset[type] = frozenset({str, bytes, int, float, bool, type(None)})
_KEYS: frozenset[type] = frozenset({str, bytes, int})
_LOOK_EVERY = 10_000


class CompactHandler(NamedHandler):
    """Dicts with keys of text, bytes or whole numbers, lists, and what else the format says exactly."""

    word: str
    """What the format is called."""

    def can_handle_data(self, data: Any) -> bool:
        """Exactly the types that come back as such."""
        return type(data) in _LEAVES or type(data) in (dict, list) or type(data) in self.more()

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The one value of the file; a key that stands twice is an error, and so is what is not read here."""
        content = read_whole(file_path, self.ceiling)
        if not self.ceiling.allows(MOST * len(content)):
            _check_sizes(self.sizes(content), len(content), self.ceiling, f"The {self.word}")
        value = self.unpacked(content)
        if problem := self._problem(value, _LEAVES | self.more()):
            raise CorruptDataError(f"This file holds what is not read here: {problem}. Look at it with as_type=bytes.")
        return value

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The value validated into a type, as `as_type=Settings`."""
        return fitted(as_type, self.read_from_file(file_path, file_extension), row="item")

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write what comes back as it is."""
        remedy = "Convert it, or use a bare key or .typed.json"
        is_plain = not self._problem(data, _LEAVES)
        if not is_plain and (problem := self._problem(data, _LEAVES | self.more())):
            raise UnsupportedFormatError(f"This is not plain {self.word}: {problem}. {remedy}.")
        try:
            content = self.packed(data)
            kept = is_plain or same(self.unpacked(content), data)
        except Exception as error:  # numbers that are too large, texts that are no UTF-8, zones without an offset
            let_pass(error)
            if isinstance(error, MemoryError):
                raise
            raise UnsupportedFormatError(f"{self.word} cannot hold this value: {error!s:.200}. {remedy}.") from error
        if not kept:
            raise UnsupportedFormatError(f"{self.word} would not give this value back equal. {remedy}.")
        with open(file_path, "wb") as file:
            file.write(content)

    def preview(self, data: Any) -> Preview:
        """The number of entries, and the first of them."""
        return inherited(data)

    def _problem(self, value: Any, leaves: frozenset[type]) -> str:
        if type(value) in (dict, list):
            return judge(value, MOST_LEVELS, relative=Relative(self.word, leaves, _KEYS)).problem
        return "" if type(value) in leaves else f"it is {an(type(value).__qualname__)}"

    @abstractmethod
    def more(self) -> frozenset[type]:
        """Further types that the format has, of which not every value comes back the same."""

    @abstractmethod
    def packed(self, data: Any) -> bytes:
        """The file."""

    @abstractmethod
    def unpacked(self, content: bytes) -> Any:
        """The value of a file; memory for no more than is there."""

    @abstractmethod
    def sizes(self, content: bytes) -> Iterator[int]:
        """Bytes in memory of each item of a file, in the order in which they stand."""


def _check_sizes(sizes: Iterator[int], held: int, ceiling: Ceiling, what: str) -> None:
    for number, size in enumerate(sizes):
        held += size
        if not number % _LOOK_EVERY:
            ceiling.check(held, what)
    ceiling.check(held, what)
