"""From one store to another: the file as it is, under the same kind of key, so that value, type and mark go along.

Where the target's place copies from the source's (`StorageBackend.copies_from`), it does so itself; else the file
travels through the target's scratch folder, whole and compared in size before it is published. A reader of the target
sees the old value or the new.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from autostore.backend import FileMetadata, StorageBackend, is_still, look, not_found
from autostore.cache.copies import Copies
from autostore.errors import (
    PreconditionFailedError,
    StorageConnectionError,
    StorageFileNotFoundError,
    StorageIOError,
    StoragePermissionError,
    compose,
    from_os_error,
)
from autostore.handlers.registry import HandlerRegistry
from autostore.keys import Key, where
from autostore.mark import Mark
from autostore.naming.publishing import Publisher, Put
from autostore.naming.resolution import Resolver

__all__ = ["Side", "Transferred", "checksum", "on_found", "relocate", "transfer"]

ATTEMPTS = 20
"""How often a transfer looks again when its source was replaced by another format in between."""

Result = TypeVar("Result")


class Side(NamedTuple):
    """What a transfer needs of a store."""

    backend: StorageBackend
    registry: HandlerRegistry
    resolver: Resolver
    publisher: Publisher
    copies: Copies
    root: str

    def key(self, text: str) -> Key:
        """The parsed key."""
        return self.registry.parse(self.root + text, self.backend.uri)


class Transferred(NamedTuple):
    """The version that was copied, and the one that it became."""

    source: FileMetadata
    target: FileMetadata


def transfer(source: Side, key: Key, target: Side, to: str | None, *, if_absent: bool = False) -> Transferred:
    """Copy the file of `key`; without `to` under its own name: bare if it was written so, else its full name."""

    def once(found: FileMetadata) -> Transferred:
        extension = key.extension_of(found.path)
        wanted = target.key(_name(source, key, found) if to is None else to)
        if source.backend is target.backend and not if_absent:
            return Transferred(found, source.publisher.copy(source.key(_name(source, key, found)), wanted))
        way = _Way(source, found, extension, target, wanted, source.resolver.path_beside(key, found.path, wanted))
        sent = way.by_the_place(if_absent=if_absent) or way.through_here(if_absent=if_absent)
        _check(sent.source.size, sent.target.size, wanted.text, target.backend.uri)
        return sent

    return on_found(source, key, once)


class _Way(NamedTuple):
    """A file on its way to another store."""

    source: Side
    found: FileMetadata
    extension: str
    target: Side
    wanted: Key
    path: str

    def by_the_place(self, *, if_absent: bool) -> Transferred | None:
        """Copied where both lie; None where that cannot be, is refused, or has another version by now."""
        origin, place = self.source.backend.origin(self.found.path), self.target.backend
        if not place.copies_from(origin, conditional=if_absent):
            return None

        def put(mark: Mark | None) -> FileMetadata:
            over, etag = None if if_absent else "", self.found.etag
            return place.copy_from(origin, self.found.path, self.path, mark=mark, if_etag=etag, over=over)

        try:
            return Transferred(self.found, self._published(put, if_absent=if_absent))
        except (StoragePermissionError, StorageIOError):
            return None
        except PreconditionFailedError:
            if if_absent and is_still(origin, self.found.path, self.found.etag):
                raise  # it is the target that another one wrote
            return None

    def through_here(self, *, if_absent: bool) -> Transferred:
        """Read and written by this machine."""
        with self.target.backend.scratch_file(self.extension) as file:
            with _full_disk_is_at(where(self.path, self.target.backend.uri)):
                seen = self.source.backend.download(self.found.path, file)
            assert seen is not None
            _check(seen.size, file.stat().st_size, self.found.path, self.source.backend.uri)

            def put(mark: Mark | None) -> FileMetadata:
                return self.target.backend.upload(file, self.path, mark=mark, if_absent=if_absent)

            return Transferred(seen, self._published(put, if_absent=if_absent))

    def _published(self, put: Put, *, if_absent: bool) -> FileMetadata:
        act = self.target.publisher.create if if_absent else self.target.publisher.publish
        return act(self.wanted, self.path, put)


@contextlib.contextmanager
def _full_disk_is_at(place: str) -> Iterator[None]:
    """The disk that a file is fetched to is the target's, whatever the source says of itself."""
    try:
        yield
    except StorageIOError as error:
        behind = error.__cause__
        if isinstance(behind, OSError) and behind.errno in (errno.ENOSPC, errno.EDQUOT):
            raise from_os_error(behind, place) from behind
        raise


def relocate(source: Side, key: Key, target: Side, to: str | None) -> Transferred:
    """Move the file of `key`: within a place as it moves files, else copied and removed while it is what was copied."""
    if source.backend is not target.backend:
        sent = transfer(source, key, target, to)
        if not _is_onto_itself(source.backend, sent.source.path, target.backend, sent.target.path):
            source.publisher.remove(key, if_etag=sent.source.etag)
        return sent

    def once(found: FileMetadata) -> Transferred:
        name = _name(source, key, found)
        wanted = target.key(name if to is None else to)
        return Transferred(found, source.publisher.move(source.key(name), wanted))

    return on_found(source, key, once)


def _is_onto_itself(source: StorageBackend, path: str, target: StorageBackend, to: str) -> bool:
    """Whether two stores name one file, which is then moved already; `PreconditionFailedError` where that is unknown.

    The ETag does not tell: on S3 the same bytes have the same one. What has this address on another server is told by
    its time; of the same second it may also be the same object, reached by another name of its server.
    """
    if f"{source.uri.rstrip('/')}/{path}" != f"{target.uri.rstrip('/')}/{to}":
        return False
    server = source.server()
    if server is not None and server == target.server():
        return True
    there, copied = look(source, path), look(target, to)
    if there is None or copied is None or there.etag != copied.etag or there.modified_time != copied.modified_time:
        return False
    if server is None:
        return True
    problem = "Source and target have one address, and may be one object that two names of a server lead to"
    remedy = "It was copied and not removed. If they are two, move it again a second later."
    raise PreconditionFailedError(compose(problem, key=path, uri=source.uri, remedy=remedy))


def checksum(side: Side, key: Key) -> str:
    """SHA-256 of the file's bytes, in hexadecimal; in flat memory."""

    def once(found: FileMetadata) -> str:
        with side.copies.open(found.path, key.extension_of(found.path)) as (name, _):
            try:
                file = side.copies.stream(name, found.path)
            except FileNotFoundError as error:
                raise StorageFileNotFoundError(str(error)) from error
            with file:
                return hashlib.file_digest(file, "sha256").hexdigest()

    return on_found(side, key, once)


def on_found(side: Side, key: Key, act: Callable[[FileMetadata], Result]) -> Result:
    """What `act` gives for the key's file, again where that was replaced by another format since it was found."""
    for _ in range(ATTEMPTS):
        found = side.resolver.locate(key)
        with contextlib.suppress(StorageFileNotFoundError):  # replaced by another format since it was found
            return act(found)
    raise not_found(key.text, side.backend.uri)


def _name(source: Side, key: Key, found: FileMetadata) -> str:
    if found.path == key.text:
        return found.path[len(source.root) :]
    marked = found.mark is not None or source.backend.get_metadata(found.path).mark is not None
    return (key.text if marked else found.path)[len(source.root) :]


def _check(wanted: int, found: int, key: str, uri: str) -> None:
    if wanted != found:
        problem = f"{found} of {wanted} bytes arrived"
        raise StorageConnectionError(compose(problem, key=key, uri=uri, remedy="Try again."))
