"""What a place promises that gives files in pieces, or takes them so; one that does neither passes."""

from __future__ import annotations

import pytest

from autostore.backend import StorageBackend
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.mark import Mark
from autostore.testing.rig import BackendRig

__all__ = ["PiecesContract"]


class PiecesContract(BackendRig):
    """Ranges are of one version; what arrives in pieces is seen whole or not at all."""

    def test_ranges_are_of_one_version(self, backend: StorageBackend) -> None:
        """Pieces are exactly the bytes asked for, the last of them at once, of the version that was opened or none."""
        data = bytes(range(256)) * 300
        etag = self.put(backend, "x.bin", data)
        ranges = backend.ranges("x.bin", if_etag=etag, reach=100)
        if ranges is None:
            return
        assert (ranges.tail.etag, ranges.tail.size) == (etag, len(data))
        assert data.endswith(ranges.tail.data)
        spans = [(0, 1), (70_000, 70_010), (5, 300), (len(data) - 1, len(data))]
        assert ranges.read(spans) == [data[start:stop] for start, stop in spans]
        seen = ranges.tail
        ranges.close()
        again = backend.ranges("x.bin", if_etag=etag, seen=seen)
        assert again is not None
        assert again.read([(7, 9)]) == [data[7:9]]
        other = self.put(backend, "x.bin", data[::-1])
        with pytest.raises(PreconditionFailedError):
            _read(backend, "x.bin", etag)
        if again.file is None:  # an open file stays what it was
            with pytest.raises(PreconditionFailedError):
                again.read([(7, 9)])
        again.close()
        assert _read(backend, "x.bin", other) == [data[::-1][1:3]]

    def test_ranges_of_what_is_empty_or_absent(self, backend: StorageBackend) -> None:
        """An empty file has no bytes to give, and an absent one is the absence that it is everywhere."""
        self.put(backend, "x.bin", b"")
        ranges = backend.ranges("x.bin")
        if ranges is None:
            return
        assert (ranges.tail.size, ranges.tail.data) == (0, b"")
        ranges.close()
        with pytest.raises(StorageFileNotFoundError):
            backend.ranges("no/such.bin")

    def test_what_arrives_in_pieces(self, backend: StorageBackend) -> None:
        """Nothing is seen until it is published, and then all of it, under its mark; discarded, it never was."""
        if not backend.receives:
            return
        pieces, mark = [b"\x01" * (3 << 20), b"\x02" * (4 << 20), b"\x03"], Mark.fresh("x")
        for published in (False, True):
            with backend.receive("x.bin", mark=mark) as incoming:
                for piece in pieces:
                    assert incoming.write(piece) == len(piece)
                assert self.raw_read(backend, "x.bin") is None
                if published:
                    found = incoming.publish(mark)
        assert self.raw_read(backend, "x.bin") == b"".join(pieces)
        there = backend.get_metadata("x.bin")
        assert (found.path, found.size, found.etag) == (there.path, there.size, there.etag)
        assert there.mark is not None
        assert there.mark.time_ns == mark.time_ns


def _read(backend: StorageBackend, path: str, etag: str) -> list[bytes]:
    """Two bytes of one version."""
    ranges = backend.ranges(path, if_etag=etag)
    assert ranges is not None
    try:
        return ranges.read([(1, 3)])
    finally:
        ranges.close()
