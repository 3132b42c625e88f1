"""The members of a bundle: which handler writes each part that has a format of its own, and under what name."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from autostore.disk.failures import disk_errors_are_typed
from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError, UntrustedDataError, from_os_error
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.archive import CheckedArchive
from autostore.handlers.arrays import MAP_FROM, NpyHandler, read_array
from autostore.handlers.typed.path import Label, stem, where
from autostore.handlers.whole import check_written, chosen_extension
from autostore.optional import require

__all__ = ["Handlers", "MemberReader", "MemberWriter"]

Handlers = Callable[[], Iterable[DataHandler]]
"""The handlers of a store as they are now, in the order in which they are asked."""


class _Pending(NamedTuple):
    value: Any
    path: list[Label]
    writers: list[DataHandler]
    reference: dict[str, Any]


class MemberWriter:
    """Collects the parts of one value that become members, and then writes them.

    A part is written by the handler that a bare key would choose for it, unless that one's
    files never stand in a bundle.
    """

    def __init__(self, handlers: Iterable[DataHandler]) -> None:
        self._handlers = [handler for handler in handlers if not handler.explicit_only]
        self._pending: dict[int, _Pending] = {}
        self._taken: set[str] = set()

    def reference(self, value: Any, path: list[Label]) -> dict[str, Any] | None:
        """What stands in the tree for a part; its name is known after `write`. None where it has no member."""
        known = self._pending.get(id(value))
        if known is None:
            part = bytes(value) if type(value) is bytearray else value
            writers = list(self._writers(part))
            if not writers:
                return None
            known = self._pending[id(value)] = _Pending(part, list(path), writers, {"$file": ""})
        return known.reference

    def _writers(self, value: Any) -> Iterator[DataHandler]:
        for handler in self._handlers:
            if handler.can_handle_data(value):
                inside = handler.in_bundle()
                if inside is None:
                    return  # a bare key would get this format, which is none of a member
                yield inside

    def write(self, folder: Path, reserved: str) -> Iterator[tuple[str, Path]]:
        """Write each part to a file of its own in `folder`; the name that it has in the bundle, and the file."""
        self._taken.add(reserved.casefold())
        for number, part in enumerate(self._pending.values()):
            extension, file = _write(part, folder, number)
            name = part.reference["$file"] = self._fresh(stem(part.path), extension)
            yield name, file

    def _fresh(self, name: str, extension: str) -> str:
        whole, number = name + extension, 1
        while whole.casefold() in self._taken:
            number += 1
            whole = f"{name}-{number}{extension}"
        self._taken.add(whole.casefold())
        return whole


def _write(part: _Pending, folder: Path, number: int) -> tuple[str, Path]:
    refusals = []
    for handler in part.writers:
        extension = chosen_extension(handler, part.value, handler.can_handle_extension)
        file = folder / f"{number}{extension}"
        try:
            for library in handler.requires:
                require(library)
            handler.write_to_file(part.value, file, extension)
            check_written(handler, file)
        except (UnsupportedFormatError, UntrustedDataError) as error:
            refusals.append(str(error).removesuffix("."))
        except (StorageError, OSError, MemoryError):
            raise
        except Exception as error:  # as at the top of a store: a format's library has refused
            let_pass(error)
            refusals.append(f"{type(error).__name__}: {error}")
        else:
            return extension, file
    raise UnsupportedFormatError(f"{where(part.path)} cannot be a member of a bundle: {'; '.join(refusals)}.")


class MemberReader:
    """Reads members by name, each once: what was one object is one again."""

    def __init__(self, archive: CheckedArchive, handlers: Iterable[DataHandler], folder: Callable[[], Path]) -> None:
        self._archive = archive
        self._folder = folder
        self._read: dict[str, Any] = {}
        self._by_extension: dict[str, DataHandler] = {}
        for handler in handlers:
            inside = handler.in_bundle()
            for extension in inside.extensions if inside is not None else ():
                self._by_extension.setdefault(extension, inside)  # type: ignore[arg-type]

    def value(self, name: str) -> Any:
        """The object in a member."""
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> Any:
        extension = next((name[at:] for at in _dots(name) if name[at:] in self._by_extension), "")
        size = self._archive.file_size(name)
        if not extension:
            raise CorruptDataError(
                f"The member {name!r:.80} has a format that no handler here reads. Upgrade autostore, or register one."
            )
        handler = self._by_extension[extension]
        for library in handler.requires:
            require(library)
        if isinstance(handler, NpyHandler) and size >= MAP_FROM and handler.may_map:
            place = self._archive.seek(name)
            if place is not None:
                return read_array(*place)
        return self._unpacked(name, handler, extension)

    def _unpacked(self, name: str, handler: DataHandler, extension: str) -> Any:
        """The object in a file of its own, which is gone again."""
        with disk_errors_are_typed("unpacking it"):
            file = self._folder() / f"{len(self._read)}{extension}"
        try:
            self._archive.extract(name, file)
            return handler.read_from_file(file, extension)
        except OSError as error:
            let_pass(error)
            # Of this machine, not of the file: only a damaged one sends its reader to places that are none.
            if isinstance(error, StorageError) or error.errno in (None, errno.EINVAL):
                raise
            raise from_os_error(error, "unpacking it") from error
        finally:
            file.unlink(missing_ok=True)


def _dots(name: str) -> Iterator[int]:
    """Where an extension may begin, the longest first."""
    return (at for at, sign in enumerate(name) if sign == "." and at > 0)
