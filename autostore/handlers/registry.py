"""Who handles what: finds the handler of a value or an extension and translates what it raises."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from autostore.config import StorageConfig
from autostore.disk.scratch import ScratchFiles
from autostore.errors import InvalidConfigError, MissingDependencyError, UnsupportedFormatError, compose
from autostore.handler import DataHandler
from autostore.handlers import builtin_handlers, introduce, within
from autostore.handlers.binary import BytesHandler
from autostore.handlers.files.single import FileHandler
from autostore.handlers.installed import installed
from autostore.handlers.pickled_warning import warn_of_pickle
from autostore.handlers.pickles import PickleHandler
from autostore.handlers.readiness import Options, ready, require_libraries
from autostore.handlers.refusals import dotted, holds_none, listed, raise_failure, unfit
from autostore.handlers.roster import FIRST, Roster, checked, trusted
from autostore.handlers.tables.kinds import kind_of
from autostore.handlers.tables.streams import TableStream, as_stream
from autostore.handlers.verdicts import Act, FileGone, after_reading, after_writing, is_gone
from autostore.handlers.whole import check_written, chosen_extension, discard, handles, is_foreign
from autostore.headers.header import Header
from autostore.holding.turns import Turns
from autostore.keys import Key, check_key
from autostore.preview import Preview
from autostore.previews.bounds import bounded

__all__ = ["HandlerRegistry"]

_numbers = itertools.count()
"""Names of new files: a scratch folder is private to one process, so a number is as good as a uuid, at no cost."""

_turns = Turns()
"""Whoever changes which handlers a store has takes a turn; whoever reads sees the table before or after."""

os.register_at_fork(after_in_child=_turns.forget)

_file = FileHandler()
"""Who takes the path of a file, where no handler of the extension takes it for a value."""

_ARROW = "__arrow_c_stream__"


class HandlerRegistry:
    """The handlers of one store, asked in the order of their priority."""

    def __init__(self, config: StorageConfig) -> None:
        own = builtin_handlers(config, lambda: self._roster.handlers)
        self._raw = next(handler for handler in own if type(handler) is BytesHandler)
        self._changes: list[DataHandler | type[DataHandler]] = []
        plugins = [checked(handler) for handler in within(config, installed())]
        for entry in plugins:
            introduce(entry.handler)
        self._roster = Roster([*map(trusted, own), *plugins])
        self._begun_with = frozenset(map(type, self._roster.handlers))

    @property
    def extensions(self) -> tuple[str, ...]:
        """Those that a bare key may get."""
        return self._roster.extensions

    def register(self, handler: DataHandler) -> None:
        """Add a handler; among equal priorities the newest is asked first."""
        entry = checked(handler)  # before the turn: it is somebody else's code, and may never end
        introduce(handler)
        with _turns.take():
            self._roster = self._roster.joined(entry)
            self._changes.append(handler)

    def unregister(self, handler_class: type[DataHandler]) -> None:
        """Remove every handler of exactly this class; nothing happens where there is none."""
        if not isinstance(handler_class, type):
            kind = type(handler_class).__qualname__
            raise InvalidConfigError(f"An object of {kind} is not a class of handlers. Pass the class itself.")
        with _turns.take():
            self._roster = self._roster.without(handler_class)
            kept = [one for one in self._changes if one is not handler_class and type(one) is not handler_class]
            self._changes = [*kept, handler_class] if handler_class in self._begun_with else kept

    def changes(self) -> list[DataHandler | type[DataHandler]]:
        """What was added (handlers) and removed (classes) since the store was made, for pickling it."""
        return list(self._changes)

    def apply(self, changes: Iterable[DataHandler | type[DataHandler]]) -> None:
        """Repeat the changes of another registry."""
        for change in changes:
            if isinstance(change, DataHandler):
                self.register(change)
            else:
                self.unregister(change)

    def knows(self, extension: str) -> bool:
        """Whether a handler reads files of this extension."""
        return extension in self._roster.by_extension

    def split(self, path: str) -> tuple[str, str]:
        """`("k", ".json")`, or `("k", "")`: the bare key that a file answers to, and its extension.

        What stands under exactly its name answers to that: `("a.pdf", ".pdf")`, `("B.JPG", ".jpg")`.
        """
        return self._roster.split(path)

    def parse(self, key: object, uri: str) -> Key:
        """The key, checked and taken apart; `InvalidKeyError` where it cannot be one."""
        text = check_key(key, uri)
        extension = self.split(text)[1]
        return Key(text, extension, self._names_file(text, extension), self._roster.answers(text))

    def may_be_bare(self, stem: str) -> bool:
        """Whether a key of this text may be answered by files with further extensions."""
        return self._names_file(stem, self.split(stem)[1]) is not True

    def _names_file(self, text: str, extension: str) -> bool | None:
        if not extension:
            return False
        return (extension in FIRST and text.endswith(extension)) or None

    def in_ranges(self, extension: str) -> bool:
        """Whether pieces of such files may be read."""
        return any(handler.in_ranges for handler in self._roster.by_extension.get(extension, ())[:1])

    def agreed(self, key: str, format: str | None, extension: str, uri: str) -> str:
        """The extension that the key (`extension`) and `format=` agree on; "" where neither says one."""
        if format is None:
            return extension
        wanted = dotted(format)
        known = wanted in self.extensions or wanted == extension
        if not known or (extension and extension != wanted):
            problem, remedy = unfit(format, wanted, key, extension, self._roster)
            raise UnsupportedFormatError(compose(problem, key=key, uri=uri, remedy=remedy))
        return wanted

    def streamed(self, data: Any, extension: str, key: str, uri: str) -> Any:
        """The stream of tables that a value is, where no plugin stores it as something else; else the value."""
        if type(data) is TableStream or (not hasattr(type(data), "__next__") and not hasattr(type(data), _ARROW)):
            return data
        plugins = filter(is_foreign, self._roster.handlers if kind_of(data) is None else ())
        return data if any(handles(h, data) for h in plugins) else as_stream(data, extension, key, uri)

    def streamer(self, data: Any, extension: str) -> tuple[DataHandler, str] | None:
        """Who writes a value while it is computed, and the extension it gets; None where it is written whole."""
        for handler, chosen in self._writers(data, extension):
            return (handler, chosen) if handler.can_stream(data) else None
        return None

    def gives_back(self, data: Any, extension: str) -> bool:
        """Whether what comes back from a file is what was written: not of what is gone through, computed or drawn."""
        kind = type(data)
        if hasattr(kind, "__next__") or kind.__name__ == "LazyFrame" or (hasattr(kind, _ARROW) and not kind_of(data)):
            return False
        return not self.is_lossy(data, extension)

    def is_lossy(self, data: Any, extension: str) -> bool:
        """Whether a file of this extension holds less than the value."""
        return any(extension in handler.lossy for handler, _ in self._writers(data, extension))

    def encode(
        self, data: Any, folder: Path | ScratchFiles, extension: str, where: str, options: Options = None
    ) -> tuple[Path, str]:
        """Write `data` to a new file in `folder`; return it and the extension it got.

        With `extension` only handlers of that format are asked, with "" those of the value's type.
        """
        refusals, handled = list[Exception](), sys.exc_info()[1]
        for handler, chosen in self._writers(data, extension):
            file = folder / f"{next(_numbers)}{chosen}"
            try:
                ready(handler, options).write_to_file(data, file, chosen)
                check_written(handler, file)
            except Exception as error:
                discard(file)
                failure = after_writing(Act(handler, chosen, where, handled), error, data)
                if not isinstance(failure, UnsupportedFormatError):
                    raise_failure(failure, error, refusals)
                failure.__cause__ = failure.__cause__ or (error if error is not failure else None)
                refusals.append(failure)
            except BaseException:  # Ctrl-C leaves no file behind
                discard(file)
                raise
            else:
                if not extension and isinstance(handler, PickleHandler):
                    warn_of_pickle(data, refusals, where)
                return file, chosen
        problem = f"{where}: {listed(refusals, is_bare=not extension) or holds_none(data, extension, self._roster)}."
        raise UnsupportedFormatError(problem) from (refusals[-1] if refusals else None)

    def _writers(self, data: Any, extension: str) -> Iterable[tuple[DataHandler, str]]:
        roster = self._roster
        if extension:
            found = [(h, extension) for h in roster.by_extension.get(extension, ()) if handles(h, data)]
            return found if found or not _file.can_handle_data(data) else [(_file, extension)]
        return (
            (h, chosen_extension(h, data, partial(roster.is_of, h)))
            for h in roster.handlers
            if not h.explicit_only and handles(h, data) and (type(data) is not TableStream or h.can_stream(data))
        )

    def preview(self, data: Any, format: str | None) -> Preview:
        """What the first handler that would be asked to write `data` shows of it."""
        extension = "" if format is None else dotted(format)
        for handler, _ in self._writers(data, extension):
            return bounded(handler.preview(data), type(handler).__qualname__)
        raise UnsupportedFormatError(f"{holds_none(data, extension, self._roster)}.")

    def header(self, file: BinaryIO, name: Path, extension: str, where: str) -> Header:
        """What the open file `name` says of its value; `Header()` where its library is missing."""
        handler, handled = self._reader(extension, where), sys.exc_info()[1]
        try:
            return handler.header(file, extension)
        except MissingDependencyError:
            return Header()
        except Exception as error:
            raise_failure(after_reading(Act(handler, extension, where, handled), error, name), error)

    def formats(self) -> Iterable[tuple[DataHandler, Collection[str]]]:
        """The handlers in the order in which they are asked, and the extensions that each answers for."""
        roster = self._roster
        for handler in roster.handlers:
            own = [*handler.extensions, *sorted(handler.named_extensions)]
            # What is drawn into a file that another format reads is told as what is lost.
            told = [one for one in own if roster.by_extension.get(one, (None,))[0] is handler or one in handler.lossy]
            yield handler, told

    def decode(self, file: Path, extension: str, as_type: Any, where: str) -> Any:
        """The object in `file`; `as_type` None gives the recorded type, bytes the raw file."""
        handler, handled = self._raw if as_type is bytes else self._reader(extension, where), sys.exc_info()[1]
        try:
            require_libraries(handler)
            if as_type in (None, bytes):
                return handler.read_from_file(file, extension)
            return handler.read_as(file, extension, as_type)
        except Exception as error:
            if is_gone(error, file):
                raise FileGone(str(file)) from error
            raise_failure(after_reading(Act(handler, extension, where, handled), error, file), error)

    def _reader(self, extension: str, where: str) -> DataHandler:
        try:
            return self._roster.by_extension[extension][0]
        except KeyError:  # a thread unregistered it since the key was parsed
            raise UnsupportedFormatError(f"{where}: the handler of {extension} is not registered any more.") from None
