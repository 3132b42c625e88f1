"""What a base has by now under a bare key of which a branch has its own value, or that it deleted: nobody saw it there.

The branch's value hides it, so the next change must not take it for seen: a record says that the branch had nothing
at that path, upon which a promotion is a conflict (`store/promoting.py`), and no deletion lets it show through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from autostore.backend import FileMetadata, StorageBackend, look
from autostore.naming.seen import BARE, HIDES, SeenFiles

__all__ = ["Answers", "note_unseen"]

Answers = Callable[[str], Collection[str]]
"""The extensions of the files that may answer to a bare key."""


def note_unseen(
    top: StorageBackend, base: StorageBackend, seen: SeenFiles, stem: str, answers: Answers, *, deleted: bool = False
) -> None:
    """Note what came to the base after the branch's own say in the stem; its lock is held. With `deleted` all of it.

    A LIST of the base; where that has files which are not the branch's, too, 2 LISTs of the branch and a look at each.
    """
    extensions = answers(stem)
    below = [file.path for file in base.find(stem, extensions)]
    if not below:
        return
    own = [found for file in top.find(stem, extensions) if (found := look(top, file.path)) is not None]
    records = {path: kinds for path, kinds in seen.below(f"{stem}.").items() if path.removeprefix(stem) in extensions}
    since = _since(own, records, seen)
    if since is None:  # what the base has shows
        return
    hidden = {file.path for file in own} | {path for path, kinds in records.items() if kinds & HIDES}
    for path in below:
        there = look(base, path) if path not in hidden else None
        if there is None or there.mark is None:
            continue
        later = there.mark.time_ns > since
        if later or deleted:
            seen.put(path, BARE, "" if later else there.etag)


def _since(own: list[FileMetadata], records: dict[str, frozenset[str]], seen: SeenFiles) -> int | None:
    """When the branch wrote or deleted the bare key last (ns); None where it did neither."""
    times = [file.mark.time_ns for file in own if file.mark is not None]
    times += [seen.at(path, BARE) for path, kinds in records.items() if BARE in kinds]
    return max(times, default=None)
