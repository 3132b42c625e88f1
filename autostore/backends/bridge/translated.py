"""The one place where what a file system of fsspec raises becomes this library's errors."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from autostore.backend import not_found
from autostore.backends.bridge.http import without_headers
from autostore.errors import (
    StorageConnectionError,
    StorageError,
    StorageIOError,
    StoragePermissionError,
    compose,
    from_os_error,
)
from autostore.guard.foreign import let_pass, raised_in, users_own

__all__ = ["is_absence", "translated"]

_ABSENT = (FileNotFoundError, NotADirectoryError, KeyError)


@contextlib.contextmanager
def translated(uri: str, path: str) -> Iterator[None]:
    """Raise what goes wrong inside as a `StorageError` that quotes no foreign text, which may hold a secret."""
    handled = sys.exc_info()[1]
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        # An OSError is what a file system says, whoever wrote it; a time limit of the user's may be a TimeoutError.
        if not isinstance(error, OSError) or isinstance(error, TimeoutError):
            own = users_own(error, handled, by_client=True)
            if own is not None and not _is_of_loop(own):
                let_pass(error, handled, by_client=True)
        without_headers(error)
        raise _meaning(error, uri, path) from error


def is_absence(error: Exception) -> bool:
    """Whether the place said so: fsspec's client of HTTP says it of whatever went wrong, and has the reason behind."""
    reason = error.__cause__
    failed = reason is not None and (isinstance(reason, (OSError, StorageError)) or _is_of(reason, "aiohttp"))
    told = not failed or isinstance(reason, _ABSENT) or getattr(reason, "status", None) == 404
    return isinstance(error, _ABSENT) and told


def _meaning(error: Exception, uri: str, path: str) -> StorageError:
    if is_absence(error) and not isinstance(error, NotADirectoryError):
        return not_found(path, uri)
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, StorageError):
        return type(error.__cause__)(f"key {path!r} in {uri}: {error.__cause__}")
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        return _meaning(error.__cause__, uri, path)
    if isinstance(error, NotImplementedError):
        problem, remedy = "This file system cannot do that", "Read it, or take another place."
        return StoragePermissionError(compose(problem, key=path, uri=uri, remedy=remedy))
    if _is_refusal(error):
        problem, remedy = "The server refuses these credentials", "Check the user, password or key in its options."
        return StoragePermissionError(compose(problem, key=path, uri=uri, remedy=remedy))
    of_network = _is_of(error, "paramiko", "aiohttp") or error.args == ("Socket is closed",)
    broken = of_network or isinstance(error, (ConnectionError, TimeoutError, EOFError))
    if broken or not isinstance(error, OSError):
        problem = f"The file system failed, or could not be reached ({type(error).__name__})"
        remedy = "Check its options and the network, then try again."
        return StorageConnectionError(compose(problem, key=path, uri=uri, remedy=remedy))
    if error.errno is None and not isinstance(error, PermissionError):
        problem, remedy = f"The file system failed ({type(error).__name__})", "Look at the file system, then try again."
        return StorageIOError(compose(problem, key=path, uri=uri, remedy=remedy))
    return from_os_error(error, f"key {path!r} in {uri}")


def _is_refusal(error: Exception) -> bool:
    """Whether the server is there, and says no."""
    return type(error).__name__ == "AuthenticationException" or getattr(error, "status", None) in (401, 403)


def _is_of_loop(error: BaseException) -> bool:
    """Whether it is fsspec's own event loop that waited, in which no code of the user's runs."""
    ran_out = isinstance(error, TimeoutError) and error.errno is None
    return ran_out and raised_in(error).partition(".")[0] in ("aiohttp", "asyncio")


def _is_of(error: BaseException, *libraries: str) -> bool:
    return type(error).__module__.partition(".")[0] in libraries
