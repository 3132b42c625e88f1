"""What a base has under a bare key that a branch wrote, in another format, and which the branch did not see.

One key is one object: promoted beside it, the branch's file would hide it, and nobody would hear of the conflict.
"""

from __future__ import annotations

from autostore.backend import FileMetadata, StorageBackend, look
from autostore.keys import RESERVED
from autostore.naming.layering import LayeredBackend
from autostore.naming.seen import BARE, HIDES
from autostore.naming.unseen import Answers
from autostore.store.changes import Change

__all__ = ["has_rival", "units"]


def has_rival(change: Change, branch: LayeredBackend, base: StorageBackend, answers: Answers) -> bool:
    """Whether the base has a later value than the branch's, or somebody else's file; a listing, and a look at each.

    As where the branch has `k.json`, and the base has had `k.csv` since. Earlier ones the branch saw, and its record
    of that may be gone with a writer that was killed.
    """
    since = _since(change, branch)
    if since is None:
        return False
    paths = (*change.puts, *change.removes)
    stem = branch.top.split(paths[0])[0]
    beside = [file.path for file in base.find(stem, answers(stem)) if file.path not in paths]
    found = [there for path in beside if (there := look(base, path)) is not None]
    # Beside somebody else's file a value is replaced, and none begun; that which the branch deletes goes, too.
    found = [there for there in found if there.mark is not None or not _goes(there, branch)]
    begun = bool(found) and any(look(base, path) is None for path in change.puts)
    return any(begun if there.mark is None else there.mark.time_ns > since for there in found)


def units(changes: list[Change], branch: LayeredBackend) -> tuple[list[list[Change]], list[list[Change]]]:
    """What is promoted one after the other: of one stem what was written under the bare key first, as in the branch.

    Beside a file by its full name that came before it, it would be refused. The first list is of what puts something,
    and done before the other, of what only removes: what was moved in the branch is never nowhere in the base.
    """
    stems: dict[str, list[Change]] = {}
    for change in changes:
        stems.setdefault(branch.top.split((*change.puts, *change.removes)[0])[0], []).append(change)
    found = [sorted(unit, key=lambda one: _is_named(one, branch)) if len(unit) > 1 else unit for unit in stems.values()]
    puts = [unit for unit in found if any(change.puts for change in unit)]
    return puts, [unit for unit in found if not any(change.puts for change in unit)]


def _is_named(change: Change, branch: LayeredBackend) -> bool:
    own = look(branch.top, change.puts[0]) if change.puts else None
    return own is not None and own.mark is None


def _goes(there: FileMetadata, branch: LayeredBackend) -> bool:
    """Whether the branch deleted exactly this file of the base."""
    kinds = branch.seen.of(there.path) & HIDES
    return bool(kinds) and branch.seen.saw(there.path, kinds) == there.etag


def _since(change: Change, branch: LayeredBackend) -> int | None:
    """When the branch wrote or deleted the bare key (ns); None where it was a file by its full name, or is gone."""
    if change.puts:
        own = [look(branch.top, path) for path in change.puts]
        times = [file.mark.time_ns for file in own if file is not None and file.mark is not None]
    else:
        stones = [path for path in change.removes if BARE in branch.seen.of(path)]
        times = [at for path in stones for _, at in branch.seen.since(f"{path}/{RESERVED}/")]
    return max(times, default=None)
