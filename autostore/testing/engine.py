"""`EngineContract`: what every engine of a bucket must do or decline, as a test class that an engine's tests subclass.

class TestMyEngine(EngineContract):
    does = ["get", "put"]           # calls that it must not decline

    @pytest.fixture
    def engine(self): ...           # an Engine at an empty place

    def raw_write(self, engine, path, data): ...    # bypass the engine
    def raw_read(self, engine, path): ...           # None where nothing is there
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest

from autostore.engine.contract import Declined, Engine
from autostore.engine.objects import Said
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.mark import Mark

__all__ = ["EngineContract"]

Result = TypeVar("Result")

SAID = Said({"autostore-v": "1", "autostore-time": "12", "autostore-id": "ab", "autostore-write": "w1"}, "text/x-own")
ODD_PATHS = [
    "a b.bin",
    "ünï/☃.bin",
    "#?%+&=;,@!'()[]{}~^`$.bin",
    "100%25.bin",
    "back\\slash.bin",
    "tab\tin.bin",
    "a//b",
]


class EngineContract(ABC):
    """The promises of `Engine`; `does` names the calls that this one must not decline."""

    does: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def raw_write(self, engine: Engine, path: str, data: bytes) -> None:
        """Lay bytes at a path behind the engine's back."""

    @abstractmethod
    def raw_read(self, engine: Engine, path: str) -> bytes | None:
        """The bytes at a path, behind the engine's back; None where nothing is there."""

    def done(self, name: str, call: Callable[[], Result]) -> Result:
        """What the call returns; a test of what the engine may decline is skipped where it does."""
        try:
            return call()
        except Declined:
            assert name not in self.does, f"{name} is among what this engine does"
        pytest.skip(f"this engine declines {name}")

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """A file of three bytes."""
        file = tmp_path / "three"
        file.write_bytes(b"abc")
        return file

    @pytest.mark.parametrize("path", ODD_PATHS)
    def test_odd_paths_are_exact_or_declined(self, engine: Engine, path: str, file: Path, tmp_path: Path) -> None:
        """What was put at an odd path lies at exactly that, and is got from it; or it is declined, and nothing lies."""
        try:
            engine.put(path, file, SAID)
        except Declined:
            assert self.raw_read(engine, path) is None
            self.raw_write(engine, path, b"abc")
        assert self.raw_read(engine, path) == b"abc"
        try:
            found = engine.get(path, tmp_path / "out")
        except Declined:
            return
        assert found is not None
        assert found.path == path
        assert (tmp_path / "out").read_bytes() == b"abc"

    @pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
    def test_put_and_get(self, engine: Engine, tmp_path: Path, size: int) -> None:
        """Bytes, media type, mark and write come back; a PUT knows what a GET will say."""
        (tmp_path / "in").write_bytes(b"x" * size)
        put = self.done("put", lambda: engine.put("a/x.bin", tmp_path / "in", SAID._replace(mark=Mark(12, "ab"))))
        assert self.raw_read(engine, "a/x.bin") == b"x" * size
        # Nothing is lost where an engine leaves an empty object to another.
        got = self.done("get" if size else "", lambda: engine.get("a/x.bin", tmp_path / "out"))
        assert got is not None
        assert (tmp_path / "out").read_bytes() == b"x" * size
        for found in (put, got):
            assert (found.path, found.size, found.content_type) == ("a/x.bin", size, "text/x-own")
            assert (found.etag, found.write, dict(found.extra)) == (put.etag, "", {})
            assert found.mark is not None
            assert (found.mark.time_ns, found.mark.id) == (12, "ab")
        assert '"' not in put.etag
        assert abs((put.modified_time - got.modified_time).total_seconds()) < 60

    def test_put_bytes(self, engine: Engine) -> None:
        """Bytes in memory are written as those of a file are."""
        put = self.done("put_bytes", lambda: engine.put_bytes("a/x.bin", b"abc", SAID))
        assert (put.path, put.size, put.content_type) == ("a/x.bin", 3, "text/x-own")
        assert self.raw_read(engine, "a/x.bin") == b"abc"

    def test_a_look_says_how_large_it_was(self, engine: Engine, tmp_path: Path) -> None:
        """What somebody saw of an object's size is a hint: whatever it was, all bytes come, or it is declined."""
        self.raw_write(engine, "x.bin", b"abc")
        for expected in (0, 1, 3, 1 << 30):
            try:
                found = engine.get("x.bin", tmp_path / "out", expected=expected)
            except Declined:
                assert not (tmp_path / "out").exists()
                continue
            assert found is not None
            assert (found.size, (tmp_path / "out").read_bytes()) == (3, b"abc")
            (tmp_path / "out").unlink()

    def test_get_unless_etag(self, engine: Engine, file: Path, tmp_path: Path) -> None:
        """What is still the same is not written."""
        etag = self.done("put", lambda: engine.put("x.bin", file, SAID)).etag
        assert self.done("get", lambda: engine.get("x.bin", tmp_path / "out", unless_etag=etag)) is None
        assert not (tmp_path / "out").exists()
        self.raw_write(engine, "x.bin", b"other")
        assert engine.get("x.bin", tmp_path / "out", unless_etag=etag) is not None
        assert (tmp_path / "out").read_bytes() == b"other"

    def test_absence(self, engine: Engine, tmp_path: Path) -> None:
        """Nothing there is one error, or declined to be looked into, and leaves no file."""
        for call in (lambda: engine.get("no.bin", tmp_path / "out"), lambda: engine.last_bytes("no.bin", 10)):
            with pytest.raises((StorageFileNotFoundError, Declined)):
                call()
        assert not (tmp_path / "out").exists()

    def test_conditional_puts(self, engine: Engine, file: Path) -> None:
        """A condition that holds is met; one that does not, changes nothing: refused, or declined to be looked into."""
        etag = self.done("put", lambda: engine.put("x.bin", file, SAID, if_absent=True)).etag
        file.write_bytes(b"second")
        refused = (PreconditionFailedError, Declined)
        other = SAID._replace(metadata={**SAID.metadata, "autostore-write": "w2"})
        with pytest.raises(refused):
            engine.put("x.bin", file, other, if_absent=True)
        with pytest.raises(refused):
            engine.put("x.bin", file, other, if_etag="0" * 32)
        with pytest.raises(refused):
            engine.put("none.bin", file, other, if_etag=etag)
        assert self.raw_read(engine, "x.bin") == b"abc"
        assert self.raw_read(engine, "none.bin") is None
        for number in range(3):
            file.write_bytes(b"%d" % number)
            other = SAID._replace(metadata={**SAID.metadata, "autostore-write": f"w3{number}"})
            etag = engine.put("x.bin", file, other, if_etag=etag).etag
        assert self.raw_read(engine, "x.bin") == b"2"

    def test_ranges_are_of_one_version(self, engine: Engine) -> None:
        """The last bytes, and any others, are of the version that was named; another one is an error."""
        self.raw_write(engine, "x.bin", bytes(range(100)))
        tail = self.done("last_bytes", lambda: engine.last_bytes("x.bin", 10))
        assert tail is not None
        assert (tail.size, tail.data) == (100, bytes(range(90, 100)))
        whole = engine.last_bytes("x.bin", 1000, if_etag=tail.etag)
        assert whole is not None
        assert whole.data == bytes(range(100))
        assert engine.last_bytes("x.bin", 10, unless_etag=tail.etag) is None
        assert self.done("read", lambda: engine.read("x.bin", tail.etag, 3, 7)) == bytes(range(3, 7))
        self.raw_write(engine, "x.bin", bytes(100))
        with pytest.raises(PreconditionFailedError):
            engine.read("x.bin", tail.etag, 3, 7)
        with pytest.raises(PreconditionFailedError):
            engine.last_bytes("x.bin", 10, if_etag=tail.etag)

    def test_whatever_else_is_done_or_declined(self, engine: Engine, file: Path) -> None:
        """Looks, listings, copies and removals do what they say."""
        self.raw_write(engine, "a/x.bin", b"1")
        self.raw_write(engine, "a/y.bin", b"22")
        assert self.done("head", lambda: engine.head("a/y.bin")).size == 2
        pages = self.done("pages", lambda: list(engine.pages("a/")))
        assert [(found.path, found.size) for page in pages for found in page] == [("a/x.bin", 1), ("a/y.bin", 2)]
        page = self.done("page", lambda: engine.page("a/x."))
        assert ([found.path for found in page.files], page.whole) == (["a/x.bin"], True)
        copied = self.done("copy", lambda: engine.copy("a/x.bin", "b/z.bin", SAID))
        assert (copied.path, copied.size) == ("b/z.bin", 1)
        self.done("duplicate", lambda: engine.duplicate("b/z.bin", "c.bin", if_etag=copied.etag))
        found = engine.head("c.bin")
        assert found.mark is not None
        assert found.content_type == "text/x-own"
        self.done("delete", lambda: engine.delete("a/x.bin"))
        engine.delete("a/x.bin")
        assert self.raw_read(engine, "a/x.bin") is None
        parts = self.done("put_parts", lambda: engine.put_parts("parts.bin", file, SAID))
        assert (parts.size, self.raw_read(engine, "parts.bin")) == (3, b"abc")

    def test_closed_it_opens_again(self, engine: Engine, file: Path) -> None:
        """`close()` drops what is open, and no more."""
        self.done("put", lambda: engine.put("x.bin", file, SAID))
        engine.close()
        engine.put("x.bin", file, SAID)
        assert self.raw_read(engine, "x.bin") == b"abc"
