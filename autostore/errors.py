"""What can fail, and what to catch: every error this library raises on purpose.

Each is a `StorageError` and also the builtin that a caller would expect, so that both
`except StorageError` and `except KeyError` read naturally.

    StorageError
     ├─ StorageFileNotFoundError   KeyError, FileNotFoundError   nothing is stored under the key
     ├─ StoragePermissionError     PermissionError               the place refused; also read-only stores
     ├─ StorageConnectionError     ConnectionError               the place could not be reached, or timed out
     ├─ StorageIOError             OSError                       the disk is full or failing, or its files vanish
     ├─ InvalidKeyError            ValueError                    the key or URI cannot name anything
     ├─ AmbiguousKeyError          ValueError                    files that were not written under the key answer to it
     ├─ InvalidConfigError         ValueError                    a setting or an argument cannot be
     ├─ UnsupportedFormatError     TypeError                     the format cannot hold this value exactly
     ├─ UnhashableInputError       TypeError                     what a memoized function depends on cannot be hashed
     ├─ SchemaMismatchError        ValueError                    the tables of one scan do not fit each other
     ├─ UnsupportedSchemeError     ValueError                    no backend serves this kind of URI
     ├─ MissingDependencyError     ImportError                   an optional library is not installed
     ├─ PreconditionFailedError    RuntimeError                  `if_etag` or `if_absent` did not hold
     ├─ CorruptDataError           ValueError                    the stored bytes are not what the format says
     ├─ TooLargeError              MemoryError                   reading would take more memory than `max_read_bytes`
     ├─ BrokenPluginError          RuntimeError                  a registered format or place broke its contract
     ├─ UnknownTypeError           ImportError                   a class that the file names is not to be found here
     └─ UntrustedDataError         ValueError                    reading would run code that is not allowed

`StorageError` itself says that a LazyFrame could not be computed, or that memory or the stack ran out. Not found,
refused and unreachable are three different things: `in` and `get` swallow the first only. What the reader does first:

    StorageFileNotFoundError   look at `store.keys()`: is the key spelt so, and the store the right one?
    StoragePermissionError     look at the credentials or the folder's permissions; is the store read-only?
    StorageConnectionError     look at endpoint_url, region_name and the network; then try again
    StorageIOError             look at the disk and its free space; then try again
    InvalidKeyError            write the key or URI as the message says
    AmbiguousKeyError          use one of the full names that the message lists
    InvalidConfigError         correct the setting that is named
    UnsupportedFormatError     use a bare key or another format, or convert the value
    UnhashableInputError       pass it to `ignore=` if it changes no result, or a `key=`
    SchemaMismatchError        pass schema='all', or cast the column that is named in its file
    UnsupportedSchemeError     correct the scheme, or register its backend
    MissingDependencyError     run the `pip install` that is given
    PreconditionFailedError    read the key again and decide anew
    CorruptDataError           look at the bytes (`as_type=bytes`) and at what wrote them; keep them
    TooLargeError              raise max_read_bytes if the file is trusted and the memory there; else read lazily
    BrokenPluginError          tell whoever wrote the plugin that is named
    UnknownTypeError           install or import what is named, or pass `as_type=`
    UntrustedDataError         ask who wrote the file; only then allow more, or pass `as_type=`

Two warnings are no errors: `PickledWarning`, a value was stored as a pickle, and the part of it is named that is why;
`LeftOutWarning`, a listing holds all but what is named, such as a folder that may not be read.

No message tells anybody to remove or replace data: what does not read may be whole. An exception of the user's
own code (a time limit, a validator, a plugin) is none of these and leaves as it is.
"""

import errno
import os
from typing import Any

__all__ = [
    "AmbiguousKeyError",
    "BrokenPluginError",
    "CorruptDataError",
    "InvalidConfigError",
    "InvalidKeyError",
    "LeftOutWarning",
    "MissingDependencyError",
    "PickledWarning",
    "PreconditionFailedError",
    "SchemaMismatchError",
    "StorageConnectionError",
    "StorageError",
    "StorageFileNotFoundError",
    "StorageIOError",
    "StoragePermissionError",
    "TooLargeError",
    "UnhashableInputError",
    "UnknownTypeError",
    "UnsupportedFormatError",
    "UnsupportedSchemeError",
    "UntrustedDataError",
    "compose",
    "from_machine_error",
    "from_os_error",
]


def compose(problem: str, *, key: str | None = None, uri: str | None = None, remedy: str = "") -> str:
    """One message that names what happened, where, and what to do; callers never pass secrets."""
    where = ""
    if key is not None:
        where += f" (key {key!r}"
        where += f" in {uri})" if uri is not None else ")"
    elif uri is not None:
        where += f" ({uri})"
    return f"{problem}{where}. {remedy}".rstrip() if remedy else f"{problem}{where}."


def _printable(character: str) -> str:
    # Names and texts from files may hold what a terminal obeys, or a log takes for a line of its own.
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


