"""A branch over a base: one place that reads in both and writes in one.

Read: the branch's file, else, unless a tombstone hides it, the base's. Write: what the base has there is noted first
(`seen.py`), then the value is put in the branch. Delete: a tombstone first, then the branch's own file. Each change is
made under the lock or claim of its key; `tests/naming/model_layers.py` walks through every interleaving.

Here only reading calls reach the base.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already, look, not_found
from autostore.backends.passing import PassingBackend
from autostore.errors import (
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
)
from autostore.keys import RESERVED
from autostore.mark import Mark
from autostore.naming.claiming import ClaimingBackend
from autostore.naming.resolution import without_extension
from autostore.naming.seen import BARE, GONE, HIDES, SAW, SeenFiles
from autostore.naming.unseen import Answers, note_unseen

__all__ = ["LayeredBackend"]


class LayeredBackend(PassingBackend):
    """`top`, the branch's own place, over `base`."""

    def __init__(self, top: ClaimingBackend, base: StorageBackend, answers: Answers) -> None:
        super().__init__(top)
        self._answers = answers
        self.top = top
        self.base = base
        self.seen = SeenFiles(top.inner)
        self.locks_exclude = True
        self.concurrency = max(top.concurrency, base.concurrency)

    def get_metadata(self, path: str) -> FileMetadata:
        """Of the branch's file, else of the base's."""
        found = look(self.top, path) or self._below(path)
        if found is None:
            raise not_found(path, self.uri)
        return found

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """The branch's bytes, else the base's."""
        try:
            return self.top.download(path, file, unless_etag=unless_etag)
        except StorageFileNotFoundError:
            if self.hides(path):
                raise
        return self.base.download(path, file, unless_etag=unless_etag)

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """The files of both that answer."""
        own = self.top.find(stem, extensions)
        return own + self._shown(stem, own, self.base.find(stem, extensions))

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """The branch's, where one was written under the bare key; else those of both."""
        own = self.top.find_value(stem, extensions)
        if own and self._has_marked(self.top, own):
            return own
        below = self.base.find_value(stem, extensions)
        shown = self._shown(stem, own, below)
        # Those without a mark, which a place may leave out, answer where the others are hidden.
        return own + shown if shown or not below else self.find(stem, extensions)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """Both listings, merged in order; the branch's file stands for the base's."""
        seen = self.seen.below(start := without_extension(prefix))  # what hides a file may have another one
        own: dict[str, list[FileMetadata]] = {}
        for file in self.top.list_files(start):
            own.setdefault(self.top.split(file.path)[0], []).append(file)
        stones = {self.top.split(path)[0] for path, kinds in seen.items() if BARE in kinds}
        base = (file for file in self.base.list_files(prefix) if self._is_listed(file, seen, own, stones))
        mine = sorted((file for files in own.values() for file in files if file.path.startswith(prefix)), key=_order)
        return heapq.merge(mine, base, key=_order)

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Into the branch, after what it hides was noted; conditions mean what they mean on one place."""
        with self.lock(path):
            own = self._prepare(path, mark, if_etag, if_absent=if_absent)
            self.top.confirm(path)
            conditional = if_etag is not None or if_absent
            over = own.etag if own is not None and conditional else None
            return self.top.upload(file, path, mark=mark, if_etag=over, if_absent=own is None and conditional)

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Into the branch; the base's bytes pass through here, unless both are in one place."""
        with self.lock(target):
            if look(self.top, source) is not None:
                self._prepare(target, mark)
                return self.top.copy(source, target, mark=mark, if_etag=if_etag)
            origin = self.base.origin(source)
            below = self._below(source) if self.top.copies_from(origin) else None
            if below is not None and if_etag in (None, below.etag):
                self._prepare(target, mark)
                with contextlib.suppress(StoragePermissionError, StorageIOError):
                    return self.top.copy_from(origin, source, target, mark=mark, if_etag=below.etag)
            return super().copy(source, target, mark=mark, if_etag=if_etag)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """A copy, then a deletion in the branch."""
        with self.lock(source, target):
            return super().move(source, target, mark=mark, if_etag=if_etag)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """A tombstone where the base has or had something, then the branch's own file."""
        self._remove(path, if_etag, retired=False)

    def retire(self, path: str, *, if_etag: str) -> None:
        """The same, of a file that another one has replaced."""
        self._remove(path, if_etag, retired=True)

    def origin(self, path: str) -> StorageBackend:
        """The branch's place, or the base's: wherever the file lies that is shown."""
        return (self.base if look(self.top, path) is None else self.top).origin(path)

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """What the branch's own place copies from."""
        return self.top.copies_from(other, conditional=conditional)

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """Into the branch, as `upload`."""
        with self.lock(target):
            own = self._prepare(target, mark, over or None, if_absent=over is None)
            self.top.confirm(target)
            there = "" if over == "" else None if own is None else own.etag
            return self.top.copy_from(other, source, target, mark=mark, if_etag=if_etag, over=there)

    def local_file(self, path: str) -> Path | None:
        """The branch's own file only."""
        return self.top.local_file(path)

    def url(self, path: str, *, expires: float | None = None) -> str:
        """Of the branch's file, else of the base's, where there is one."""
        own = path.endswith("/") or look(self.top, path) is not None or self._below(path) is None
        return (self.top if own else self.base).url(path, expires=expires)

    def hides(self, path: str) -> bool:
        """Whether the branch deleted what the base has at this path."""
        return bool(self.seen.of(path) & HIDES)

    def stood(self, key: str, at: int) -> bool:
        """Whether by then (ns) the branch had a say of its own in what the key is, which still holds."""
        starts = (f"{key}/{RESERVED}/", f"{key}.")
        found = (one for start in starts for one in self.seen.since(start))
        return any(since <= at and key in (path, self.top.split(path)[0]) for path, since in found)

    def _below(self, path: str) -> FileMetadata | None:
        return None if self.hides(path) else look(self.base, path)

    def _prepare(
        self, path: str, mark: Mark | None, if_etag: str | None = None, *, if_absent: bool = False
    ) -> FileMetadata | None:
        """Check the conditions on what a reader sees, and note what the base has; the branch's own file, if any."""
        if mark is not None:
            self._note_unseen(path)
        own = look(self.top, path)
        kinds = self.seen.of(path) if own is None else frozenset()
        below = look(self.base, path) if own is None and not kinds & HIDES else None
        there = own or below
        if if_absent and there is not None:
            raise exists_already(path, self.uri)
        if if_etag is not None and (there is None or there.etag != if_etag):
            raise changed(path, self.uri)
        if below is not None:
            self.seen.put(path, SAW, below.etag)
        elif own is None and SAW in kinds and not kinds & HIDES:
            self.seen.drop(path, [SAW])
        return own

    def _remove(self, path: str, if_etag: str | None, *, retired: bool) -> None:
        with self.lock(path, make=False):
            own, kinds, below = look(self.top, path), self.seen.of(path), look(self.base, path)
            there = own or (None if kinds & HIDES else below)
            if if_etag is not None and (there is None or there.etag != if_etag):
                raise changed(path, self.uri)
            if there is None:
                return
            if own is not None and own.mark is not None and not retired:
                self._note_unseen(path, deleted=True)
            saw = self.seen.saw(path, kinds) if own is not None or kinds & HIDES else below.etag if below else ""
            if below is not None or saw:
                self.seen.put(path, GONE if there.mark is None else BARE, saw)
            if own is not None:
                self.top.confirm(path)
                (self.top.retire if retired else self.top.delete)(path, if_etag=own.etag)
            self.seen.drop(path, kinds & {SAW})

    def _note_unseen(self, path: str, *, deleted: bool = False) -> None:
        note_unseen(self.top, self.base, self.seen, self.top.split(path)[0], self._answers, deleted=deleted)

    def _shown(self, stem: str, own: list[FileMetadata], base: list[FileMetadata]) -> list[FileMetadata]:
        """Those of the base's files of a stem that neither a file nor a tombstone of the branch hides."""
        base = [file for file in base if all(file.path != mine.path for mine in own)]
        if not base:
            return []
        seen = self.seen.below(f"{stem}.")
        base = [file for file in base if not seen.get(file.path, frozenset()) & HIDES]
        stone = any(BARE in kinds for path, kinds in seen.items() if self.top.split(path)[0] == stem)
        if base and (stone or self._has_marked(self.top, own)):
            # The value of the bare key is the branch's, or deleted: what the base has under it by now is hidden too.
            return [file for file in base if not self._has_marked(self.base, [file])]
        return base

    def _is_listed(
        self,
        file: FileMetadata,
        seen: dict[str, frozenset[str]],
        own: dict[str, list[FileMetadata]],
        stones: Collection[str],
    ) -> bool:
        beside = own.get(stem := self.top.split(file.path)[0], [])
        if any(mine.path == file.path for mine in beside) or seen.get(file.path, frozenset()) & HIDES:
            return False
        hidden = stem in stones or self._has_marked(self.top, beside)
        return not (hidden and self._has_marked(self.base, [file]))

    def _has_marked(self, place: StorageBackend, files: Iterable[FileMetadata]) -> bool:
        """Whether one of the files was written under a bare key; a look at each, as a listing does not say."""
        looks = (look(place, file.path) for file in files)
        return any(found is not None and found.mark is not None for found in looks)


def _order(file: FileMetadata) -> bytes:
    return file.path.encode()
