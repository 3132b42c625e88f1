"""The parts of anybody's workbook: a zip of XML, read as a stream, each part no further than its size allows.

No tree is built, and a document type is refused, so that nothing unfolds within.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from typing import Any, NamedTuple, NoReturn

from autostore.errors import CorruptDataError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables.xlsx.cells import is_date_format, unescaped
from autostore.handlers.tables.xlsx.writing import NOTE
from autostore.headers.archives import opened
from autostore.optional import require

__all__ = ["Book", "Reader", "book", "note_of"]

_LONGEST_NOTE = 16 << 20
_TEXT = 60
"""Bytes that a text takes beside its characters."""

_BUILT_IN = {14: "date", 15: "date", 16: "date", 17: "date", 18: "time", 19: "time", 20: "time", 21: "time",
             22: "datetime", 45: "time", 46: "duration", 47: "time"}  # fmt: skip
"""18.8.30: the formats that every program knows by number."""


class Reader:
    """What a part says, an element at a time; subclasses take what they need.

    Attributes:
        text: the characters since `collect` was set; None where nobody asked.
    """

    def __init__(self) -> None:
        self.text: list[str] | None = None

    def begin(self, name: str, told: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def read(self, archive: zipfile.ZipFile, name: str, ceiling: Ceiling) -> None:
        """All of a part; `CorruptDataError` where it is no XML or is damaged."""
        expat = require("xml.parsers.expat")
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = lambda name, told: self.begin(name.rpartition(" ")[2], told)
        parser.EndElementHandler = lambda name: self.end(name.rpartition(" ")[2])
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _no_doctype
        try:
            ceiling.check(archive.getinfo(name).file_size, f"The part {name:.80}")
            with opened(archive, name) as part:
                parser.ParseFile(part)
        except (expat.ExpatError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            if isinstance(error, RecursionError):
                raise
            raise CorruptDataError(f"The part {name:.80} of the workbook is damaged: {error!s:.200}") from error

    def _characters(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)

    def taken(self) -> str:
        """The characters of the element that ends."""
        text, self.text = "".join(self.text or ()), None
        return text


def _no_doctype(*_: Any) -> NoReturn:
    raise CorruptDataError("The workbook has a document type, which none has that a program saved.")


class Book(NamedTuple):
    """What a workbook says of its sheets.

    Attributes:
        sheets: name -> part.
        texts: those that cells share.
        formats: of each style whether its numbers are dates.
        is_1904: whether days are counted from 1904.
    """

    sheets: dict[str, str]
    texts: list[str]
    formats: list[str | None]
    is_1904: bool


def book(archive: zipfile.ZipFile, ceiling: Ceiling) -> Book:
    """All but the cells."""
    roots = _Relations()
    roots.read(archive, "_rels/.rels", ceiling)
    main = roots.target("officeDocument", "")
    folder, name = posixpath.split(main)
    relations, sheets = _Relations(), _Sheets()
    relations.read(archive, posixpath.join(folder, "_rels", f"{name}.rels"), ceiling)
    sheets.read(archive, main, ceiling)
    texts, styles = _Texts(ceiling), _Styles()
    for reader, kind in ((texts, "sharedStrings"), (styles, "styles")):
        if (found := relations.target(kind, folder)) and found in archive.NameToInfo:
            reader.read(archive, found, ceiling)
    parts = {name: posixpath.normpath(posixpath.join("/", folder, relations.by_id[told][1]))[1:]
             for name, told in sheets.found.items() if relations.by_id.get(told, ("",))[0] == "worksheet"}  # fmt: skip
    if not parts:
        raise CorruptDataError("The workbook has no sheet of cells. Look at it with as_type=bytes.")
    return Book(parts, texts.found, [styles.kind(at) for at in styles.used], sheets.is_1904)


def note_of(content: bytes) -> str | None:
    """What this library wrote among the properties of a workbook; None for anybody else's, and for no workbook."""
    if f"{NOTE}".encode() not in content and b"docProps/custom.xml" not in content:
        return None
    reader = _Properties()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            reader.read(archive, "docProps/custom.xml", Ceiling(_LONGEST_NOTE))
    except (CorruptDataError, zipfile.BadZipFile, ValueError, OSError, NotImplementedError, MemoryError):
        return None
    pieces = [reader.found.get(f"{NOTE}.{at}") for at in range(len(reader.found))]
    return "".join(piece for piece in pieces if piece is not None) or None


class _Relations(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.by_id: dict[str, tuple[str, str]] = {}

    def begin(self, name: str, told: dict[str, str]) -> None:
        if name == "Relationship" and told.get("TargetMode") != "External":
            kind = told.get("Type", "").rpartition("/")[2]
            self.by_id[told.get("Id", "")] = kind, told.get("Target", "")

    def target(self, kind: str, folder: str) -> str:
        """The part of a kind."""
        found = next((target for name, target in self.by_id.values() if name == kind), "")
        return posixpath.normpath(posixpath.join("/", folder, found))[1:] if found else ""


class _Sheets(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.is_1904 = False

    def begin(self, name: str, told: dict[str, str]) -> None:
        if name == "sheet":
            number = next((text for key, text in told.items() if key.rpartition(" ")[2] == "id"), "")
            self.found[told.get("name", "")] = number
        elif name == "workbookPr":
            self.is_1904 = told.get("date1904") in ("1", "true")


class _Texts(Reader):
    """Shared texts; of rich ones the runs, not how they are read aloud."""

    def __init__(self, ceiling: Ceiling) -> None:
        super().__init__()
        self.found: list[str] = []
        self._runs: list[str] = []
        self._aloud = False
        self._ceiling, self._size = ceiling, 0

    def begin(self, name: str, told: dict[str, str]) -> None:
        if name == "si":
            self._runs = []
        elif name == "rPh":
            self._aloud = True
        elif name == "t" and not self._aloud:
            self.text = []

    def end(self, name: str) -> None:
        if name == "t" and self.text is not None:
            self._runs.append(self.taken())
        elif name == "rPh":
            self._aloud = False
        elif name == "si":
            self.found.append(unescaped("".join(self._runs)))
            self._size += _TEXT + len(self.found[-1])
            self._ceiling.check(self._size, "The texts of the workbook")


class _Styles(Reader):
    def __init__(self) -> None:
        super().__init__()
        self._codes: dict[str, str] = {}
        self.used: list[str] = []
        self._within = False

    def begin(self, name: str, told: dict[str, str]) -> None:
        if name == "numFmt":
            self._codes[told.get("numFmtId", "")] = told.get("formatCode", "")
        elif name == "cellXfs":
            self._within = True
        elif name == "xf" and self._within:
            self.used.append(told.get("numFmtId", "0"))

    def end(self, name: str) -> None:
        self._within = self._within and name != "cellXfs"

    def kind(self, number: str) -> str | None:
        """Whether numbers of a format are dates."""
        if number in self._codes:
            return is_date_format(self._codes[number])
        return _BUILT_IN.get(int(number)) if number.isascii() and number.isdigit() and len(number) < 4 else None


class _Properties(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._name = ""

    def begin(self, name: str, told: dict[str, str]) -> None:
        if name == "property":
            self._name = told.get("name", "")
        elif name == "lpwstr":
            self.text = []

    def end(self, name: str) -> None:
        if name == "lpwstr":
            text = self.taken()
            if self._name.startswith(f"{NOTE}."):
                self.found[self._name] = unescaped(text)
