"""What an error, Ctrl-C or a closed pipe becomes, and the exit code that scripts trust.

0    done
1    the answer is no: `verify` found something
2    the command, a key, an address or a setting is not what can be
3    nothing is stored there
4    refused: credentials, permissions, a read-only store, code that is not allowed
5    the place could not be reached, or did not answer in time
6    a conflict: somebody else changed it, or several files answer to the key
7    the file is damaged, or cannot be read here
8    anything else: the disk, memory, a bug
130  stopped by Ctrl-C; each object is as it was or done
141  nobody reads the output any more
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from autostore import errors
from autostore.info.text import plain

__all__ = ["boundary", "end", "exit_code", "in_a_shell", "of_usage", "warned"]

_CODES: tuple[tuple[type[errors.StorageError] | tuple[type[errors.StorageError], ...], int], ...] = (
    (errors.StorageFileNotFoundError, 3),
    ((errors.StoragePermissionError, errors.UntrustedDataError), 4),
    (errors.StorageConnectionError, 5),
    ((errors.PreconditionFailedError, errors.AmbiguousKeyError), 6),
    ((errors.CorruptDataError, errors.TooLargeError, errors.UnknownTypeError, errors.UnsupportedFormatError), 7),
    ((errors.BrokenPluginError, errors.SchemaMismatchError), 7),
    ((errors.InvalidKeyError, errors.InvalidConfigError, errors.UnsupportedSchemeError), 2),
    ((errors.MissingDependencyError, errors.UnhashableInputError), 2),
)

_REMEDIES = {
    "store.keys() lists what is": "`autostore ls -r` lists what is",
    "store.list_files() also files that no format here reads": "`autostore verify` names foreign files",
    "Pass no expires=,": "Leave out --expires,",
    "Pass keep=, days= or both": "Pass --keep, --days or both",
    "store.versions(key) lists those there are": "`autostore versions KEY` lists those there are",
}


def exit_code(error: BaseException) -> int:
    """What a script is told of an error."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), 8)


@contextlib.contextmanager
def boundary(*, debug: bool) -> Iterator[None]:
    """Turn what leaves a command into one sentence and an exit code; with `debug` the traceback is shown before."""
    try:
        yield
    except KeyboardInterrupt:
        end("Stopped. Each object is as it was, or done; the same command goes on from here.", 130)
    except BrokenPipeError:
        # Or Python complains once more when it flushes: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        if _is_of_typer(error):
            raise
        if debug:
            traceback.print_exception(error)
        end(_sentence(error), exit_code(error))


def _is_of_typer(error: Exception) -> bool:
    """Whether it is a wrong word on the command line, or an exit code, which Typer tells itself."""
    return any(base.__module__.partition(".")[0] in ("typer", "click") for base in type(error).__mro__)


def of_usage(error: Exception) -> str | None:
    """What is wrong with the words on the command line, in a sentence; None of any other error."""
    context = getattr(error, "ctx", None)
    if not _is_of_typer(error) or context is None:
        return None
    said = " ".join(str(getattr(error, "format_message", error.__str__)()).split())
    help_of = f"`{context.command_path} --help` tells more."
    if said.startswith("Missing option '--base'"):
        return f"The base is named as an option: `{context.command_path} BRANCH --base STORE`. {help_of}"
    if not said or said.startswith("Usage:"):
        return f"Which command? {help_of}"
    return f"{said if said[-1] in '.?!' else said + '.'} {help_of}"


def _sentence(error: BaseException) -> str:
    if isinstance(error, errors.StorageError):
        return in_a_shell(str(error))
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}. (--debug shows where)"
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said} (--debug shows where)"


def in_a_shell(said: str) -> str:
    """A message whose remedies are commands, not calls."""
    for call, command in _REMEDIES.items():
        said = said.replace(call, command)
    return said


def warned(message: Warning | str, category: type[Warning], *where: object, **more: object) -> None:
    """Say a warning as one sentence, without the place in our code; `warnings.showwarning` of the command."""
    del category, where, more
    print(f"autostore: {plain(in_a_shell(str(message)))}", file=sys.stderr)  # noqa: T201 - this is a command


def end(said: str, code: int) -> NoReturn:
    """Say it on stderr, and exit."""
    print(f"autostore: {plain(said)}", file=sys.stderr)  # noqa: T201 - this is a command
    sys.exit(code)
