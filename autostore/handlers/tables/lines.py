"""JSON lines of a table, by name: each row an object; its rows come back, or a table where `as_type` asks for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from autostore.errors import UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.handlers.json import JSONLinesHandler, dump_lines
from autostore.handlers.tables.csv import as_polars
from autostore.handlers.tables.kinds import FRAMES, failed_query, kind_of, table_preview
from autostore.handlers.tables.moments import check_maps
from autostore.preview import Preview

__all__ = ["FrameLinesHandler"]

_SLICE = 10_000


class FrameLinesHandler(DataHandler):
    """Tables whose cells JSON has, one row a line, where the key names .jsonl."""

    types = "tables of Polars, pandas and Arrow whose cells JSON has; as_type makes one of the rows"
    lossy = {".jsonl": "its rows come back, a list of dicts"}
    read_by = "everything"
    requires = ("polars",)
    explicit_only: ClassVar[bool] = True

    @property
    def extensions(self) -> list[str]:
        """Only .jsonl, which JSON lines read."""
        return [".jsonl"]

    @property
    def priority(self) -> int:
        """Below JSON, which reads these files."""
        return 5

    def in_bundle(self) -> None:
        """Never: a bundle's members are what bare keys get."""

    def can_handle_data(self, data: Any) -> bool:
        """Whole tables."""
        return kind_of(data) in FRAMES

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The rows, as any JSON lines."""
        reader = JSONLinesHandler()
        reader.ceiling = self.ceiling
        return reader.read_from_file(file_path, file_extension)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the rows, some thousands at a time; cells that JSON has not (dates, NaN, bytes) are refused."""
        if kind_of(data) == "polars.LazyFrame":
            with failed_query():
                frame = data.collect()
        else:
            frame = as_polars(data)
        if frame.height and not frame.width:
            raise UnsupportedFormatError("JSON lines hold no rows without columns. Use .parquet.")
        for name, dtype in frame.schema.items():
            if "Extension(" in str(dtype):  # its cells would be what they are stored as: of a period its number
                problem = f"JSON has no type for the column {name!r:.80}, {dtype!s:.200}"
                raise UnsupportedFormatError(f"{problem}. Turn it into text or numbers, or use .parquet.")
        check_maps(frame)
        with open(file_path, "wb") as file:
            for begin in range(0, frame.height, _SLICE):
                rows = frame.slice(begin, _SLICE).to_dicts()
                file.write(dump_lines(rows))

    def preview(self, data: Any) -> Preview:
        """Rows, columns, head and statistics."""
        return table_preview(data)
