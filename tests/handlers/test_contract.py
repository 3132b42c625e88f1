"""The contract itself: a third party's good handler passes, and each broken promise is noticed."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from autostore.errors import InvalidConfigError, UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.preview import Markdown, Preview, Rows
from autostore.testing import HandlerContract

KEPT: list[Any] = []


class Log:
    """A third party's type."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.file: Path | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Log) and self.content() == other.content()

    __hash__ = None  # type: ignore[assignment]

    def content(self) -> list[str]:
        """The lines; of a lazy log, those that its file holds by now."""
        return self.lines if self.file is None else self.file.read_text(encoding="utf-8").split("\n")[1:-1]


class LogHandler(DataHandler):
    """The smallest handler that keeps every promise."""

    @property
    def extensions(self) -> list[str]:
        return [".log"]

    def can_handle_data(self, data: Any) -> bool:
        return type(data) is Log

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        head, *lines, end = file_path.read_text(encoding="utf-8").split("\n")
        if head != "LOG" or end != "END":
            raise ValueError("not a log")
        return Log(*lines)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        if any("\n" in line for line in data.lines):
            raise UnsupportedFormatError("A log's lines hold no newline. Split them.")
        file_path.write_text("\n".join(["LOG", *data.lines, "END"]), encoding="utf-8", newline="")


class TestLogHandler(HandlerContract):
    handler = LogHandler()
    samples = (Log("a", "é"), Log())
    refused = (Log("a\nb"), "text")


class Upper(LogHandler):
    @property
    def extensions(self) -> list[str]:
        return [".LOG"]


class Forgets(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        return Log(*super().read_from_file(file_path, file_extension).lines[:1])


class Coerces(LogHandler):
    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        super().write_to_file(Log(*(line.replace("\n", " ") for line in data.lines)), file_path, file_extension)


class Obliges(LogHandler):
    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        return self.read_from_file(file_path, file_extension)


class Guesses(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        try:
            return super().read_from_file(file_path, file_extension)
        except ValueError:
            return Log()


class Panic(BaseException):
    """What native code raises; no `except Exception` catches it."""


class Panics(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        try:
            return super().read_from_file(file_path, file_extension)
        except ValueError:
            raise Panic from None


class Unpickles(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        try:
            return super().read_from_file(file_path, file_extension)
        except ValueError:
            return pickle.loads(file_path.read_bytes())


class Litters(LogHandler):
    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        super().write_to_file(data, file_path, file_extension)
        file_path.with_suffix(".tmp").touch()


class Touches(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        value = super().read_from_file(file_path, file_extension)
        file_path.write_text("LOG\nEND")
        return value


class Leaks(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        KEPT.append(os.open(file_path, os.O_RDONLY))
        return super().read_from_file(file_path, file_extension)


class Lazy(LogHandler):
    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        value = super().read_from_file(file_path, file_extension)
        value.file = file_path
        return value


class Verbose(LogHandler):
    def preview(self, data: Any) -> Preview:
        return {f"line {i}": Markdown("x" * 10_000) for i in range(50)}


class Blank(LogHandler):
    def preview(self, data: Any) -> Preview:
        return {"head": Rows([])}


class Strange(LogHandler):
    def preview(self, data: Any) -> Preview:
        return {"lines": data.lines}


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Upper, "test_extensions_are_lower_case_with_a_dot"),
        (Forgets, "test_values_come_back_equal_and_of_their_type"),
        (Forgets, "test_each_extension_keeps_the_value_or_refuses_it"),
        (Coerces, "test_what_the_format_cannot_hold_is_refused"),
        (Obliges, "test_any_type_may_be_asked_for"),
        (Guesses, "test_a_cut_file_is_an_error"),
        (Guesses, "test_garbage_is_an_error"),
        (Panics, "test_garbage_is_an_error"),
        (Unpickles, "test_a_hostile_pickle_is_not_run"),
        (Lazy, "test_a_value_outlives_its_file"),
        (Litters, "test_nothing_else_is_written"),
        (Touches, "test_nothing_else_is_written"),
        (Leaks, "test_no_descriptor_is_left_open"),
        (Verbose, "test_a_preview_is_small_and_of_the_known_kinds"),
        (Blank, "test_a_preview_is_small_and_of_the_known_kinds"),
        (Strange, "test_a_preview_is_small_and_of_the_known_kinds"),
    ],
)
def test_a_broken_promise_is_noticed(tmp_path: Path, broken: Any, check: str) -> None:
    """Each check fails for a handler that breaks what it holds."""

    class Suite(TestLogHandler):
        __test__ = False
        handler = broken()

    method = getattr(Suite(), check)
    try:
        with pytest.raises(Panic if broken is Panics else (AssertionError, FileNotFoundError, InvalidConfigError)):
            method() if check.startswith(("test_ext", "test_a_preview")) else method(tmp_path)
    finally:
        while KEPT:
            os.close(KEPT.pop())
