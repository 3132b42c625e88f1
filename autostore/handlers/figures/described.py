"""Figures of Plotly and Altair as the JSON that they are made of: .plotly and .vl, as JupyterLab calls such files.

Equal figures are those that show the same: whose JSON says the same.
"""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, BinaryIO

from autostore.equality import same
from autostore.equality.figures import ALTAIR, PLOTLY
from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError
from autostore.guard.ceiling import read_whole
from autostore.guard.foreign import let_pass
from autostore.handlers.owned import OwnedHandler
from autostore.handlers.typed.text import parse
from autostore.headers.header import Header, beginning, text_of
from autostore.optional import DISTRIBUTION, loaded_type, require
from autostore.preview import Preview
from autostore.previews.figures import altair_chart, plotly_figure

__all__ = ["AltairHandler", "PlotlyHandler"]

_BYTES_IN_MEMORY = 40
"""What a byte of JSON may become in memory."""


class _DescribedHandler(OwnedHandler):
    """A figure as its JSON."""

    install = f"{DISTRIBUTION}[plots]"

    def can_handle_data(self, data: Any) -> bool:
        """By the class at the root of all figures."""
        figure = loaded_type(*self.of_class)
        return figure is not None and isinstance(data, figure)

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """How it begins."""
        return Header(type=".".join(self.of_class), preview=text_of(beginning(file)))

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The figure that the JSON describes."""
        self.ceiling.check(os.path.getsize(file_path) * _BYTES_IN_MEMORY, "The figure")
        content = read_whole(file_path, self.ceiling)
        said = parse(content, _unique)
        if type(said) is not dict:
            raise CorruptDataError("The file describes no figure. Look at it with as_type=bytes.")
        try:
            return self._made(said)
        except Exception as error:  # each library has its own; which properties there are is its affair
            let_pass(error)
            if isinstance(error, StorageError | MemoryError):
                raise
            raise CorruptDataError(f"The file describes no figure: {type(error).__name__}: {error!s:.300}") from error

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the JSON, if the same figure comes back from it."""
        content = self._said(data).encode("utf-8")
        try:
            kept = same(self._made(json.loads(content)), data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            let_pass(error)
            kept = False
        if not kept:
            raise UnsupportedFormatError(
                f"Its JSON would not give this {type(data).__qualname__} back. Name an .html file to keep the page."
            )
        with open(file_path, "wb") as file:
            file.write(content)

    @abstractmethod
    def _said(self, figure: Any) -> str:
        """The JSON of a figure."""

    @abstractmethod
    def _made(self, said: dict[str, Any]) -> Any:
        """The figure of its JSON."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CorruptDataError("An object of the figure has a key twice. Ask what wrote the file.")
    return found


class PlotlyHandler(_DescribedHandler):
    """Figures of Plotly as .plotly."""

    types = "figures of Plotly"
    read_by = "Plotly in any language, JupyterLab"
    equality = PLOTLY
    media_types = {".plotly": "application/vnd.plotly.v1+json"}
    requires = ("plotly",)
    extension, of_class = ".plotly", ("plotly.basedatatypes", "BaseFigure")

    def _said(self, figure: Any) -> str:
        return str(figure.to_json())

    def _made(self, said: dict[str, Any]) -> Any:
        return require("plotly.graph_objects").Figure(said)

    def preview(self, data: Any) -> Preview:
        """Title and traces."""
        return plotly_figure(data)


class AltairHandler(_DescribedHandler):
    """Charts of Altair as .vl, with the data that they show."""

    types = "charts of Altair, with their data"
    read_by = "Vega-Lite, JupyterLab"
    equality = ALTAIR
    media_types = {".vl": "application/vnd.vegalite.v6+json"}
    requires = ("altair",)
    extension, of_class = ".vl", ("altair", "TopLevelMixin")

    def _said(self, figure: Any) -> str:
        try:
            return str(figure.to_json())
        except require("altair").MaxRowsError as error:
            raise UnsupportedFormatError(f"Altair does not write out so many rows: {error!s:.300}") from error

    def _made(self, said: dict[str, Any]) -> Any:
        return require("altair").Chart.from_dict(said)

    def preview(self, data: Any) -> Preview:
        """Marks and channels."""
        return altair_chart(data)
