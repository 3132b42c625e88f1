"""What a place promises where several act on one path: conditions hold, one of many wins, no part is ever seen."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from autostore.backend import StorageBackend
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.mark import Mark
from autostore.testing.rig import BackendRig

__all__ = ["ConditionsContract"]


class ConditionsContract(BackendRig):
    """Conditional uploads, deletes and moves; creators and readers at once."""

    def test_delete_if_etag(self, backend: StorageBackend) -> None:
        """A conditional delete spares what was changed since it was seen, and removes a version once."""
        seen = self.put(backend, "x.bin", b"1")
        self.put(backend, "x.bin", b"2")
        with pytest.raises(PreconditionFailedError):
            backend.delete("x.bin", if_etag=seen)
        assert self.raw_read(backend, "x.bin") == b"2"
        new = backend.get_metadata("x.bin").etag
        backend.delete("x.bin", if_etag=new)
        assert self.raw_read(backend, "x.bin") is None
        with pytest.raises(PreconditionFailedError):
            backend.delete("x.bin", if_etag=new)

    def test_conditional_uploads(self, backend: StorageBackend) -> None:
        """`if_absent` and `if_etag` change nothing where they do not hold."""
        etag = self.put(backend, "x.bin", b"1", if_absent=True)
        with pytest.raises(PreconditionFailedError):
            self.put(backend, "x.bin", b"2", if_absent=True)
        new = self.put(backend, "x.bin", b"3", if_etag=etag)
        with pytest.raises(PreconditionFailedError):
            self.put(backend, "x.bin", b"4", if_etag=etag)
        with pytest.raises(PreconditionFailedError):
            self.put(backend, "absent.bin", b"4", if_etag=new)
        assert self.raw_read(backend, "x.bin") == b"3"
        assert self.raw_read(backend, "absent.bin") is None

    def test_one_of_many_creators_wins(self, backend: StorageBackend) -> None:
        """Of many threads that upload `if_absent` at once exactly one succeeds."""
        won: list[int] = []

        def create(number: int) -> None:
            try:
                self.put(backend, "x.bin", bytes([number]), if_absent=True)
                won.append(number)
            except PreconditionFailedError:
                pass

        threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert self.raw_read(backend, "x.bin") == bytes(won)

    def test_move_of_what_changed_is_refused(self, backend: StorageBackend) -> None:
        """A move only takes the version that was seen."""
        seen = self.put(backend, "x.bin", b"1")
        self.put(backend, "x.bin", b"2")
        with pytest.raises(PreconditionFailedError):
            backend.move("x.bin", "y.bin", if_etag=seen)
        assert self.raw_read(backend, "x.bin") == b"2"
        assert self.raw_read(backend, "y.bin") is None

    def test_copies_by_the_place_itself(self, backend: StorageBackend) -> None:
        """A place that copies from others copies exactly the version that was seen, onto what it is told is there."""
        if not backend.copies_from(backend):
            return
        old, new = self.put(backend, "x.bin", b"1"), self.put(backend, "x.bin", b"2")
        mark = Mark.fresh("y")
        with pytest.raises(PreconditionFailedError):
            backend.copy_from(backend, "x.bin", "y.bin", if_etag=old)
        copied = backend.copy_from(backend, "x.bin", "y.bin", mark=mark, if_etag=new)
        found = backend.get_metadata("y.bin")
        assert (copied.path, copied.size, copied.etag) == ("y.bin", 1, found.etag)
        assert found.mark is not None
        assert found.mark.time_ns == mark.time_ns
        with pytest.raises(StorageFileNotFoundError):
            backend.copy_from(backend, "absent.bin", "y.bin", if_etag=new)
        if backend.copies_from(backend, conditional=True):
            other = self.put(backend, "z.bin", b"3")
            for over in (None, other):
                with pytest.raises(PreconditionFailedError):
                    backend.copy_from(backend, "x.bin", "y.bin", if_etag=new, over=over)
            backend.copy_from(backend, "x.bin", "z.bin", if_etag=new, over=other)
            assert self.raw_read(backend, "z.bin") == b"2"
        assert self.raw_read(backend, "y.bin") == b"2"

    def test_readers_never_see_a_part(self, backend: StorageBackend, tmp_path: Path) -> None:
        """A reader beside a writer gets one whole version or the other."""
        versions = {bytes([i]) * 300_000 for i in range(2)}
        for data in versions:
            self.put(backend, "x.bin", data)
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                for data in versions:
                    self.put(backend, "x.bin", data)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(50):
                assert backend.download("x.bin", tmp_path / "x") is not None
                assert (tmp_path / "x").read_bytes() in versions
        finally:
            stop.set()
            writer.join()
