"""What somebody else's place answers, looked at before it is believed: a wrong answer is an error that names the place.

It is long because each call of the contract is looked at. It costs no request but one before a conditional change, as
a place that forgets conditions would overwrite.
This library's own places are held by their tests, and handed out as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from autostore.backend import FileMetadata, StorageBackend, changed, exists_already
from autostore.backends.answers import FITS, CheckedRanges
from autostore.backends.left_out import LeftOut
from autostore.disk.scratch import ScratchFiles
from autostore.errors import BrokenPluginError, StorageFileNotFoundError, compose
from autostore.keys import can_be_key, is_ours
from autostore.mark import Mark
from autostore.pieces.ranges import REACH, Ranges, Tail
from autostore.versioning import Versioning

__all__ = ["CheckedBackend", "checked"]

Kind = TypeVar("Kind")


def checked(backend: StorageBackend) -> StorageBackend:
    """The same place; one that is not this library's own is looked at."""
    return backend if type(backend).__module__.startswith("autostore.") else CheckedBackend(backend)


class CheckedBackend(StorageBackend):
    """A place whose answers are looked at."""

    def __init__(self, place: StorageBackend) -> None:
        self._place = place
        self._name = f"{type(place).__module__}.{type(place).__qualname__}"
        self.uri = self._is_a(str, "uri", getattr(place, "uri", None))
        self.config = place.config
        self.concurrency = self._is_a(int, "concurrency", place.concurrency)
        self.engine = self._is_a(str, "engine", place.engine)
        self.excludes = bool(place.locks_exclude)

    @property
    def locks_exclude(self) -> bool:  # type: ignore[override]
        """What the place says."""
        return self.excludes

    def get_metadata(self, path: str) -> FileMetadata:
        """As the place."""
        return self._metadata("get_metadata", self._place.get_metadata(path), path)

    def download(self, path: str, file: Path, *, unless_etag: str | None = None) -> FileMetadata | None:
        """As the place; the file is as long as it says."""
        found = self._place.download(path, file, unless_etag=unless_etag)
        if found is None and unless_etag is not None:
            return None
        found = self._metadata("download", found, path)
        size = file.stat().st_size if file.is_file() else 0
        if size != found.size or not file.is_file():
            raise self._broken(f"gave {size} bytes of {found.size}", path)
        return found

    def upload(
        self, file: Path, path: str, *, mark: Mark | None = None, if_etag: str | None = None, if_absent: bool = False
    ) -> FileMetadata:
        """As the place, after a look whether the condition holds."""
        size = file.stat().st_size
        self._expect(path, if_etag, absent=if_absent)
        sent = self._place.upload(file, path, mark=mark, if_etag=if_etag, if_absent=if_absent)
        found = self._metadata("upload", sent, path)
        if found.size != size:
            raise self._broken(f"says that it keeps {found.size} bytes of the {size} that it was given", path)
        return found

    def delete(self, path: str, *, if_etag: str | None = None) -> None:
        """As the place, after a look whether the condition holds."""
        self._expect(path, if_etag)
        self._place.delete(path, if_etag=if_etag)

    def list_files(self, prefix: str = "") -> Iterator[FileMetadata]:
        """As the place: below the prefix, in order, each once; names that no key can be are left out."""
        before, left_out = b"", LeftOut(self.uri)
        for found in self._place.list_files(prefix):
            path = self._is_a(FileMetadata, "list_files", found).path
            self._metadata("list_files", found, path)
            if not path.startswith(prefix):
                raise self._broken(f"lists {path!r:.200}, which does not begin with {prefix!r:.200}")
            now = path.encode("utf-8", "surrogatepass")
            if now <= before:
                raise self._broken(f"lists {path!r:.200} twice, or out of order")
            before = now
            if can_be_key(path):
                yield found
            elif not is_ours(path):
                left_out.add(path)
        left_out.say()

    def find(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """As the place."""
        return self._found("find", self._place.find(stem, extensions), stem, extensions)

    def find_value(self, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        """As the place."""
        return self._found("find_value", self._place.find_value(stem, extensions), stem, extensions)

    def copy(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """As the place."""
        return self._metadata("copy", self._place.copy(source, target, mark=mark, if_etag=if_etag), target)

    def move(self, source: str, target: str, *, mark: Mark | None = None, if_etag: str | None = None) -> FileMetadata:
        """As the place."""
        return self._metadata("move", self._place.move(source, target, mark=mark, if_etag=if_etag), target)

    def copy_over(
        self, source: str, target: str, *, mark: Mark | None = None, if_etag: str, over: str | None
    ) -> FileMetadata:
        """As the place, after a look whether the condition holds."""
        self._expect(target, over, absent=over is None)
        copied = self._place.copy_over(source, target, mark=mark, if_etag=if_etag, over=over)
        return self._metadata("copy_over", copied, target)

    def server(self) -> object:
        """As the place."""
        return self._place.server()

    def origin(self, path: str) -> StorageBackend:
        """As the place."""
        return self._is_a(StorageBackend, "origin", self._place.origin(path))  # type: ignore[type-abstract]

    def copies_from(self, other: StorageBackend, *, conditional: bool = False) -> bool:
        """As the place."""
        return self._is_a(bool, "copies_from", self._place.copies_from(other, conditional=conditional))

    def copy_from(
        self, other: StorageBackend, source: str, target: str, *, mark: Mark | None = None, if_etag: str,
        over: str | None = "",
    ) -> FileMetadata:  # fmt: skip
        """As the place, after a look whether the condition holds."""
        if over != "":
            self._expect(target, over, absent=over is None)
        copied = self._place.copy_from(other, source, target, mark=mark, if_etag=if_etag, over=over)
        return self._metadata("copy_from", copied, target)

    def begin_history(self) -> bool:
        """As the place."""
        return self._is_a(bool, "begin_history", self._place.begin_history())

    def unchecked(self) -> StorageBackend:
        """The place that is looked at."""
        return self._place

    def keep(self, path: str, kept: str, *, if_etag: str) -> None:
        """As the place."""
        self._place.keep(path, kept, if_etag=if_etag)

    def write_of(self, found: FileMetadata) -> str:
        """As the place."""
        return self._is_a(str, "write_of", self._place.write_of(found))

    def list_own(self, prefix: str) -> Iterator[FileMetadata]:
        """As the place."""
        return (self._is_a(FileMetadata, "list_own", found) for found in self._place.list_own(prefix))

    def drop_own(self, path: str) -> None:
        """As the place."""
        self._place.drop_own(path)

    def versioning(self) -> Versioning:
        """As the place."""
        return self._is_a(Versioning, "versioning", self._place.versioning())  # type: ignore[type-abstract]

    def local_file(self, path: str) -> Path | None:
        """As the place."""
        file = self._place.local_file(path)
        return None if file is None else self._is_a(Path, "local_file", file)

    def cache_id(self, path: str) -> str:
        """As the place."""
        return self._is_a(str, "cache_id", self._place.cache_id(path))

    def ranges(
        self, path: str, *, if_etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> Ranges | None:
        """As the place; every piece is as long as was asked for."""
        found = self._place.ranges(path, if_etag=if_etag, seen=seen, reach=reach)
        if found is None:
            return None
        tail = self._is_a(Tail, "ranges", getattr(found, "tail", None), path)
        if not tail.etag or len(tail.data) > tail.size or if_etag not in (None, tail.etag):
            raise self._broken(f"answers ranges with {len(tail.data)} of {tail.size} bytes, ETag {tail.etag!r}", path)
        return CheckedRanges(found, lambda did: self._broken(did, path))

    def url(self, path: str, *, expires: float | None = None) -> str:
        """As the place."""
        return self._is_a(str, "url", self._place.url(path, expires=expires), path)

    def storage_options(self, engine: str) -> dict[str, Any]:
        """As the place."""
        return self._is_a(dict, "storage_options", self._place.storage_options(engine))

    def begins_here(self) -> bool:
        """As the place."""
        return bool(self._place.begins_here())

    def sweep(self) -> None:
        """As the place."""
        self._place.sweep()

    def lock(self, *paths: str, make: bool = True) -> AbstractContextManager[None]:
        """As the place."""
        return self._is_a(AbstractContextManager, "lock", self._place.lock(*paths, make=make))  # type: ignore[type-abstract]

    def scratch(self) -> Path:
        """As the place."""
        return self._is_a(Path, "scratch", self._place.scratch())

    def scratch_file(self, suffix: str = "") -> AbstractContextManager[Path]:
        """As the place."""
        return self._place.scratch_file(suffix)

    def scratch_files(self) -> ScratchFiles:
        """As the place."""
        return self._place.scratch_files()

    def close(self) -> None:
        """As the place."""
        self._place.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckedBackend, (self._place,)

    def __getattr__(self, name: str) -> Any:
        if name == "_place":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self._place, name)

    def _expect(self, path: str, etag: str | None, *, absent: bool = False) -> None:
        if etag is None and not absent:
            return
        there = None
        with contextlib.suppress(StorageFileNotFoundError):
            there = self.get_metadata(path).etag
        if absent and there is not None:
            raise exists_already(path, self.uri)
        if etag is not None and there != etag:
            raise changed(path, self.uri)

    def _found(self, call: str, found: object, stem: str, extensions: Collection[str]) -> list[FileMetadata]:
        for one in self._is_a(list, call, found):
            path = self._is_a(FileMetadata, call, one).path
            self._metadata(call, one, path)
            if not path.startswith(stem) or path[len(stem) :] not in extensions:
                raise self._broken(f"answers {call} with {path!r:.200}, which was not asked for", stem)
        return found  # type: ignore[return-value]

    def _metadata(self, call: str, found: object, path: str) -> FileMetadata:
        described = self._is_a(FileMetadata, call, found, path)
        for name, fits in FITS.items():
            value = getattr(described, name, None)
            if not fits(value):
                raise self._broken(f"answers {call} with the {name} {value!r:.200}", path)
        if described.path != path:
            raise self._broken(f"answers {call} with {described.path!r:.200}", path)
        return described

    def _is_a(self, kind: type[Kind], call: str, value: object, path: str | None = None) -> Kind:
        if not isinstance(value, kind):
            raise self._broken(f"answers {call} with an object of {type(value).__qualname__}", path)
        return value

    def _broken(self, did: str, path: str | None = None) -> BrokenPluginError:
        problem, remedy = f"The place {self._name} {did}", "Mend it; autostore.testing.BackendContract tests it."
        return BrokenPluginError(compose(problem, key=path, uri=getattr(self, "uri", None), remedy=remedy))
