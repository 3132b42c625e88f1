"""How a value gets under its key: one key holds one object, and nobody else's file is touched.

A bare key may change its format, and then two files exist for a moment:

    look      which files answer to the key? only the one to be written: publish it, done
    claim     be the only one that removes files of this key (`claims.py`)
    look      again, now with marks: were they all written under this key?
    refuse    if another one was not: it is somebody else's
    publish   the new file, with a mark later than all that were seen
    remove    the marked others, each only while it is still the version that was seen

Readers choose the latest mark, so each step leaves a readable key, and a crash leaves the old
value or the new. Where the backend has locks, all of it happens under one. Where it has none
(S3), `tests/naming/model_publishing.py` walks through every interleaving of two and three
writers, a deleter and a reader, with a crash at every step; without the claim it finds an
acknowledged value lost, because some servers cannot delete conditionally.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.keys import Key
from autostore.mark import Mark
from autostore.naming.claims import sole_remover
from autostore.naming.resolution import Resolver, ambiguous, latest

__all__ = ["Publisher", "Put"]

REPLACED_ATTEMPTS = 50
"""How often a copy or move looks again when its source was replaced before it was used."""

Put = Callable[[Mark | None], FileMetadata]
"""Publishes one file, with this mark (None: under its full name), and returns its metadata."""


class Publisher:
    """The protocol of writing and removing, over any backend."""

    def __init__(self, backend: StorageBackend, resolver: Resolver) -> None:
        self._backend = backend
        self._resolver = resolver

    def publish(
        self, key: Key, path: str, put: Put, *, touching: tuple[str, ...] = (), begun: Mark | None = None
    ) -> FileMetadata:
        """Put a file at `path` so that it becomes the value of `key`; `touching` others, as a move does.

        The mark `begun`, which the file bears already, is kept where it is later than those of the files that go.
        """
        if path == key.text:
            return put(None)
        # All locks at once and in the backend's own order, so that two moves never wait for each other.
        with self._backend.lock(path, *touching):
            if all(file.path == path for file in self._resolver.among(key)):
                published, is_value = put(begun or Mark.fresh(key.text)), True
            else:
                published, is_value = self._replace(key, path, put, begun)
        if is_value:
            self._resolver.remember(key, path)
        else:
            self._resolver.forget(key)
        return published

    def _replace(self, key: Key, path: str, put: Put, begun: Mark | None) -> tuple[FileMetadata, bool]:
        """Publish and remove the others; and whether what was published is the latest of the files that stay."""
        with sole_remover(self._backend, key.text) as held:
            others, after = self._replaceable(key, path)
            mark = begun if begun is not None and begun.time_ns > after else Mark.fresh(key.text, after=after)
            published = put(mark)
            stay = [other for other in others if not self._remove_older(other, mark, held)]
        return published, not stay

    def _remove_older(self, file: FileMetadata, mark: Mark, held: Callable[[], bool]) -> bool:
        """Remove a file, also one that a swap renewed meanwhile; False where it is later than `mark`, and the value.

        It would be read still, for a minute, by those who remember it.
        """
        for _ in range(REPLACED_ATTEMPTS):
            try:
                if held():
                    self._backend.retire(file.path, if_etag=file.etag)
                    return True
                return False
            except PreconditionFailedError:
                found = self._resolver.detail([file])
            if not found:
                return True
            file = found[0]
            if file.mark is None or (file.mark.time_ns, file.mark.id) >= (mark.time_ns, mark.id):
                return False  # for the later writer to remove
        return False

    def mark_beside(self, key: Key, seen: FileMetadata) -> Mark | None:
        """The mark of a write that replaces only the version that was seen.

        Where nothing locks, a writer of another format may publish in between and then find
        the version that it meant to remove replaced. Both stay; its mark is later than this.
        """
        if seen.path == key.text:
            return None
        with _vanishing(seen.path, self._backend.uri):
            mark = seen.mark or self._backend.get_metadata(seen.path).mark
        return Mark.fresh(key.text) if mark is None else mark.renewed(key.text)

    def create(self, key: Key, path: str, put: Put) -> FileMetadata:
        """Put a file at `path` if nothing answers to `key`; of several at once, one at most succeeds."""
        if path == key.text:
            return put(None)
        with self._backend.lock(path), sole_remover(self._backend, key.text) as held:
            if self._resolver.among(key):
                raise exists_already(key.text, self._backend.uri)
            created = put(Mark.fresh(key.text))
            if not held():  # so slow that a rival may have created the key in another format
                self._remove_seen(created, lambda: True)
                raise exists_already(key.text, self._backend.uri)
        self._resolver.remember(key, path)
        return created

    def copy(self, source: Key, target: Key) -> FileMetadata:
        """Copy the file of `source`; its format stays."""

        def copy_once() -> FileMetadata:
            found = self._resolver.locate(source)
            path = self._resolver.path_beside(source, found.path, target)
            if path == found.path:
                return found

            def put(mark: Mark | None) -> FileMetadata:
                with _vanishing(found.path, self._backend.uri):
                    return self._backend.copy(found.path, path, mark=mark)

            return self.publish(target, path, put)

        return _while_replaced(copy_once)

    def move(self, source: Key, target: Key) -> FileMetadata:
        """Move the file of `source`, and nothing that a crash left beside it."""

        def move_once() -> FileMetadata:
            named = self._resolver.names_file(source)
            found = self._resolver.locate(source) if named else self.settle(source, "move it")
            path = self._resolver.path_beside(source, found.path, target)
            if path == found.path:
                return found
            self._resolver.forget(source)

            def put(mark: Mark | None) -> FileMetadata:
                with _vanishing(found.path, self._backend.uri):
                    return self._backend.move(found.path, path, mark=mark, if_etag=found.etag)

            moved = self.publish(target, path, put, touching=(found.path,))
            self._uncover(source)
            return moved

        return _while_replaced(move_once)

    def remove(self, key: Key, *, if_etag: str | None = None) -> None:
        """Remove the file that the key names, or every file that was written under the bare key."""
        self._resolver.forget(key)
        if self._resolver.names_file(key):
            self._backend.get_metadata(key.text)
            self._backend.delete(key.text, if_etag=if_etag)
            self._uncover(key)
            return
        with self._backend.lock(key.text, make=False):
            value = self.settle(key, "delete it")
            self._backend.delete(value.path, if_etag=if_etag)

    def _uncover(self, key: Key) -> None:
        """Remove what was written under the bare key before its name counted as a file's: it would come back."""
        if key.names_file is not None or not self._resolver.candidates(key):
            return
        with self._backend.lock(key.text, make=False), sole_remover(self._backend, key.text) as held:
            for file in self._resolver.detail(self._resolver.candidates(key)):
                if file.mark is not None:
                    self._remove_seen(file, held)

    def settle(self, key: Key, doing: str = "read it") -> FileMetadata:
        """The file of a bare key, after removing what a crashed writer left beside it.

        Otherwise the old value would come back once the new one is deleted or moved away.
        """
        files = self._resolver.among(key)
        if len(files) < 2:
            return self._resolver.choose(key, files, doing)
        with self._backend.lock(key.text, make=False), sole_remover(self._backend, key.text) as held:
            files = self._resolver.among(key)
            value = self._resolver.choose(key, files, doing)
            for file in self._resolver.detail(files):
                if file.mark is not None and file.path != value.path:
                    self._remove_seen(file, held)
        return value

    def _replaceable(self, key: Key, path: str) -> tuple[list[FileMetadata], int]:
        """The files that this write replaces, and the time that its mark must exceed."""
        detailed = self._resolver.detail(self._resolver.candidates(key))
        marked = [file for file in detailed if file.mark is not None]
        if len(marked) < len(detailed) and not any(file.path == path for file in marked):
            strangers = [file for file in detailed if file.mark is None]
            raise ambiguous(key.text, self._backend.uri, strangers, f"write {path!r}")
        return [file for file in marked if file.path != path], latest(marked)

    def _remove_seen(self, file: FileMetadata, held: Callable[[], bool]) -> None:
        # Changed meanwhile, or the claim lost: it is for the later writer to remove.
        with contextlib.suppress(PreconditionFailedError):
            if held():
                self._backend.retire(file.path, if_etag=file.etag)


@contextlib.contextmanager
def _vanishing(path: str, uri: str) -> Iterator[None]:
    """What was found and is gone now has changed; it is not missing from the start."""
    try:
        yield
    except StorageFileNotFoundError as error:
        raise changed(path, uri) from error


def _while_replaced(attempt: Callable[[], FileMetadata]) -> FileMetadata:
    """Try again while someone else replaces the file between finding it and using it."""
    for _ in range(REPLACED_ATTEMPTS):
        with contextlib.suppress(PreconditionFailedError):
            return attempt()
    return attempt()
