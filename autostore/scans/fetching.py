"""One version of a stored table: opened once, pinned by its ETag, its pieces kept where there is a cache."""

from __future__ import annotations

import bisect
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autostore.backend import FileMetadata, StorageBackend, changed
from autostore.backends import schemes
from autostore.backends.checked import checked
from autostore.cache.blocks import Blocks
from autostore.cache.copies import Copies
from autostore.config import StorageConfig
from autostore.errors import StorageFileNotFoundError
from autostore.keys import parse_uri
from autostore.pieces.ranges import REACH, FileRanges, Ranges, Span, Tail
from autostore.scans.windows import joined

__all__ = ["Opener", "Pinned"]


class Opener:
    """Opens versions of the files of one place; pickles by reopening it."""

    def __init__(self, backend: StorageBackend, copies: Copies, config: StorageConfig) -> None:
        self.backend = backend
        self._copies = copies
        self._config = config
        self._blocks = Blocks(backend, config)

    def open(
        self, path: str, extension: str, *, etag: str | None = None, seen: Tail | None = None, reach: int = REACH
    ) -> Pinned:
        """The version with this ETag, or the one that is there now; on S3 1 request, of the last `reach` bytes.

        Where its tail was `seen` nothing is asked. `PreconditionFailedError` where `etag` is given and another
        version is there, or none.
        """
        try:
            ranges = self._opened(path, extension, etag, seen, reach)
        except StorageFileNotFoundError as error:
            if etag is None:
                raise
            raise changed(path, self.backend.uri) from error
        if etag is not None and ranges.tail.etag != etag:
            ranges.close()
            raise changed(path, self.backend.uri)
        return Pinned(path, ranges, self._blocks, self._config.temp_dir)

    def is_local(self, path: str) -> bool:
        """Whether the file lies on this machine, where nothing need be fetched."""
        return self.backend.local_file(path) is not None

    def look(self, found: FileMetadata, extension: str, *, most: int) -> Pinned | None:
        """This version, for a look at its header; None where more than `most` bytes would have to be copied for it."""
        if found.size > most and not self.is_local(found.path):
            ranges = self.backend.ranges(found.path, if_etag=found.etag, reach=1)
            if ranges is None:
                return None
            ranges.close()
        return self.open(found.path, extension, etag=found.etag)

    def whole(self, path: str, extension: str, etag: str, size: int) -> bytes:
        """All `size` bytes of a small file, of exactly this version; 1 request, none where the cache has them."""
        with contextlib.closing(self.open(path, extension, etag=etag, reach=size)) as pinned:
            return pinned.read([(0, pinned.tail.size)])[0]

    def _opened(self, path: str, extension: str, etag: str | None, seen: Tail | None, reach: int) -> Ranges:
        seen = seen or self._kept(path, etag, reach)
        ranges = self.backend.ranges(path, if_etag=etag, seen=seen, reach=max(reach, 1))
        if ranges is None:
            return self._copy(path, extension, etag)
        if ranges.tail is not seen:
            whole = etag is not None and len(ranges.tail.data) == ranges.tail.size
            if whole:
                self._blocks.put(path, ranges.tail.etag, (0, ranges.tail.size), ranges.tail.data)
            else:
                self._blocks.keep_tail(path, ranges.tail)
        return ranges

    def _kept(self, path: str, etag: str | None, reach: int) -> Tail | None:
        """What the cache has: the whole of a small version that is named, else the last bytes, to be confirmed."""
        whole = None if etag is None else self._blocks.get(path, etag, (0, reach))
        if whole is not None and etag is not None:
            return Tail(etag, reach, whole)
        tail = self._blocks.tail(path)
        return tail if tail is not None and len(tail.data) >= min(reach, tail.size) else None

    def _copy(self, path: str, extension: str, wanted: str | None) -> FileRanges:
        """The file itself where it lies on this machine, or a copy of it."""

        def stale() -> Any:
            return changed(path, self.backend.uri)

        while True:
            # A version that was seen before is not seen again once it was replaced: one look, after opening, tells.
            before = wanted
            if before is None and self.backend.local_file(path) is not None:
                before = self.backend.get_metadata(path).etag
            with self._copies.open(path, extension) as (file, found):
                try:
                    stream = self._copies.stream(file, path)
                except FileNotFoundError:
                    self.backend.get_metadata(path)  # says whether it was removed, or is replaced just now
                    continue
            etag = found.etag if found is not None else self.backend.get_metadata(path).etag
            if found is not None or etag == before:
                return FileRanges(stream, etag, stale)
            stream.close()
            if wanted is not None:
                raise stale()

    def __getstate__(self) -> tuple[str, StorageConfig, int]:
        return self.backend.uri, self._config, os.getpid()

    def __setstate__(self, state: tuple[str, StorageConfig, int]) -> None:
        parsed, config = parse_uri(state[0]), state[1]
        backend = checked(schemes.backend_class(parsed.scheme)(parsed, config))
        self.__init__(backend, Copies(backend, config), config)  # type: ignore[misc]


class Pinned:
    """A version of one file; closed by whoever opened it.

    Attributes:
        ranges: where its bytes come from.
        folder: for temporary files; None: the system's.
    """

    def __init__(self, path: str, ranges: Ranges, blocks: Blocks, folder: str | Path | None) -> None:
        self._path = path
        self.folder = folder
        self._blocks = blocks
        self.ranges = ranges

    @property
    def tail(self) -> Tail:
        """What is known of the version."""
        return self.ranges.tail

    def read(self, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of each span; those that are in the cache or came with the tail are not fetched again."""
        if self.ranges.file is not None:
            return self.ranges.read(spans)
        found: dict[Span, bytes | None] = {span: self._held(span) for span in spans}
        missing = joined(span for span, data in found.items() if data is None)
        fetched = self.ranges.read(missing) if missing else []
        starts = [span[0] for span in missing]
        for span, data in found.items():
            if data is None and span[0] < span[1]:
                at = bisect.bisect_right(starts, span[0]) - 1
                piece = fetched[at][span[0] - starts[at] : span[1] - starts[at]]
                found[span] = piece
                self._blocks.put(self._path, self.tail.etag, span, piece)
        return [found[span] or b"" for span in spans]

    def close(self) -> None:
        """Let go of what was opened."""
        self.ranges.close()

    def _held(self, span: Span) -> bytes | None:
        first = self.tail.size - len(self.tail.data)
        if span[0] >= first:
            return self.tail.data[span[0] - first : span[1] - first]
        return self._blocks.get(self._path, self.tail.etag, span)
