"""What `verify` says of one object: read whole, or its header, by a store that runs no code of files."""

from __future__ import annotations

import dataclasses
from typing import Any

from autostore import AutoStore
from autostore.errors import (
    AmbiguousKeyError,
    CorruptDataError,
    StorageError,
    StorageFileNotFoundError,
    TooLargeError,
    UnknownTypeError,
    UntrustedDataError,
)
from autostore.info.values import Entry

__all__ = ["BAD", "careful", "verdict"]

BAD = ("ambiguous", "damaged", "unreadable")
"""What makes `verify` fail: pickles, classes and foreign files do not."""

_CODE = (".pkl", ".pt", ".pth")


def careful(store: AutoStore) -> AutoStore:
    """Another handle on the store, which runs no code of files."""
    return AutoStore(store.uri, dataclasses.replace(store.config, allow_pickle=False))


def verdict(store: AutoStore, entry: Entry, *, headers: bool) -> dict[str, Any]:
    """`{"verdict", "key", "said"}`; `store` is a careful one."""
    name, said = _judged(store, entry, headers=headers)
    if name == "ok" and entry.key == entry.path and entry.key.endswith(entry.format):
        try:
            store.get_metadata(entry.key.removesuffix(entry.format))
        except AmbiguousKeyError as error:
            name, said = "ambiguous", str(error)
        except StorageError:
            pass
    return {"verdict": name, "key": entry.key, "format": entry.format, "size": entry.size, "said": said}


def _judged(store: AutoStore, entry: Entry, *, headers: bool) -> tuple[str, str]:
    try:
        if headers:
            store.info(entry.key)
        else:
            store.read(entry.key)
    except StorageFileNotFoundError:
        return "ok", ""  # removed since it was listed
    except (UntrustedDataError, UnknownTypeError) as error:
        # A class that is not imported, or of a script, is no damage: the file itself was read up to its name.
        return ("pickled" if entry.format in _CODE else "class"), str(error)
    except (CorruptDataError, TooLargeError) as error:
        return ("damaged" if isinstance(error, CorruptDataError) else "unreadable"), str(error)
    except AmbiguousKeyError as error:
        return "ambiguous", str(error)
    except StorageError as error:
        return "unreadable", str(error)
    return ("pickled", "") if entry.format == ".pkl" else ("ok", "")
