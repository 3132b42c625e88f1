"""Errors are ours and the builtin that a caller would expect: both may be caught, and either may be annotated."""

from typing import assert_type

from autostore import (
    AmbiguousKeyError,
    AutoStore,
    CorruptDataError,
    InvalidConfigError,
    InvalidKeyError,
    MissingDependencyError,
    PreconditionFailedError,
    StorageConnectionError,
    StorageError,
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
    TooLargeError,
    UnknownTypeError,
    UnsupportedFormatError,
    UnsupportedSchemeError,
    UntrustedDataError,
)

missing = StorageFileNotFoundError("nothing is stored here")
as_key: KeyError = missing
as_file: FileNotFoundError = missing
ours: list[StorageError] = [missing, StorageError("a LazyFrame could not be computed")]

permission: PermissionError = StoragePermissionError("refused")
connection: ConnectionError = StorageConnectionError("unreachable")
disk: OSError = StorageIOError("full")
memory: MemoryError = TooLargeError("more than max_read_bytes")
unknown: ImportError = UnknownTypeError("a class that moved")
dependency: ImportError = MissingDependencyError("pip install")
format_: TypeError = UnsupportedFormatError("a tuple")
condition: RuntimeError = PreconditionFailedError("changed")
values: list[ValueError] = [
    AmbiguousKeyError(""),
    CorruptDataError(""),
    InvalidConfigError(""),
    InvalidKeyError(""),
    UnsupportedSchemeError(""),
    UntrustedDataError(""),
]
ours += [*values]  # type: ignore[list-item]
every: list[type[StorageError]] = [AmbiguousKeyError, CorruptDataError, InvalidConfigError, InvalidKeyError]
every += [MissingDependencyError, PreconditionFailedError, StorageConnectionError, StorageIOError]
every += [
    StoragePermissionError,
    TooLargeError,
    UnknownTypeError,
    UnsupportedFormatError,
    UnsupportedSchemeError,
    UntrustedDataError,
]


def caught(store: AutoStore) -> None:
    try:
        del store["key"]
    except (StorageFileNotFoundError, AmbiguousKeyError) as error:
        assert_type(error, StorageFileNotFoundError | AmbiguousKeyError)
    except StorageError as error:
        assert_type(error, StorageError)


wrong: KeyError = PreconditionFailedError("changed")  # type: ignore[assignment]
not_found: FileNotFoundError = StoragePermissionError("refused")  # type: ignore[assignment]
StorageError("one", "two")  # type: ignore[call-arg]
StorageFileNotFoundError(3)  # type: ignore[arg-type]
