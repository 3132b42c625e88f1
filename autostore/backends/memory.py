"""A store in this process's memory: the reference backend, and the shortest example of one."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autostore.plugins import (
    FileMetadata,
    Mark,
    ParsedUri,
    StorageBackend,
    StorageConfig,
    Turns,
    changed,
    content_type,
    disk_errors_are_typed,
    exists_already,
    not_found,
)

__all__ = ["MemoryBackend"]


class _Space:
    """The files of one memory URI, shared by all backends that name it."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.files: dict[str, tuple[bytes, FileMetadata]] = {}


# `memory://name` lives as long as the process, `memory://` as long as a backend uses it.
_named: dict[str, _Space] = {}
_anonymous: weakref.WeakValueDictionary[str, _Space] = weakref.WeakValueDictionary()


def _forget_inherited() -> None:
    for space in [*_named.values(), *_anonymous.values()]:
        space.turns.forget()


os.register_at_fork(after_in_child=_forget_inherited)


class MemoryBackend(StorageBackend):
    """Bytes in a dict; `memory://name` is one space for the whole process, `memory://` a private one."""

    locks_exclude = True

    def __init__(self, uri: ParsedUri, config: StorageConfig) -> None:
        name = uri.rest or f"?{os.urandom(16).hex()}"  # "?": reopening it names the same private space
        super().__init__(ParsedUri("memory", name), config)
        spaces = _anonymous if name.startswith("?") else _named
        self._space = spaces.setdefault(name, _Space())

    def get_metadata(self, path: str) -> FileMetadata:
        """What `upload` returned."""
        return self._entry(path)[1]

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """Write the bytes to `file`."""
        data, found = self._entry(path)
        if found.etag == unless_etag:
            return None
        with disk_errors_are_typed(f"key {path!r} in {self.uri}"):
            file.write_bytes(data)
        return found

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """Replace the entry in one step."""
        with disk_errors_are_typed(f"key {path!r} in {self.uri}"):
            data = file.read_bytes()
        return self._put(data, path, mark, if_etag, if_absent=if_absent)

    def _put(self, data: bytes, path: str, mark: Mark | None, if_etag: str | None, *, if_absent: bool) -> FileMetadata:
        with self._space.turns.take():
            old = self._space.files.get(path)
            if if_absent and old is not None:
                raise exists_already(path, self.uri)
            if if_etag is not None and (old is None or old[1].etag != if_etag):
                raise changed(path, self.uri)
            new = FileMetadata(
                path=path,
                size=len(data),
                etag=os.urandom(16).hex(),  # a cache, or a branch's record, may be read by another process
                modified_time=_later(old),
                content_type=content_type(path),
                mark=mark,
            )
            self._space.files[path] = data, new
        return new

    def server(self) -> object:
        """All spaces of the process are one memory."""
        return _named

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """Both entries hold the same bytes, which nobody changes."""
        assert isinstance(other, MemoryBackend)
        data, found = other._entry(source)  # noqa: SLF001 - of a place as this one
        if found.etag != if_etag:
            raise changed(source, other.uri)
        return self._put(data, target, mark, over or None, if_absent=over is None)

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """Drop the entry."""
        with self._space.turns.take():
            old = self._space.files.get(path)
            if if_etag is not None and (old is None or old[1].etag != if_etag):
                raise changed(path, self.uri)
            self._space.files.pop(path, None)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """The entries of one moment."""
        with self._space.turns.take():
            files = self._space.files.copy()  # a signal handler may change them meanwhile
            found = sorted((path, entry[1]) for path, entry in files.items() if path.startswith(prefix))
        return (metadata for _, metadata in found)

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """One lock for the whole space."""
        return self._space.turns.take()

    def _entry(self, path: str) -> tuple[bytes, FileMetadata]:
        try:
            return self._space.files[path]
        except KeyError:
            raise not_found(path, self.uri) from None


def _later(old: tuple[bytes, FileMetadata] | None) -> datetime:
    """Now, and after what is replaced even if the clock was set back."""
    now = datetime.now(UTC)
    return now if old is None else max(now, old[1].modified_time + timedelta(microseconds=1))