class StorageError(Exception):
    """The root of all errors raised by this library; takes one message, so that it pickles."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message if message.isprintable() else "".join(map(_printable, message)))

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would quote the whole sentence.
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        # By a call: libraries that go by __new__ instead (tblib) find the wrong one of two builtins.
        return type(self), self.args, self.__dict__ or None


class StorageFileNotFoundError(StorageError, KeyError, FileNotFoundError):
    """Nothing is stored under this key."""


class StoragePermissionError(StorageError, PermissionError):
    """The place refused: credentials, file permissions, or a store opened read-only."""


class StorageConnectionError(StorageError, ConnectionError):
    """The place could not be reached in time."""


class StorageIOError(StorageError, OSError):
    """The disk is full, or failed while reading or writing, or somebody removed a temporary file that was in use."""


class InvalidKeyError(StorageError, ValueError):
    """A key or URI that cannot name anything in this store."""


class AmbiguousKeyError(StorageError, ValueError):
    """Files answer to the key that were not written under it, so they are not replaced; each reads by its full name."""


class InvalidConfigError(StorageError, ValueError):
    """A setting that is out of range, raised when the configuration is made; or arguments that contradict."""


class UnsupportedFormatError(StorageError, TypeError):
    """The format cannot hold this value exactly; raised before anything is written."""


class LeftOutWarning(UserWarning):
    """A listing left out what it may not read or no key can name; says how many, and names the first.

    Attributes:
        hides_keys: whether keys may lie in what was left out, such as a folder that may not be read.
    """

    hides_keys = False


class SchemaMismatchError(StorageError, ValueError):
    """Tables that are scanned as one have a column of types that no type holds both of; nothing is cast in silence."""


class PickledWarning(UserWarning):
    """A bare key fell back to a pickle, once for each class that causes it; names the key, the part and the remedy."""


class UnhashableInputError(StorageError, TypeError):
    """What a memoized function was given, or reads, cannot be hashed so that equal means the same; nothing was run."""


class UnsupportedSchemeError(StorageError, ValueError):
    """No backend is registered for this kind of URI."""


class MissingDependencyError(StorageError, ImportError):
    """An optional library is not installed; the message holds the command that installs it."""


class PreconditionFailedError(StorageError, RuntimeError):
    """The key changed (`if_etag`) or exists (`if_absent`), or the place cannot check this safely."""


class CorruptDataError(StorageError, ValueError):
    """The stored bytes are not a valid file of their format."""


class TooLargeError(StorageError, MemoryError):
    """Reading would take more memory than this process may give to one read; nothing is damaged."""


class BrokenPluginError(StorageError, RuntimeError):
    """A registered format or place answered what its contract does not allow; the message names it."""


class UnknownTypeError(StorageError, ImportError):
    """The file names a class that cannot be imported here, or is not there any more; nothing is damaged."""


class UntrustedDataError(StorageError, ValueError):
    """Reading or writing would need code (a pickle, an import) that this store does not allow."""


_MANY_OPEN = "Let go of lazy and mapped values and of open files, or raise the limit (ulimit -n)."
_REMEDIES = {
    errno.EMFILE: _MANY_OPEN,
    errno.ENFILE: _MANY_OPEN,
    errno.EFBIG: "Raise the limit (ulimit -f), unless it is the file system's.",
    errno.EXDEV: "The folder is on another file system than the store's .autostore, from where files are renamed. "
    "Make a store of its own of it.",
}


def from_os_error(error: OSError, where: str) -> StorageError:
    """An operating system's error in this library's words; `where` names key and uri.

    A file that is missing is never an absent key: that is said by the place alone, with `not_found`. It is a
    temporary file or folder, a cached copy or a mark, that somebody removed meanwhile.
    """
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return StorageIOError(f"{where}: {_what(error)} was removed while it was in use. Try again.")
    if error.errno in _REMEDIES:
        return StorageIOError(f"{where}: {reason}. {_REMEDIES[error.errno]}")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StoragePermissionError(f"{where}: {reason}. Check the permissions of the store's folder.")
    if error.errno == errno.ENAMETOOLONG:
        return InvalidKeyError(f"{where}: {reason}, as this file system counts it. Choose a shorter key.")
    if error.errno == errno.ETIMEDOUT:
        return StorageConnectionError(f"{where}: {reason}. Try again, or pass a larger timeout.")
    blocked = isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError)
    if blocked or error.errno == errno.ENOTEMPTY:
        return InvalidKeyError(
            f"{where}: {reason}, because a file and a folder cannot share a name. Choose another key."
        )
    return StorageIOError(f"{where}: {reason}. Check the disk and its free space.")


def from_machine_error(error: OSError, where: str) -> StorageError:
    """The same of files that are not the store's own: where something stands in their way, no key is at fault."""
    if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError) or error.errno == errno.ELOOP:
        named = _what(error) if error.filename is not None else "it"
        return InvalidConfigError(f"{where}: {error.strerror}: {named}. Set another folder.")
    return from_os_error(error, where)


def _what(error: OSError) -> str:
    return repr(os.fspath(error.filename)) if isinstance(error.filename, str | os.PathLike) else "a file"
