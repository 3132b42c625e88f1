"""Pickle: the fallback for every Python object that no other format holds.

Reading a pickle may run code, so both ways obey `allow_pickle`, and `pickle_key` signs.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

from autostore.config import StorageConfig
from autostore.errors import StorageError, UnknownTypeError, UnsupportedFormatError, UntrustedDataError
from autostore.guard.ceiling import read_whole
from autostore.guard.foreign import let_pass, raised_in
from autostore.handler import DataHandler
from autostore.handlers.losses import dump
from autostore.handlers.signing import SigningKey, sign_file, strip_signature, verified
from autostore.headers import pickled as pickled_header
from autostore.headers.header import Header

__all__ = ["PickleHandler"]

PROTOCOL = 5


class PickleHandler(DataHandler):
    """Any object that pickles, as .pkl."""

    types = "any other object; not where `allow_pickle=False`"
    read_by = "Python"

    def __init__(self, config: StorageConfig) -> None:
        self._allowed = config.allow_pickle
        self._key = SigningKey.of(config.pickle_key)

    @property
    def extensions(self) -> list[str]:
        """Only .pkl."""
        return [".pkl"]

    @property
    def priority(self) -> int:
        """Asked last."""
        return -100

    def in_bundle(self) -> None:
        """Never: a bundle holds no code."""

    def can_handle_data(self, data: Any) -> bool:
        """Everything; whether it pickles is known when it is tried."""
        return True

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The class that is named first; nothing is imported or run."""
        return pickled_header.pickled(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The object; a signature is checked before anything is unpickled."""
        self._check("read")
        try:
            return self._loaded(file_path, file_extension)
        except (ImportError, AttributeError) as error:
            if isinstance(error, AttributeError):
                let_pass(error)
            raise UnknownTypeError(
                f"The pickle needs what is not importable here: {error}. Install or import it, under the name it had."
            ) from error
        except (StorageError, OSError, MemoryError, EOFError):
            raise
        except Exception as error:
            if not isinstance(error, pickle.UnpicklingError):
                let_pass(error)
            self._explain(error, file_path)
            raise

    def _explain(self, error: Exception, file_path: Path) -> None:
        """Raise what is known of a file that is not damaged, and could not be read all the same."""
        with open(file_path, "rb") as file:
            if pickled_header.is_of_joblib(file):
                raise UnsupportedFormatError(
                    "joblib wrote this, with arrays between the parts of a pickle. Read it with "
                    "joblib.load(store.path(key)), which runs its code, too, and store what that gives."
                ) from error
            if isinstance(error, pickle.UnpicklingError) or (self._key is None and not pickled_header.is_whole(file)):
                return
            named = pickled_header.pickled(file).type or "its class"
        raise UnknownTypeError(
            f"The pickle is whole, but {_here(error, named)} makes no object of it: {type(error).__name__}: "
            f"{error!s:.300}. Read it where the version is that wrote it, and store it there in another format."
        ) from error

    def _loaded(self, file_path: Path, file_extension: str) -> Any:
        if self._key is None:
            with open(file_path, "rb") as file:
                self.ceiling.check(os.fstat(file.fileno()).st_size, "The pickle")
                found = pickle.load(file)
                if bytes(strip_signature(file.read())).strip():
                    raise UnsupportedFormatError(
                        "More stands behind the object, such as another that pickle.dump added. Read it with "
                        "as_type=bytes and pickle.load, and store a list of them."
                    )
                return found
        # Checked and loaded from one copy in memory: nobody can change it in between.
        return pickle.loads(verified(read_whole(file_path, self.ceiling), file_extension, self._key))

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write protocol 5, signed where the store has a key."""
        self._check("written")
        try:
            with open(file_path, "wb") as file:
                dump(data, file, PROTOCOL)
        except (OSError, UnsupportedFormatError):
            raise
        except Exception as error:
            let_pass(error)  # of the value's own code
            kind = type(data).__qualname__
            raise UnsupportedFormatError(f"This {kind} does not pickle: {error}. {_remedy(data, error)}.") from error
        if self._key is not None:
            sign_file(file_path, file_extension, self._key)

    def _check(self, verb: str) -> None:
        if not self._allowed:
            raise UntrustedDataError(
                f"A pickle cannot be {verb}, because this store has allow_pickle=False. "
                "Store a value that another format holds, or allow pickles where you trust the place."
            )


def _here(error: Exception, named: str) -> str:
    """The library that raised it, or that of the class that the pickle names first, in the version that is here."""
    for name in (raised_in(error), named):
        library = name.partition(".")[0]
        version = getattr(sys.modules.get(library), "__version__", None)
        if version and library != "autostore":
            return f"{library} {version}, which is installed here,"
    return f"{named} as it is here"


def _remedy(data: Any, error: Exception) -> str:
    if isinstance(data, Generator):
        return "Store list(...) of it"
    if "not the same object" in str(error):
        return "Its class was defined again, or its module reloaded: make the object anew"
    # A TypeError says that no such object pickles, the others that a name is not found.
    named = "" if isinstance(error, TypeError) else ", or define it, or its class, at the top level of a module"
    return f"Store the data it is made of{named}"
