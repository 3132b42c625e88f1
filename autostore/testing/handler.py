"""`HandlerContract`: what every format must do, as a test class that a handler's tests subclass.

    class TestLogHandler(HandlerContract):
        handler = LogHandler()
        samples = (Log(["a"]), Log([]))
        refused = (Log([object()]),)

Each check writes and reads real files through the handler alone, without a store.
"""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from autostore.equality import same
from autostore.errors import UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.handlers import introduce
from autostore.previews.bounds import TOTAL, bounded, characters

__all__ = ["HandlerContract"]

# Characters that libraries take for globs, URLs or formats.
_ODD_NAME = "odd [a-z]* {x}%20 é"


class HandlerContract:
    """Subclass it, set the handler and the values, and run it with pytest.

    Attributes:
        handler: the handler under test.
        samples: values that must come back equal and of the same type; at least two.
        refused: values that the format cannot hold exactly.
        lossy_extensions: those where a value may come back changed, as in JPEG.
        runs_code: whether reading a file may run code in it, as pickle does.
        reads_anything: whether any bytes are a valid file, as for text.
    """

    handler: ClassVar[DataHandler]
    samples: ClassVar[Sequence[Any]]
    refused: ClassVar[Sequence[Any]] = ()
    lossy_extensions: ClassVar[frozenset[str]] = frozenset()
    runs_code: ClassVar[bool] = False
    reads_anything: ClassVar[bool] = False

    def setup_method(self) -> None:
        """Compare the samples as the handler says."""
        introduce(self.handler)

    def shows_damage(self, value: Any) -> bool:
        """Whether every cut of this value's file can be told from a whole one; override where it cannot."""
        return not self.reads_anything

    def is_valid(self, content: bytes, extension: str) -> bool:
        """Whether bytes that were not written here happen to be a whole file; override where they can be."""
        return self.reads_anything

    def write(self, value: Any, folder: Path, extension: str | None = None) -> Path:
        """Write a value to a new file with an odd name, and return the file."""
        extension = self.handler.extension_for(value) if extension is None else extension
        file = folder / (_ODD_NAME + extension)
        self.handler.write_to_file(value, file, extension)
        return file

    def read(self, file: Path) -> Any:
        """What the handler reads from a file that `write` made."""
        return self.handler.read_from_file(file, file.name.removeprefix(_ODD_NAME))

    def test_extensions_are_lower_case_with_a_dot(self) -> None:
        """Extensions are as keys spell them, and the handler answers for each."""
        assert self.handler.extensions, "a handler needs an extension"
        for extension in self.handler.extensions:
            assert extension.startswith("."), f"{extension!r} lacks its dot"
            assert len(extension) > 1, f"{extension!r} is empty"
            assert extension == extension.lower(), f"{extension!r} is not lower case"
            assert "/" not in extension, f"{extension!r} holds a slash"
            assert self.handler.can_handle_extension(extension), f"{extension!r} is listed, and not handled"

    def test_values_come_back_equal_and_of_their_type(self, tmp_path: Path) -> None:
        """Every sample is recognised, and reads back as `same` defines."""
        for number, value in enumerate(self.samples):
            assert self.handler.can_handle_data(value), f"sample {number} is not recognised"
            extension = self.handler.extension_for(value)
            assert extension in self.handler.extensions, f"sample {number} gets {extension!r}, which is not listed"
            back = self.read(self.write(value, tmp_path))
            assert same(back, value), f"sample {number}: {value!r} came back as {back!r}"

    def test_each_extension_keeps_the_value_or_refuses_it(self, tmp_path: Path) -> None:
        """A format that the key names is no less exact than the one that the value would get."""
        for extension in set(self.handler.extensions) - self.lossy_extensions:
            for number, value in enumerate(self.samples):
                try:
                    file = self.write(value, tmp_path, extension)
                except UnsupportedFormatError:
                    continue
                assert same(self.read(file), value), f"sample {number} changed in {extension}"

    def test_what_the_format_cannot_hold_is_refused(self, tmp_path: Path) -> None:
        """A value is never changed silently: it is not recognised, or refused with a remedy."""
        for number, value in enumerate(self.refused):
            if not self.handler.can_handle_data(value):
                continue
            try:
                file = self.write(value, tmp_path)
            except UnsupportedFormatError as error:
                message = str(error)
            else:
                raise AssertionError(f"refused value {number} was written: {value!r} reads as {self.read(file)!r}")
            assert len(message) > 20, f"refused value {number}: the message says too little: {message}"

    def test_any_type_may_be_asked_for(self, tmp_path: Path) -> None:
        """Reading as Any gives the value, and a class that cannot be is refused."""

        class Stranger:
            pass

        file = self.write(self.samples[0], tmp_path)
        extension = self.handler.extension_for(self.samples[0])
        assert same(self.handler.read_as(file, extension, Any), self.samples[0])
        try:
            back = self.handler.read_as(file, extension, Stranger)
        except UnsupportedFormatError:
            return
        raise AssertionError(f"read as a class that it is not: {back!r}")

    def test_a_cut_file_is_an_error(self, tmp_path: Path) -> None:
        """A truncated file raises an Exception, or at least gives what was written, never something else."""
        for number, value in enumerate(self.samples):
            file = self.write(value, tmp_path)
            whole = file.read_bytes()
            for length in sorted({0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1} - {-1, len(whole)}):
                file.write_bytes(whole[:length])
                back = _attempt(self.read, file)
                if self.shows_damage(value):
                    assert back is _FAILED or same(back, value), f"sample {number} cut to {length} read as {back!r}"

    def test_garbage_is_an_error(self, tmp_path: Path) -> None:
        """Files of another kind raise an Exception: not a crash, not a hang, not a value."""
        noise = random.Random(0)  # noqa: S311 - the same bytes in every run
        garbage = [b"", bytes(1000), b"\xff" * 64, b"no such format\n" * 9, noise.randbytes(100), noise.randbytes(5000)]
        for extension in self.handler.extensions:
            for content in garbage:
                file = tmp_path / (_ODD_NAME + extension)
                file.write_bytes(content)
                back = _attempt(self.read, file)
                assert self.is_valid(content, extension) or back is _FAILED, f"{content[:20]!r} read as {back!r}"

    def test_a_hostile_pickle_is_not_run(self, tmp_path: Path) -> None:
        """Reading runs no code that stands in the file, whatever the file pretends to be."""
        if self.runs_code:
            return
        mark = tmp_path / "code ran"
        for extension in self.handler.extensions:
            file = tmp_path / (_ODD_NAME + extension)
            file.write_bytes(pickle.dumps(_Hostile(str(mark))))
            _attempt(self.read, file)
            assert not mark.exists(), f"reading a pickle named {extension} ran it"

    def test_a_value_outlives_its_file(self, tmp_path: Path) -> None:
        """What was read stays right when its file is replaced, and when it is removed."""
        for number, value in enumerate(self.samples):
            file = self.write(value, tmp_path)
            back = self.read(file)
            other = file.with_name("other")
            other.write_bytes(b"something else" * 1000)
            os.replace(other, file)
            assert same(back, value), f"sample {number} changed when its file was replaced"
            file.unlink()
            assert same(back, value), f"sample {number} changed when its file was removed"

    def test_nothing_else_is_written(self, tmp_path: Path) -> None:
        """Writing makes one file, and reading changes nothing."""
        for number, value in enumerate(self.samples):
            file = self.write(value, tmp_path)
            before = file.read_bytes()
            self.read(file)
            assert file.read_bytes() == before, f"reading sample {number} changed its file"
            assert list(tmp_path.iterdir()) == [file], f"sample {number} left {list(tmp_path.iterdir())}"
            file.unlink()

    def test_a_preview_is_small_and_of_the_known_kinds(self) -> None:
        """Every sample has a preview that any screen can show, without anything of it cut away."""
        for number, value in enumerate(self.samples):
            preview = self.handler.preview(value)
            kept = bounded(preview, type(self.handler).__qualname__)
            assert characters(preview) <= TOTAL, f"sample {number}: the preview shows {characters(preview)} characters"
            assert kept.keys() == preview.keys(), f"sample {number}: {preview.keys() - kept.keys()} cannot be shown"

    def test_no_descriptor_is_left_open(self, tmp_path: Path) -> None:
        """Values that are dropped give back what they hold."""
        for number, value in enumerate(self.samples):
            file = self.write(value, tmp_path)
            same(self.read(file), value)  # libraries open what they keep for good
            before = len(os.listdir("/dev/fd"))
            for _ in range(5):
                same(self.read(file), value)
                self.write(value, tmp_path)
            assert len(os.listdir("/dev/fd")) < before + 5, f"sample {number} leaves descriptors open"


_FAILED = object()


def _attempt(read: Callable[[Path], Any], file: Path) -> Any:
    """The value, or `_FAILED`; a BaseException, such as a panic of native code, is not caught."""
    try:
        return read(file)
    except Exception:
        return _FAILED


class _Hostile:
    """Pickles to a call that makes a folder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self._path,)
