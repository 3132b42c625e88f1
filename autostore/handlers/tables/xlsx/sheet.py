"""The cells of a sheet, as columns: what a cell says it is, dates by their format, and nothing where there is none."""

from __future__ import annotations

import re
import zipfile
from typing import Any

from autostore.errors import CorruptDataError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables.xlsx.cells import number, of_serial, unescaped
from autostore.handlers.tables.xlsx.parts import Book, Reader

__all__ = ["columns_of"]

_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ROWS, _COLUMNS = 1_048_576, 16_384
_CELL = 150
"""Bytes that a cell takes while it is read."""


def columns_of(archive: zipfile.ZipFile, found: Book, part: str, ceiling: Ceiling) -> list[list[Any]]:
    """Each column of a sheet from its first row on; None where a cell is empty."""
    cells = _Cells(found, ceiling)
    cells.read(archive, part, ceiling)
    ceiling.check(cells.size + 8 * cells.width * cells.height, "The sheet")
    columns: list[list[Any]] = [[None] * cells.height for _ in range(cells.width)]
    for (row, column), value in cells.found.items():
        columns[column][row] = value
    return columns


class _Cells(Reader):
    """Cells by their place; a row that has none counts where the file has it."""

    def __init__(self, book: Book, ceiling: Ceiling) -> None:
        super().__init__()
        self.found: dict[tuple[int, int], Any] = {}
        self.width = self.height = self.size = 0
        self._book, self._ceiling = book, ceiling
        self._row = self._column = -1
        self._kind, self._style = "n", 0
        self._said: str | None = None
        self._aloud = False

    def begin(self, name: str, told: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(told)
        elif name == "row":
            self._row, self._column = (int(told["r"][:8]) - 1 if "r" in told else self._row + 1), -1
            self._within(self._row, 0)
            self.height = max(self.height, self._row + 1)
        elif name == "rPh":
            self._aloud = True
        elif name in ("v", "t") and not self._aloud:
            self.text = []

    def _begin_cell(self, told: dict[str, str]) -> None:
        self._kind, self._style, self._said = told.get("t", "n"), int(told.get("s", "0")[:9]), None
        place = _PLACE.fullmatch(told.get("r", ""))
        if place is None:
            self._column += 1
            return
        column = 0
        for letter in place[1]:
            column = column * 26 + ord(letter) - 64
        self._row, self._column = int(place[2]) - 1, column - 1

    def end(self, name: str) -> None:
        if name in ("v", "t") and self.text is not None:
            text = self.taken()  # of a rich text the runs
            self._said = text if name == "v" or self._said is None else self._said + text
        elif name == "rPh":
            self._aloud = False
        elif name == "c" and self._said is not None:
            self._within(self._row, self._column)
            value = self._value(self._said)
            self.size += _CELL + (len(value) if type(value) is str else 0)
            self._ceiling.check(self.size, "The sheet")
            if value is not None:
                self.found[self._row, self._column] = value
                self.width, self.height = max(self.width, self._column + 1), max(self.height, self._row + 1)

    def _within(self, row: int, column: int) -> None:
        if not (0 <= row < _ROWS and 0 <= column < _COLUMNS):
            raise CorruptDataError(f"A cell stands in row {row + 1:,}, column {column + 1:,}, where no sheet has any.")

    def _value(self, said: str) -> Any:
        if self._kind == "s":
            at = int(said[:9])
            if not 0 <= at < len(self._book.texts):
                raise CorruptDataError("A cell names a text that the workbook has not. Look at it with as_type=bytes.")
            return self._book.texts[at]
        if self._kind in ("inlineStr", "str", "d"):
            return unescaped(said)
        if self._kind == "b":
            return said.strip() in ("1", "true")
        if self._kind == "e" or not said.strip():  # "#N/A" and others are no values
            return None
        value = number(said.strip())
        formats = self._book.formats
        kind = formats[self._style] if 0 <= self._style < len(formats) else None
        return value if kind is None else of_serial(value, kind, is_1904=self._book.is_1904)
