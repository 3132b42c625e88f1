"""History's protocol: what is replaced or deleted is kept first, then exactly that is replaced.

    look      which version is there? (nothing: publish where nothing is, done)
    keep      exactly this version, under its own id (`versions.py`); twice makes one file
    replace   exactly this version, and no other; else begin again

Where the place has locks, all of it happens under one; S3 that checks every condition needs none; where it checks
some, each change is made under the claim of its key, which is asked for just before each step that the server does
not check. `tests/naming/model_history.py` walks through every interleaving, crash, stall and lost answer.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already, is_still, look
from autostore.disk import small
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.mark import Mark
from autostore.naming.claiming import ClaimingBackend, Split
from autostore.naming.claims import HISTORY, WITHOUT
from autostore.naming.rivals import Rivals
from autostore.naming.versions import marker_path, version_id, version_path

__all__ = ["KeepingBackend"]

Replace = Callable[[str | None], FileMetadata]
"""Publishes over a version with this ETag; None: where nothing is."""


class KeepingBackend(ClaimingBackend):
    """A place that keeps what is replaced and what is deleted; `alone`: under claims even where none are needed."""

    needs, remedy = HISTORY, WITHOUT

    def __init__(self, inner: StorageBackend, split: Split, *, alone: bool = False) -> None:
        super().__init__(inner, split)
        self._alone = alone
        self._mine = _Mine()

    def get_metadata(self, path: str) -> FileMetadata:
        """What is known of the file; whoever changes it next need not look again."""
        self._mine.seen = found = self.inner.get_metadata(path)
        return found

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """The bytes; whoever changes them next need not look again."""
        found = self.inner.download(path, file, unless_etag=unless_etag)
        # What tells neither of its mark nor of its write may be of a place that keeps these beside the file.
        self._mine.seen = found if found is not None and (found.mark is not None or found.write) else None
        return found

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """What is found; whoever then writes where nothing is need not look again."""
        found = self.inner.find_value(stem, extensions)
        self._mine.absent = None if found else stem
        return found

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Keep what is there, and replace exactly that."""

        def replace(over: str | None) -> FileMetadata:
            return self.inner.upload(file, path, mark=mark, if_etag=over, if_absent=over is None)

        with self.lock(path):
            if if_absent:
                self.confirm(path)
                return replace(None)
            return self._replaced(path, replace, if_etag)

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Keep what the target is, and replace exactly that by a copy of the bytes."""
        with self.lock(target):
            found = self.inner.get_metadata(source)
            if if_etag is not None and found.etag != if_etag:
                raise changed(source, self.uri)

            def replace(over: str | None) -> FileMetadata:
                return self.inner.copy_over(source, target, mark=mark, if_etag=found.etag, over=over)

            return self._replaced(target, replace, as_it_was=lambda: is_still(self.inner, source, found.etag))

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """What is there is replaced under a condition, unless the claim keeps others away."""
        return self.inner.copies_from(other, conditional=not self.claims())

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """Keep what the target is, and replace exactly that by a copy of the other place's bytes."""
        checks = self.inner.copies_from(other, conditional=True)

        def replace(seen: str | None) -> FileMetadata:
            wanted = seen if checks else ""  # else the claim was confirmed just now
            return self.inner.copy_from(other, source, target, mark=mark, if_etag=if_etag, over=wanted)

        with self.lock(target):
            if over is None:
                if self._look(target) is not None:
                    raise exists_already(target, self.uri)
                self.confirm(target)
                return replace(None)
            return self._replaced(target, replace, over or None, lambda: is_still(other, source, if_etag))

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """Keep the source, copy it, then remove exactly what was copied."""
        with self.lock(source, target):
            found = self.inner.get_metadata(source)
            if if_etag is not None and found.etag != if_etag:
                raise changed(source, self.uri)
            kept = self._keep(source, found)
            moved = self.copy(source, target, mark=mark, if_etag=found.etag)
            with contextlib.suppress(PreconditionFailedError):  # by now it is another object, or none
                self._removed(source, found, kept, deleted=True)
            return moved

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Keep what is there, say when it was deleted, and remove exactly that."""
        self._remove(path, if_etag, deleted=True)

    def retire(self, path: str, *, if_etag: str) -> None:
        """Keep and remove a file that another one has replaced."""
        self._remove(path, if_etag, deleted=False)

    def _needs_claims(self) -> bool:
        return self.inner.begin_history() or (self._alone and not self.inner.locks_exclude)

    def _replaced(
        self, path: str, replace: Replace, if_etag: str | None = None, as_it_was: Callable[[], bool] = lambda: True
    ) -> FileMetadata:
        """Replace what is there after it was kept, again and again until nobody else came in between.

        `as_it_was`: whether what is put there is what it was, so that it is the target which another one changed.
        """
        rivals = Rivals(path, self.uri)
        while True:
            seen = self._seen(path, if_etag)
            try:
                if seen is not None:
                    self._keep(path, seen)
                self.confirm(path)
                return replace(None if seen is None else seen.etag)
            except PreconditionFailedError as error:
                if if_etag is not None or not as_it_was():
                    raise  # the caller's to decide
                rivals.met(seen, error)

    def _remove(self, path: str, if_etag: str | None, *, deleted: bool) -> None:
        rivals = Rivals(path, self.uri)
        self._mine.absent = None  # by now something may be there, and no condition would tell
        with self.lock(path, make=False):
            while (seen := self._seen(path, if_etag)) is not None:
                try:
                    self._removed(path, seen, self._keep(path, seen), deleted=deleted)
                except PreconditionFailedError as error:
                    if if_etag is not None:
                        raise
                    rivals.met(seen, error)
                else:
                    return

    def _removed(self, path: str, seen: FileMetadata, kept: str, *, deleted: bool) -> None:
        """Remove exactly what was kept, after saying when."""
        marker = ""
        if deleted:
            written = int(version_id(self.inner, seen).partition("-")[0])
            marker = marker_path(kept, max(time.time_ns(), written + 1))
            put_text(self.inner, marker, "")
        self.confirm(path)
        try:
            self.inner.delete(path, if_etag=seen.etag)
        except PreconditionFailedError:
            if marker:
                self.inner.drop_own(marker)
            raise

    def _seen(self, path: str, if_etag: str | None) -> FileMetadata | None:
        """What is at the path now, as its reader saw it a moment ago or by a look; None: nothing."""
        seen, self._mine.seen = self._mine.seen, None
        absent, self._mine.absent = self._mine.absent, None
        if if_etag is None and absent is not None and path.startswith(f"{absent}."):
            return None
        if seen is None or seen.path != path or (if_etag is not None and seen.etag != if_etag):
            seen = self._look(path)
        if if_etag is not None and (seen is None or seen.etag != if_etag):
            raise changed(path, self.uri)
        return seen

    def _look(self, path: str) -> FileMetadata | None:
        return look(self.inner, path)

    def _keep(self, path: str, seen: FileMetadata) -> str:
        """Keep this version; its path there."""
        stem, extension = self.split(path)
        kept = version_path(stem, version_id(self.inner, seen), extension, named=seen.mark is None)
        self.confirm(path)
        try:
            self.inner.keep(path, kept, if_etag=seen.etag)
        except StorageFileNotFoundError as error:
            raise changed(path, self.uri) from error
        return kept


class _Mine(threading.local):
    """What one thread saw last."""

    def __init__(self) -> None:
        self.seen: FileMetadata | None = None
        self.absent: str | None = None


def put_text(backend: StorageBackend, path: str, text: str) -> None:
    """Lay a small file of ours."""
    with backend.scratch_file() as file:
        small.put_text(file, text, f"key {path!r} in {backend.uri}")
        backend.upload(file, path)
