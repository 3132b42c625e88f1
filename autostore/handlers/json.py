"""JSON and JSON lines: plain files that hold exactly what JSON can express, never a mark of ours.

Both are strict both ways: no NaN, no infinity, no key twice, UTF-8 (a byte order mark is read, and never
written), and only the types that JSON gives back as they were.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.handler import DataHandler
from autostore.handlers.encoding import without_mark
from autostore.handlers.fitting import fitted
from autostore.handlers.parsing import number_of_line, parse_json, parse_lines
from autostore.handlers.plain import judge
from autostore.handlers.tables.made import frame_asked_for, made
from autostore.headers import texts as texts_header
from autostore.headers.header import Header
from autostore.words import an

__all__ = ["JSONHandler", "JSONLinesHandler", "check_json", "dump_lines", "read_json"]

# A reader may stand deeper in the stack than the writer did, and must not overflow it.
MAX_DEPTH = 400
# Bytes in memory of a list or dict, a text and a number, and how often its size `[{},{},...]` takes at most.
OBJECT_BYTES, TEXT_BYTES, NUMBER_BYTES, MOST_UNFOLDED = 64, 50, 32, 32
# Judging by levels costs microseconds a level, which only pays for values that are larger.
_SMALL = 200
_LEAVES = frozenset({str, int, float, bool, type(None)})
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


def check_json(value: Any) -> None:
    """Refuse every type that JSON would give back as another; NaN and huge ints fail in the encoder."""
    kind = type(value)
    if kind in _LEAVES:
        return
    problem = f"JSON would not give {an(kind.__qualname__)} back as such"
    if kind is dict or kind is list:
        problem = "" if _is_small_and_plain(value, _SMALL) > 0 else judge(value, MAX_DEPTH).problem
    if problem:
        raise UnsupportedFormatError(f"This is not plain JSON: {problem}. Convert it, or store it under a bare key.")


def _is_small_and_plain(value: Any, room: int) -> int:
    """How many more nodes there may be; 0 or less where the value is large, deep, or not plain."""
    room -= len(value) + _SMALL // 16
    if room <= 0:
        return room
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return 0
        value = value.values()
    for child in value:
        if type(child) not in _LEAVES:
            if type(child) is not dict and type(child) is not list:
                return 0
            room = _is_small_and_plain(child, room)
            if room <= 0:
                return room
    return room


def _dump(value: Any) -> bytes:
    check_json(value)
    return _text(value)


def _text(value: Any) -> bytes:
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsupportedFormatError("UTF-8 cannot hold a lone surrogate in this value. Remove it.") from error
    except ValueError as error:  # NaN and infinities; ints beyond Python's limit of digits
        raise UnsupportedFormatError(f"JSON cannot hold this value: {error}. Convert it, or use a bare key.") from error


def read_json(file: Path, ceiling: Ceiling) -> str:
    """The text of a file, if what it stands for may be held in memory."""
    return _checked(read_whole(file, ceiling), ceiling)


def _checked(content: bytes, ceiling: Ceiling) -> str:
    if not ceiling.allows(MOST_UNFOLDED * len(content)):
        objects = (content.count(b"[") + content.count(b"{")) * OBJECT_BYTES + content.count(b'"') // 2 * TEXT_BYTES
        ceiling.check(len(content) + objects + content.count(b",") * NUMBER_BYTES, "The JSON")
    return without_mark(content)


def _parse_one(text: str) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or "\n" not in text.strip():
            raise
        raise CorruptDataError(
            f"More stands after the first JSON value ({error}). If each line is a value, name the file .jsonl."
        ) from error


def dump_lines(rows: list[Any]) -> bytes:
    """One line a row."""
    check_json(rows)  # as a whole, before the first is written
    return b"".join(_text(row) + b"\n" for row in rows)


class JSONHandler(DataHandler):
    """Dicts, lists, scalars and None as .json; any list as .jsonl where the key says so."""

    types = "dict, list, str, number, bool, None; of .jsonl a list"
    read_by = "everything"
    media_types = {".jsonl": "application/jsonl"}

    @property
    def extensions(self) -> list[str]:
        """A bare key gets .json."""
        return [".json", ".jsonl"]

    @property
    def priority(self) -> int:
        """Below text, bytes and JSON lines."""
        return 6

    def in_bundle(self) -> None:
        """Never: it stands in the bundle's own JSON."""

    def can_handle_data(self, data: Any) -> bool:
        """Exactly the types that JSON has."""
        return type(data) in _LEAVES or type(data) in (dict, list)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Dict, list or scalar."""
        return texts_header.json_text(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The parsed file; NaN, numbers beyond floats and a key that stands twice are errors."""
        return self.parsed(read_whole(file_path, self.ceiling), file_extension)

    def parsed(self, content: bytes, file_extension: str) -> Any:
        """The same of bytes."""
        text = _checked(content, self.ceiling)
        try:
            return parse_lines(text) if file_extension == ".jsonl" else _parse_one(text)
        except RecursionError as error:
            problem = "The JSON is nested deeper than Python's parser goes, whole or not"
            raise CorruptDataError(f"{problem}. Read it with as_type=bytes, and parse it elsewhere.") from error

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The data validated into a type: a model, `list[Row]`, `dict[str, Model]`, ...; or a table of its rows."""
        if kind := frame_asked_for(as_type):
            return made(self.read_from_file(file_path, file_extension), kind)
        content = read_whole(file_path, self.ceiling)
        data = self.parsed(content, file_extension)
        if file_extension != ".jsonl":
            return fitted(as_type, data, row="item", from_json=True)
        return fitted(as_type, data, row="line", from_json=True, at=lambda row: number_of_line(content, row))

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write UTF-8; one line a row for .jsonl."""
        if file_extension != ".jsonl":
            content = _dump(data)
        elif type(data) is list:
            content = dump_lines(data)
        else:
            raise UnsupportedFormatError(f".jsonl holds a list, not {an(type(data).__qualname__)}. Use .json.")
        with open(file_path, "wb") as file:
            file.write(content)


class JSONLinesHandler(JSONHandler):
    """A non-empty list of exact dicts, one a line."""

    types = "lists of dicts"

    @property
    def extensions(self) -> list[str]:
        """Only .jsonl."""
        return [".jsonl"]

    @property
    def priority(self) -> int:
        """Asked before JSON."""
        return 7

    def can_handle_data(self, data: Any) -> bool:
        """A non-empty list of exact dicts."""
        return type(data) is list and bool(data) and all(type(row) is dict for row in data)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """A list, and its first lines."""
        return texts_header.lines(file)
