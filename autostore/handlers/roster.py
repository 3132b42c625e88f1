"""Which handlers a store has, and whose an extension is: a table that never changes, made anew for each change.

What a handler says of itself is asked once, when it comes, and refused where it cannot be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from autostore.errors import InvalidConfigError
from autostore.guard.foreign import noted
from autostore.handler import DataHandler
from autostore.keys import split_extension

__all__ = ["FIRST", "Entry", "Roster", "checked", "trusted"]

_EXTENSION = re.compile(r"\.[^/\s]+")
REMEMBERED = 1_000
"""Ends of keys (`.json`, `.v2`) whose further extensions are known."""

LONGEST = 100
"""Characters of an extension; a file's name holds 255 bytes, the key's included."""

_FIRST = """
    .bin .bmp .bundle.zip .csv .dataclass.json .gif .html .jpeg .jpg .json .jsonl .md .npy .npz .parquet .pkl .png .pt
    .pth .pydantic.json .sparse .tif .tiff .txt .typed.json .webp .yaml .yml
"""
FIRST = frozenset(_FIRST.split())
"""Extensions that count since the first version; a key that ends in a later one may hold what was stored before it."""


class Entry(NamedTuple):
    """A handler, and what it said when it came."""

    handler: DataHandler
    extensions: tuple[str, ...]
    named: tuple[str, ...]
    priority: float


class Roster:
    """The handlers in the order in which they are asked.

    Attributes:
        handlers: the highest priority first, among equals the newest.
        by_extension: those of each extension, in that order.
        extensions: those that a bare key may get; others only name a file, and answer to no other key.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: -entry.priority)
        self.handlers = tuple(entry.handler for entry in self._entries)
        self.by_extension: dict[str, list[DataHandler]] = {}
        for entry in self._entries:
            for extension in entry.extensions:
                self.by_extension.setdefault(extension, []).append(entry.handler)
        self.extensions = tuple(self.by_extension)
        for entry in self._entries:
            for extension in set(entry.named).difference(self.extensions):
                self.by_extension.setdefault(extension, []).append(entry.handler)
        self._bare = dict.fromkeys(self.extensions).keys()
        self._answers: dict[str, Collection[str]] = {}

    def split(self, path: str) -> tuple[str, str]:
        """`("k", ".json")`, or `("k", "")`: the bare key that a file answers to, and its extension."""
        stem, extension = split_extension(path, self.by_extension)
        if extension and (extension not in self._bare or not path.endswith(extension)):
            return path, extension
        return stem, extension

    def answers(self, text: str) -> Collection[str]:
        """The extensions of the files that answer to this as a bare key."""
        dot = text.find(".", text.rfind("/") + 2)
        if dot == -1:
            return self._bare
        end = text[dot:]
        if (found := self._answers.get(end)) is None:
            # `k.pydantic` + `.json` is the file of another key: the longest extension wins.
            found = dict.fromkeys(e for e in self.extensions if self.split(f"k{end}{e}") == (f"k{end}", e)).keys()
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[end] = found
        return found

    def is_of(self, handler: DataHandler, extension: str) -> bool:
        """Whether a handler came with this extension."""
        return handler in self.by_extension.get(extension, ())

    def joined(self, entry: Entry) -> Roster:
        """The same and one more."""
        return Roster([entry, *self._entries])

    def without(self, cls: type[DataHandler]) -> Roster:
        """The same without the handlers of exactly this class."""
        return Roster(entry for entry in self._entries if type(entry.handler) is not cls)


def trusted(handler: DataHandler) -> Entry:
    """The entry of one of this library's own handlers."""
    return Entry(handler, tuple(handler.extensions), handler.named_extensions, handler.priority)


def checked(handler: object) -> Entry:
    """The entry of anybody's handler; `InvalidConfigError` names its class and what cannot be."""
    if not isinstance(handler, DataHandler):
        raise InvalidConfigError(f"{_name(handler)} is not a handler. Pass an instance of a DataHandler subclass.")
    try:
        said: list[Any] = [handler.extensions, handler.named_extensions, handler.priority, handler.requires]
        said += [handler.equality, handler.media_types]
    except Exception as error:  # a property's own code
        noted(error, f"raised while {_name(handler)} was registered")
        raise
    extensions, named = _texts(handler, "extensions", said[0]), _texts(handler, "named_extensions", said[1])
    for extension in (*extensions, *named):
        if not _is_extension(extension):
            remedy = f"Use lower case with a dot, at most {LONGEST} characters, like '.log'."
            raise _wrong(handler, f"{extension!r:.150} is not an extension", remedy)
    if not (extensions or named):
        raise _wrong(handler, "it has no extension", "Name at least one.")
    if not isinstance(said[2], int | float) or math.isnan(said[2]):
        raise _wrong(handler, f"its priority is {said[2]!r:.50}", "Use a number.")
    _texts(handler, "requires", said[3])
    _mapping(handler, "equality", said[4], callable)
    _mapping(handler, "media_types", said[5], lambda value: isinstance(value, str))
    return Entry(handler, extensions, named, said[2])


def _is_extension(text: str) -> bool:
    return bool(_EXTENSION.fullmatch(text)) and text == text.lower() and len(text) <= LONGEST and text.isprintable()


def _texts(handler: DataHandler, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise _wrong(handler, f"its {name} are {value!r:.100}", "Give a list or tuple of str.")
    return tuple(value)


def _mapping(handler: DataHandler, name: str, value: object, fits: Callable[[Any], bool]) -> None:
    whole = isinstance(value, Mapping) and all(isinstance(key, str) and fits(one) for key, one in value.items())
    if not whole:
        raise _wrong(handler, f"its {name} cannot be used", "See DataHandler for what it maps to what.")


def _wrong(handler: DataHandler, problem: str, remedy: str) -> InvalidConfigError:
    return InvalidConfigError(f"{_name(handler)} cannot be registered: {problem}. {remedy}")


def _name(thing: object) -> str:
    cls = thing if isinstance(thing, type) else type(thing)
    return f"{cls.__module__}.{cls.__qualname__}"
