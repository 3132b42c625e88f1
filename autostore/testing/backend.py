"""`BackendContract`: what every place must do, as a test class that a backend's tests subclass.

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self): ...          # an empty StorageBackend

        def raw_write(self, backend, path, data): ...   # bypass the backend
        def raw_read(self, backend, path): ...          # None where nothing is there

The raw accessors bypass the code under test, so that a mistake in reading cannot hide one in
writing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autostore.backend import StorageBackend
from autostore.errors import StorageFileNotFoundError
from autostore.mark import Mark
from autostore.testing.conditions import ConditionsContract
from autostore.testing.pieces import PiecesContract

__all__ = ["BackendContract"]

ODD_PATHS = [
    "plain.bin",
    "a/b/c.bin",
    "with space.bin",
    "model.v1.bin",
    "ünï/çödé ☃.bin",
    "#?%+&=;,@!'()[]{}~^`$.bin",
    "100%25.bin",
    "a+b c.bin",
    "-dash.bin",
    "back\\slash.bin",
    "tab\tinside.bin",
    "UPPER.bin",
    "upper.bin",
    ".hidden.bin",
    "x" * 251 + ".bin",
]


class BackendContract(ConditionsContract, PiecesContract):
    """The promises of `StorageBackend`; subclass it and fill in the backend and the raw access."""

    @pytest.mark.parametrize("path", ODD_PATHS)
    def test_upload_keeps_bytes_under_odd_names(self, backend: StorageBackend, path: str) -> None:
        """What was uploaded lies at exactly this path, whatever characters it has."""
        self.put(backend, path, b"\x00\xff" + path.encode())
        assert self.raw_read(backend, path) == b"\x00\xff" + path.encode()
        assert [found.path for found in backend.list_files()] == [path]
        assert self.get(backend, path) == b"\x00\xff" + path.encode()

    @pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
    def test_download_gives_what_lies_there(self, backend: StorageBackend, size: int, tmp_path: Path) -> None:
        """Bytes that another tool laid there arrive whole, an empty file too, with their metadata."""
        self.raw_write(backend, "d/x.bin", b"\x01" * size)
        found = backend.download("d/x.bin", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == b"\x01" * size
        assert found is not None
        assert (found.path, found.size) == ("d/x.bin", size)
        assert found.etag == backend.get_metadata("d/x.bin").etag

    def test_download_unless_etag(self, backend: StorageBackend, tmp_path: Path) -> None:
        """An unchanged file is not written again; a changed one is."""
        etag = self.put(backend, "x.bin", b"1")
        assert backend.download("x.bin", tmp_path / "x", unless_etag=etag) is None
        assert not (tmp_path / "x").exists()
        self.put(backend, "x.bin", b"2")
        assert backend.download("x.bin", tmp_path / "x", unless_etag=etag) is not None
        assert (tmp_path / "x").read_bytes() == b"2"

    def test_metadata(self, backend: StorageBackend) -> None:
        """Metadata names path, size, time (aware, UTC), type and mark."""
        before = datetime.now(UTC)
        mark = Mark.fresh("a/x")
        self.put(backend, "a/x.json", b"{}", mark=mark)
        found = backend.get_metadata("a/x.json")
        assert (found.path, found.size, found.content_type) == ("a/x.json", 2, "application/json")
        assert found.modified_time.utcoffset() == timedelta(0)
        assert abs(found.modified_time - before) < timedelta(minutes=1)
        assert found.mark is not None
        assert found.mark.time_ns == mark.time_ns

    def test_etag_changes_with_every_upload(self, backend: StorageBackend) -> None:
        """Different bytes never share an ETag, even of one size and within one tick."""
        etags = [self.put(backend, "x.bin", bytes([i])) for i in range(50)]
        assert len(set(etags)) == len(etags)

    def test_mark_comes_and_goes(self, backend: StorageBackend) -> None:
        """An upload without a mark takes it away; a file laid there by others has none."""
        self.put(backend, "x.bin", b"1", mark=Mark.fresh("x"))
        self.put(backend, "x.bin", b"2")
        assert backend.get_metadata("x.bin").mark is None
        self.raw_write(backend, "y.bin", b"1")
        assert backend.get_metadata("y.bin").mark is None

    def test_absent(self, backend: StorageBackend, tmp_path: Path) -> None:
        """Absence is one error everywhere, and deleting what is absent is none."""
        with pytest.raises(StorageFileNotFoundError):
            backend.get_metadata("no/such.bin")
        with pytest.raises(StorageFileNotFoundError):
            backend.download("no/such.bin", tmp_path / "x")
        with pytest.raises(StorageFileNotFoundError):
            backend.copy("no/such.bin", "y.bin")
        backend.delete("no/such.bin")
        assert list(backend.list_files()) == []
        assert backend.find("no/such", [".bin"]) == []

    def test_delete_is_exact(self, backend: StorageBackend) -> None:
        """Deleting touches nothing whose name merely begins alike."""
        names = ["exp.bin", "exp2.bin", "exp.d/x.bin", "exp/x.bin", "exp.bin.bin"]
        for name in names:
            self.put(backend, name, b"1")
        backend.delete("exp.bin")
        assert sorted(found.path for found in backend.list_files()) == sorted(names[1:])

    def test_list_is_sorted_and_by_plain_prefix(self, backend: StorageBackend) -> None:
        """Listing is in the order of UTF-8 bytes and takes the prefix as a plain string."""
        names = ["a.bin", "a/b.bin", "a/b/c.bin", "a0.bin", "ab.bin", "a-b.bin", "é.bin", "z/y.bin"]
        for name in names:
            self.raw_write(backend, name, b"1")
        listed = [found.path for found in backend.list_files()]
        assert listed == sorted(names, key=str.encode)
        for prefix in ["a", "a/", "a/b", "a.", "é", "none", "a/b/c.bin"]:
            expected = sorted((name for name in names if name.startswith(prefix)), key=str.encode)
            assert [found.path for found in backend.list_files(prefix)] == expected
        first = next(iter(backend.list_files("a.")))
        assert (first.size, first.etag) == (1, backend.get_metadata("a.bin").etag)

    def test_find_is_exact(self, backend: StorageBackend) -> None:
        """Only the stem with one of the extensions is found, whatever lies beside it."""
        for name in ["k.json", "k.csv", "k.d/x.json", "k.x.json", "k2.json", "kk.json", "k"]:
            self.raw_write(backend, name, b"1")
        found = {file.path for file in backend.find("k", [".json", ".parquet", ".csv"])}
        assert found == {"k.json", "k.csv"}

    def test_copy_and_move(self, backend: StorageBackend) -> None:
        """A copy has the bytes and its own mark; a move leaves nothing behind."""
        self.put(backend, "a/x.bin", b"1", mark=Mark.fresh("a/x"))
        copied = backend.copy("a/x.bin", "b/y.bin")
        assert (copied.path, copied.mark) == ("b/y.bin", None)
        assert backend.get_metadata("b/y.bin").mark is None
        assert backend.get_metadata("a/x.bin").mark is not None
        moved = backend.move("a/x.bin", "c/z.bin", mark=Mark.fresh("c/z"))
        assert moved.etag == backend.get_metadata("c/z.bin").etag
        assert backend.get_metadata("c/z.bin").mark is not None
        assert self.raw_read(backend, "a/x.bin") is None
        assert self.raw_read(backend, "c/z.bin") == self.raw_read(backend, "b/y.bin") == b"1"

    def test_close_leaves_no_temporary_file(self, backend: StorageBackend) -> None:
        """After `close()` the scratch folder is gone, and the backend still works."""
        folder = backend.scratch()
        (folder / "left").write_bytes(b"1")
        backend.close()
        assert not folder.exists()
        self.put(backend, "x.bin", b"1")
        assert self.raw_read(backend, "x.bin") == b"1"
