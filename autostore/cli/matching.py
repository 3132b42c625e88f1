"""Which keys are meant: one, those of a pattern, all below a folder; of none that is there what is like it."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import re
from collections.abc import Iterator

from autostore import AutoStore, InvalidKeyError, StorageError, StorageFileNotFoundError
from autostore.cli.places import WILD, Place
from autostore.info.values import Entry

__all__ = ["matching", "near", "nothing"]

MOST_NEAR = 1000
BELOW = {False: "-r", None: "'folder/**'"}


def near(error: StorageFileNotFoundError, place: Place) -> StorageFileNotFoundError:
    """The error, with the key that was perhaps meant: one like it among the first of its folder."""
    if place.is_folder or place.is_pattern or f"key {place.key!r}" not in str(error):
        return error
    folder = place.key[: place.key.rfind("/") + 1]
    with contextlib.suppress(StorageError):
        known = [entry.key for entry in itertools.islice(place.store.entries(folder), MOST_NEAR)]
        known = known or [entry.key for entry in itertools.islice(place.store.entries(), MOST_NEAR)]
        if place.key not in known and (like := difflib.get_close_matches(place.key, known, 1)):
            return type(error)(f"{error} Did you mean {like[0]!r}?")
    return error


def nothing(place: Place) -> StorageFileNotFoundError:
    """The error of a place where nothing is."""
    problem = f"Nothing is stored here (key {place.key!r} in {place.store.uri})"
    return near(StorageFileNotFoundError(f"{problem}. `autostore ls` lists what is."), place)


def matching(place: Place, *, recursive: bool | None = False) -> Iterator[Entry]:
    """The keys that are meant: one, those that a pattern names, with `recursive` also all below a folder.

    `*` and `?` stay within a segment, `**` crosses them. `StorageFileNotFoundError` where none is there; with
    `recursive=None` of a command that has no -r.
    """
    store, key = place.store, place.key
    found = False
    if place.is_pattern:
        pattern = _compiled(key)
        for entry in store.entries(key[: min(key.find(sign) for sign in WILD if sign in key)]):
            if key in (entry.key, entry.path) or pattern.fullmatch(entry.key) or pattern.fullmatch(entry.path):
                found = True
                yield entry
    else:
        if not place.is_folder:
            exact = [entry for entry in _alike(store, key) if key in (entry.key, entry.path)]
            found = bool(exact)
            yield from exact[:1]
        if recursive:
            for entry in store.entries(place.folder):
                found = True
                yield entry
    if not found:
        if not recursive and not place.is_pattern and next(store.keys(place.folder), None) is not None:
            problem = f"This is a folder, not a key (key {key!r} in {store.uri})"
            raise StorageFileNotFoundError(f"{problem}. {BELOW[recursive]} means all below a folder.")
        raise nothing(place)


def _alike(store: AutoStore, key: str) -> Iterator[Entry]:
    """The entry of one key, as it is listed; a bare key that several files answer to comes by one look."""
    try:
        found = store.get_metadata(key)
    except StorageFileNotFoundError:
        return
    known = {extension for one in store.formats() for extension in one.extensions}
    extension = max((one for one in known if found.path.lower().endswith(one)), key=len, default="")
    yield Entry(
        key=key, path=found.path, format=extension, size=found.size, modified_time=found.modified_time, etag=found.etag
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    words = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}

    def said(part: str) -> str:
        if part[:1] == "[" and part[-1:] == "]":
            return part.replace("[!", "[^", 1)
        return words.get(part) or re.escape(part)

    try:
        return re.compile("".join(map(said, re.split(r"(\*\*/?|\*|\?|\[[^]]*\])", pattern))), re.DOTALL)
    except re.error as error:
        raise InvalidKeyError(f"{pattern!r} is no pattern: {error}. Use *, ?, ** and [abc].") from error
