"""What `sync` does: what changed, and what is there no more.

Changed is a file that is missing there, has another size, or is newer here than there; with `checksum` whatever
differs, byte by byte. What arrived is not sent again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta

from autostore import AutoStore
from autostore.cli.places import Place
from autostore.cli.transfers import Step
from autostore.errors import LeftOutWarning, StorageFileNotFoundError, StoragePermissionError
from autostore.info.values import Entry

__all__ = ["changed_since", "difference", "surplus"]


def difference(source: Place, target: Place, *, checksum: bool) -> tuple[list[Step], dict[str, str]]:
    """What `sync` copies: what is missing there, or is another; and the ETags of that, by key, as it was listed."""
    steps, listed = list[Step](), dict[str, str]()
    here, there = source.part, target.part
    known = {entry.path: entry for entry in there.entries()}
    for entry in here.entries():
        old = known.get(entry.path)
        if old is not None and old.size == entry.size:
            if checksum and here.checksum(entry.path) == there.checksum(old.path):
                continue
            if not checksum and old.modified_time >= _latest(entry):
                continue
        steps.append(Step("copy", here, entry.key, entry.size, there, replaces=old is not None))
        listed[entry.key] = entry.etag
    return steps, listed


def changed_since(source: Place, target: Place, listed: dict[str, str]) -> tuple[list[Step], dict[str, str]]:
    """As `difference`, of what changed while it was sent: the copy may hold either, and is newer than both."""
    here, there = source.part, target.part
    changed = [entry for entry in here.entries() if listed.get(entry.key, entry.etag) != entry.etag]
    steps = [Step("copy", here, entry.key, entry.size, there, replaces=True) for entry in changed]
    return steps, {entry.key: entry.etag for entry in changed}


def _latest(entry: Entry) -> datetime:
    """When it was written at the latest: S3 tells whole seconds."""
    return entry.modified_time + timedelta(seconds=0 if entry.modified_time.microsecond else 1)


def surplus(source: Place, target: Place) -> Iterator[Step]:
    """What `sync --delete` removes: keys that are there only; refused where the source may have more than it shows."""
    here, there = source.part, target.part
    keys, paths = set[str](), set[str]()
    for entry in _all_of(here):
        keys.add(entry.key)
        paths.add(entry.path)
    for entry in there.entries():
        if not keys:
            problem = f"Nothing is stored in {here.uri}, so --delete would remove all of {there.uri}"
            raise StorageFileNotFoundError(f"{problem}. Name the source that has keys, or sync without --delete.")
        if entry.path not in paths and entry.key not in keys:
            yield Step("remove", there, entry.key, entry.size)


def _all_of(store: AutoStore) -> list[Entry]:
    """Its keys; `StoragePermissionError` where some may lie in what a listing leaves out."""
    with warnings.catch_warnings(record=True) as said:  # the listing of what to send has shown them
        warnings.simplefilter("always", LeftOutWarning)
        found = list(store.entries())
    for one in said:
        if isinstance(one.message, LeftOutWarning) and one.message.hides_keys:
            problem = "What lies there is not known, so nothing is removed from the target for it"
            raise StoragePermissionError(f"{one.message} {problem}. Make it readable, or sync without --delete.")
    return found
