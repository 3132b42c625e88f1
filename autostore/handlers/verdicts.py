"""What an exception of a handler means: the next format, a typed error, or the user's own that leaves as it is.

A refusal is an `UnsupportedFormatError`. Built-in handlers may also leave what their library
raised of the value or the bytes; of any other handler everything else leaves unchanged.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, NamedTuple

from autostore.errors import (
    CorruptDataError,
    PreconditionFailedError,
    StorageError,
    StorageFileNotFoundError,
    UnsupportedFormatError,
    from_os_error,
)
from autostore.guard.foreign import noted, users_own
from autostore.guard.stack import stack_ran_out
from autostore.handler import DataHandler
from autostore.handlers.tables.streams import TableStream
from autostore.handlers.whole import is_foreign
from autostore.headers.packing import packing

__all__ = ["Act", "FileGone", "after_reading", "after_writing", "is_gone"]

_PACKED = (".gz", ".zst", ".csv", ".tsv")
"""Formats that unpack their own files."""

_DISK = frozenset({errno.EFBIG, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


_OF_ANOTHER_KEY = (StorageFileNotFoundError, PreconditionFailedError)
"""What a handler that uses a store of its own may meet; nobody may take it for the state of the key at hand."""


class FileGone(Exception):  # noqa: N818 - an event, not an error: whoever reads looks again
    """The file was removed or replaced before it was opened."""


class Act(NamedTuple):
    """What a handler was asked to do, for messages; `handled` is what its caller was handling already."""

    handler: DataHandler
    extension: str
    where: str
    handled: BaseException | None

    @property
    def is_foreign(self) -> bool:
        """Whether the handler is not this library's own."""
        return is_foreign(self.handler)

    def left(self, error: BaseException, verb: str) -> BaseException:
        """The error as it is, with a note that names key and handler."""
        return noted(error, f"raised while {type(self.handler).__qualname__} {verb} {self.where}")

    def named(self, error: StorageError) -> BaseException:
        """The same error, naming the key."""
        try:
            return type(error)(f"{self.where}: {error}")
        except TypeError:  # a subclass that takes something else
            return noted(error, self.where)

    def without_stack(self, done: str) -> StorageError:
        """Neither the value nor the file is at fault."""
        return StorageError(
            f"{self.where}: the stack ran out while this was {done}, as the call came from deep in it. "
            "Call from less deep, or raise sys.setrecursionlimit."
        )


def after_writing(act: Act, error: Exception, data: Any) -> BaseException:
    """What to raise; an `UnsupportedFormatError` asks the next handler, and names no key yet."""
    if stack_ran_out(error, act.handled):
        return act.without_stack("written")
    of_source = data.failure if isinstance(data, TableStream) else None
    if isinstance(error, UnsupportedFormatError) and of_source is not error:
        return error
    if type(error) is MemoryError:
        return StorageError(f"{act.where}: memory ran out. Free some, or store the value in parts.")
    if isinstance(error, OSError) and error.errno in _DISK and not isinstance(error, StorageError):
        return from_os_error(error, act.where)
    own = of_source or users_own(error, act.handled)
    if isinstance(own or error, _OF_ANOTHER_KEY):
        return StorageError(f"{act.where}: writing it ran code that failed: {error}")
    if own is not None:
        return act.left(own, "wrote")
    return act.named(error) if isinstance(error, StorageError) else _refusal(act, error, data)


def _refusal(act: Act, error: Exception, data: Any) -> BaseException:
    """What a built-in format's library said of the value, or the disk of the file; another's error leaves as it is."""
    if act.is_foreign:
        return act.left(error, "wrote")
    if isinstance(error, OSError) and error.errno is not None:
        return from_os_error(error, act.where)
    kind = type(data).__qualname__
    return UnsupportedFormatError(f"{act.extension} cannot hold this {kind}: {type(error).__name__}: {error}")


def is_gone(error: Exception, file: Path) -> bool:
    """Whether the file itself was not there when it was opened, even if it is there again by now."""
    if not isinstance(error, OSError) or isinstance(error, StorageError):
        return False
    return (isinstance(error, FileNotFoundError) and str(error.filename) == str(file)) or not file.is_file()


def after_reading(act: Act, error: Exception, file: Path) -> BaseException:
    """What to raise where a handler could not read a file that is there."""
    where, extension = act.where, act.extension
    if stack_ran_out(error, act.handled):
        return act.without_stack("read")
    if type(error) is MemoryError:
        return CorruptDataError(
            f"{where}: memory ran out while this {extension} file was read: it claims more than it holds, or this "
            "machine is too small for it. Free some memory and try again before you replace it."
        )
    own = users_own(error, act.handled)
    if own is not None and not isinstance(own, _OF_ANOTHER_KEY):
        return act.left(own, "read")
    if isinstance(error, _OF_ANOTHER_KEY):
        return StorageError(f"{where}: reading it ran code that failed: {error}")
    if act.is_foreign:
        return act.named(error) if isinstance(error, StorageError) else act.left(error, "read")
    packed = "" if extension.endswith(_PACKED) or _is_typed(error) else packing(file)
    if packed:
        return UnsupportedFormatError(
            f"{where}: this {extension} file is packed as a whole ({packed}), as joblib and pandas do, and programs "
            "that set Content-Encoding. Unpack what as_type=bytes gives, or let its program read store.path(key)."
        )
    return act.named(error) if isinstance(error, StorageError) else _damage(act, error, file)


def _is_typed(error: Exception) -> bool:
    """Whether it says more than that the bytes are others."""
    return isinstance(error, StorageError) and not isinstance(error, CorruptDataError)


def _damage(act: Act, error: Exception, file: Path) -> StorageError:
    """What a built-in format's library said of the bytes, or the disk of the file."""
    # Another file's trouble is not the store's: what an unpickled object opens may be missing. And
    # only a damaged file sends its reader to places that are none, which is EINVAL.
    ours = isinstance(error, OSError) and str(error.filename or file) == str(file)
    if ours and isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, errno.ENOENT):
        return from_os_error(error, act.where)
    said = str(error).replace(str(file), "the file")  # a cached copy has a long name that helps nobody
    return CorruptDataError(
        f"{act.where}: this is not a valid {act.extension} file: {type(error).__name__}: {said.rstrip('.'):.500}. "
        "Read it with as_type=bytes to see what is there, and ask what wrote it."
    )
