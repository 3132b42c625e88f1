"""From a branch into its base: all is checked first, then each key is put where the base still has what was seen.

Per key, under its lock in the branch: the base's files, then the branch's record of what it saw, then its own file.
Whoever is killed in between is finished by the next: what the base has already counts as done. So does what the
branch no longer has when its turn comes, as another promoter or a discard was faster, or a writer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from autostore.backend import FileMetadata, StorageBackend, is_still, look
from autostore.disk.small import bytes_of
from autostore.errors import (
    PreconditionFailedError,
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
    compose,
)
from autostore.keys import where
from autostore.mark import Mark
from autostore.naming.layering import LayeredBackend
from autostore.naming.resolution import latest
from autostore.naming.seen import HIDES
from autostore.naming.unseen import Answers
from autostore.parallel import in_order
from autostore.store.changes import Change
from autostore.store.siblings import has_rival, units
from autostore.telling.bars import counted

__all__ = ["Progress", "Promoter", "unheard"]

MOST_LOCKED = 100
"""Folders of a local base that are locked at once, so that nobody comes between the check and the change."""

Progress = Callable[[int, int], object]
"""Told after each key: how many are done, of how many."""

Renew = Callable[[Path, str], None]
"""Signs a file anew, for the base's readers."""


class Promoter:
    """Moves changes of a branch into its base, `target` being the base as it is written to."""

    def __init__(
        self, backend: LayeredBackend, target: StorageBackend, renew: Renew | None, answers: Answers = frozenset
    ) -> None:
        self._backend = backend
        self._target = target
        self._renew = renew
        self._answers = answers

    def promote(self, changes: list[Change], progress: Progress, root: str = "") -> None:
        """All of them, or none where one of the base's values is not as seen; keys are told as those below `root`."""
        with self._alone(changes) as width:
            conflicts = [
                change.key.removeprefix(root)
                for change, fits in zip(changes, in_order(self._fits, changes, width), strict=True)
                if not fits
            ]
            if conflicts:
                raise self._conflict(conflicts, [], [change.key.removeprefix(root) for change in changes])
            promoted: list[str] = []
            late: list[str] = []
            shown = self._backend.config.progress
            passes = units(changes, self._backend)
            made = (one for part in passes for unit in in_order(self._together, part, width) for one in unit)
            for change, done in counted("promote", made, len(changes), shown):
                (promoted if done else late).append(change.key.removeprefix(root))
                progress(len(promoted) + len(late), len(changes))
        if late:
            raise self._conflict(late, promoted, late)

    def discard(self, change: Change) -> None:
        """Forget a change: its tombstones first, then the branch's own file."""
        top, seen = self._backend.top, self._backend.seen
        for path in (*change.removes, *change.puts):
            with self._backend.lock(path, make=False):
                kinds = seen.of(path)
                seen.drop(path, sorted(kinds))
                own = look(top, path)
                if own is not None:
                    top.confirm(path)
                    top.delete(path, if_etag=own.etag)  # its past says until when it was the value

    def _together(self, unit: list[Change]) -> list[tuple[Change, bool]]:
        return [(change, self._promoted(change)) for change in unit]

    @contextlib.contextmanager
    def _locked(self, paths: list[str]) -> Iterator[int]:
        with self._target.lock(*paths):
            yield 1  # the lock is this thread's

    def _alone(self, changes: list[Change]) -> AbstractContextManager[int]:
        paths = {path for change in changes for path in (*change.puts, *change.removes)}
        folders = {path.rpartition("/")[0] for path in paths}
        if self._target.locks_exclude and 0 < len(folders) <= MOST_LOCKED:
            return self._locked(sorted(paths))
        return contextlib.nullcontext(max(1, self._target.concurrency))

    def _fits(self, change: Change) -> bool:
        """Whether the base still has what the branch saw, or by now what it would get; or the change is gone."""
        return (
            all(self._is_as_seen(path) or self._is_done(path) for path in (*change.puts, *change.removes))
            and not self._has_rival(change)
        ) or not self._is_there(change)

    def _has_rival(self, change: Change) -> bool:
        return has_rival(change, self._backend, self._target, self._answers)

    def _is_there(self, change: Change) -> bool:
        """Whether the branch has still what it had when the change was listed."""
        if change.puts:
            return all(look(self._backend.top, path) is not None for path in change.puts)
        return all(self._backend.seen.of(path) & HIDES for path in change.removes)

    def _is_as_seen(self, path: str) -> bool:
        below = look(self._target, path)
        return self._saw(path) == ("" if below is None else below.etag)

    def _saw(self, path: str) -> str:
        return self._backend.seen.saw(path, self._backend.seen.of(path))

    def _is_done(self, path: str) -> bool:
        """Whether the base has the branch's bytes already; of a deletion, nothing."""
        own, below = look(self._backend.top, path), look(self._target, path)
        if own is None or below is None:
            return own is None and below is None
        if own.size != below.size:
            return False
        with self._backend.scratch_file() as mine, self._backend.scratch_file() as theirs:
            self._backend.top.download(path, mine)
            if self._renew is not None:
                self._renew(mine, path)
            self._target.download(path, theirs)
            at = where(path, self._target.uri)
            return bytes_of(mine, at) == bytes_of(theirs, at)

    def _promoted(self, change: Change) -> bool:
        """Put and remove, then forget; False where somebody else wrote to the base meanwhile."""
        with (
            self._backend.lock(*change.puts, *change.removes, make=False),
            contextlib.suppress(PreconditionFailedError),
        ):
            # Again: a condition guards one path, not a key.
            if self._has_rival(change) and self._is_there(change):
                return False
            put = [own for path in change.puts if (own := self._put(path, change.removes)) is not None]
            if len(put) < len(change.puts):
                return True
            for path in change.removes:
                self._remove(path, replaced=bool(change.puts))
            # The branch's own file goes last: until then it is what the key reads as.
            for own in put:
                self._forget(own)
            return True
        return False

    def _put(self, path: str, others: tuple[str, ...]) -> FileMetadata | None:
        """The branch's file that the base has now; None where it is gone."""
        try:
            return self._copied(path, others) or self._sent(path, others)
        except PreconditionFailedError:
            own = look(self._backend.top, path)  # before its bytes are compared: what comes later is not forgotten
            if not self._is_done(path):
                raise
            return own

    def _copied(self, path: str, others: tuple[str, ...]) -> FileMetadata | None:
        """The file, which the base's place has copied itself; None where it did not: refused, or the file changed."""
        top = self._backend.top
        origin = top.origin(path)
        own = look(top, path) if self._renew is None and self._target.copies_from(origin, conditional=True) else None
        if own is None:
            return None
        mark, over = self._mark(path, own, others), self._saw(path) or None
        try:
            self._target.copy_from(origin, path, path, mark=mark, if_etag=own.etag, over=over)
        except (StoragePermissionError, StorageIOError, StorageFileNotFoundError):
            return None
        except PreconditionFailedError:
            if is_still(top, path, own.etag):
                raise  # it is the base that has changed
            return None
        return own

    def _sent(self, path: str, others: tuple[str, ...]) -> FileMetadata | None:
        """The file, whose bytes passed through this machine; None where it is gone."""
        with self._backend.scratch_file() as file:
            try:
                own = self._backend.top.download(path, file)
            except StorageFileNotFoundError:
                return None
            if own is not None:
                saw = self._saw(path)
                if self._renew is not None:
                    self._renew(file, path)
                mark = self._mark(path, own, others)
                self._target.upload(file, path, mark=mark, if_etag=saw or None, if_absent=not saw)
        return own

    def _forget(self, own: FileMetadata) -> None:
        """The records of what was seen, and the file; the key reads through again."""
        top, seen = self._backend.top, self._backend.seen
        top.confirm(own.path)
        kinds = seen.of(own.path)
        seen.drop(own.path, kinds & HIDES)
        top.delete(own.path, if_etag=own.etag)  # its past says until when it was the value
        seen.drop(own.path, kinds - HIDES)

    def _remove(self, path: str, *, replaced: bool) -> None:
        kinds = self._backend.seen.of(path)
        if not kinds & HIDES:  # the branch takes it for deleted no more
            return
        below, saw = look(self._target, path), self._backend.seen.saw(path, kinds)
        if below is not None:
            (self._target.retire if replaced else self._target.delete)(path, if_etag=saw)
        self._backend.top.confirm(path)
        self._backend.seen.drop(path, sorted(kinds))

    def _mark(self, path: str, own: FileMetadata, others: tuple[str, ...]) -> Mark | None:
        """The base's own: later than those of the files that it replaces there."""
        mark = own.mark or (look(self._backend.top, path) or own).mark
        if mark is None:
            return None
        after = latest(found for found in (look(self._target, other) for other in others) if found is not None)
        return Mark.fresh(self._backend.top.split(path)[0], after=after)

    def _conflict(self, keys: list[str], promoted: list[str], left: list[str]) -> PreconditionFailedError:
        shown = ", ".join(repr(key) for key in keys[:20]) + (f" and {len(keys) - 20} more" if len(keys) > 20 else "")
        done = f"{len(promoted)} others were promoted before" if promoted else "Nothing was changed"
        problem = f"The base was changed since the branch wrote over it: {shown}"
        remedy = (
            f"{done}. Read both values, here and in store.base, and decide which is right, as docs/layers.md shows."
        )
        error = PreconditionFailedError(compose(problem, uri=self._target.uri, remedy=remedy))
        error.conflicts, error.promoted, error.left = keys, promoted, left  # type: ignore[attr-defined]
        return error


def unheard(done: int, total: int) -> None:
    """Nobody asked for progress."""
    del done, total
