"""Subtitles: lists of (start, end, text) as WebVTT, which every player of films reads."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from autostore.plugins import CorruptDataError, DataHandler, Preview, UnsupportedFormatError

__all__ = ["Line", "Subtitles", "SubtitlesHandler"]

_LINE = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})\n([^\n]+)\n\n")


class Line(NamedTuple):
    """What is said from one moment to another, in milliseconds."""

    start: int
    end: int
    text: str


class Subtitles(list[Line]):
    """The lines of a film."""


class SubtitlesHandler(DataHandler):
    """Subtitles as .subtitles.vtt."""

    types = "subtitles"
    read_by = "players of films"
    media_types = {".subtitles.vtt": "text/vtt"}

    @property
    def extensions(self) -> list[str]:
        """One of its own."""
        return [".subtitles.vtt"]

    @property
    def priority(self) -> int:
        """A type of its own."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Exactly the class above."""
        return type(data) is Subtitles

    def read_from_file(self, file_path: Path, file_extension: str) -> Subtitles:
        """The lines; anything else is no file of this kind."""
        head, _, body = file_path.read_text(encoding="utf-8").partition("\n\n")
        found = list(_LINE.finditer(body))
        if head != "WEBVTT" or "".join(line[0] for line in found) != body:
            raise CorruptDataError("This is no WebVTT of plain lines. Look at it with as_type=bytes.")
        return Subtitles(Line(_moment(line.groups()[:4]), _moment(line.groups()[4:8]), line[9]) for line in found)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the lines, if they come back the same."""
        lines = (f"{_shown(line.start)} --> {_shown(line.end)}\n{line.text}\n\n" for line in data)
        file_path.write_text("WEBVTT\n\n" + "".join(lines), encoding="utf-8")
        try:
            kept = self.read_from_file(file_path, file_extension) == data
        except CorruptDataError:
            kept = False
        if not kept:
            raise UnsupportedFormatError("A line of subtitles would change. Put its text on one line.")

    def preview(self, data: Any) -> Preview:
        """How many lines there are, and the first."""
        return {"lines": len(data), "first": data[0].text if data else ""}


def _moment(parts: tuple[str, ...]) -> int:
    hours, minutes, seconds, thousandths = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _shown(moment: int) -> str:
    seconds, thousandths = divmod(moment, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"
