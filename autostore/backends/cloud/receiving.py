"""What arrives for a bucket while it is made: parts that leave as soon as they are full; of one part only, a PUT."""

from __future__ import annotations

import threading

from autostore.backend import FileMetadata
from autostore.backends.cloud.boto3.receiving import part_size
from autostore.backends.cloud.copying import CopyingBackend
from autostore.engine.contract import SentParts
from autostore.mark import Mark
from autostore.pieces.incoming import Incoming
from autostore.telling.transfers import transfer

__all__ = ["ReceivingBackend"]


class ReceivingBackend(CopyingBackend):
    """The part of `CloudBackend` that takes files while they are made."""

    receives = True
    _sent_parts = False

    def receive(self, path: str, *, mark: Mark | None = None) -> Incoming:
        """One PUT where all fits in one part, else create, one for each part, and complete."""
        return _Incoming(self, path, mark)

    def begin_parts(self, path: str, mark: Mark | None) -> SentParts:
        """An upload in parts."""
        said = self._said(path, mark, identified=True)
        self._sent_parts = True
        return self._engine.begin_parts(path, said)

    def put_whole(self, path: str, data: bytes, mark: Mark | None) -> FileMetadata:
        """One PUT of bytes in memory."""
        with transfer("write", self, path, len(data)) as told:
            sent = self._engine.put_bytes(path, data, self._said(path, mark, identified=False))
            return told.of(self._looks.noted(sent))

    def complete_parts(self, path: str, sent: SentParts, marks: tuple[Mark | None, Mark | None]) -> FileMetadata:
        """Publish what was sent; a mark other than that which it bears is set by a copy onto itself."""
        borne, mark = marks
        with transfer("write", self, path) as told:  # its parts have left: the line says how much they were
            found = told.of(self._looks.noted(sent.complete()))
        return found if mark == borne else self.copy(path, path, mark=mark)

    @property
    def part_bytes(self) -> int:
        """Of the first parts."""
        return self._settings.multipart_chunksize


class _Incoming(Incoming):
    """One object on its way."""

    def __init__(self, place: ReceivingBackend, path: str, mark: Mark | None) -> None:
        super().__init__()
        self._place = place
        self._path = path
        self._first_mark = mark
        self._buffer = bytearray()
        self._sent: SentParts | None = None
        self._turn = threading.Lock()
        self._over = False

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Keep less than a part; the rest leaves."""
        with self._turn:
            if self._over:  # a library whose threads go on for a moment after it failed
                raise ValueError("The file that was to be written was given up.")
            try:
                self._buffer += data
                while len(self._buffer) > (wanted := self._wanted()):
                    self._send(wanted)
            except BaseException as error:
                self.failure = self.failure or error
                raise
        return len(data)

    def publish(self, mark: Mark | None) -> FileMetadata:
        """All of it."""
        if self._sent is None:
            found = self._place.put_whole(self._path, bytes(self._buffer), mark)
        else:
            self._send(len(self._buffer))
            found = self._place.complete_parts(self._path, self._sent, (self.mark, mark))
        self._over = True
        return found

    def discard(self) -> None:
        """Abort the upload."""
        with self._turn:
            gone, self._over = self._over, True
            self._buffer = bytearray()
            if self._sent is not None and not gone:
                self._sent.abort()

    def _wanted(self) -> int:
        return part_size(self._place.part_bytes, 0 if self._sent is None else self._sent.count)

    def _send(self, count: int) -> None:
        if self._sent is None:
            self.mark = self._first_mark
            self._sent = self._place.begin_parts(self._path, self.mark)
        with memoryview(self._buffer) as view:
            piece = bytes(view[:count])
        del self._buffer[:count]
        self._sent.send(piece)
