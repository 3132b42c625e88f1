"""Figures of Matplotlib as what a person looks at: one way, as the picture, the text or the bytes that was drawn.

And the pages of Plotly and Altair, where a key names .html. Whoever reads them are the formats of pictures, texts and
bytes: which extension is whose is settled there, and a figure only adds another thing to be written so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.errors import UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.optional import DISTRIBUTION, loaded_type
from autostore.preview import Preview
from autostore.previews.figures import altair_chart, drawn, plotly_figure

__all__ = ["DrawnHandler", "PageHandler"]

_BACK = {".png": "a picture comes", ".svg": "a text comes", ".pdf": "bytes come"}


class _OneWay(DataHandler):
    """Writes what other formats read."""

    @property
    def priority(self) -> int:
        """Behind the formats that read such files."""
        return 4

    def in_bundle(self) -> None:
        """Never: within a value each part comes back as it was."""

    def read_from_file(self, file_path: Path, file_extension: str) -> NoReturn:
        """Nobody gets here but where the format of pictures, texts or bytes was unregistered."""
        raise UnsupportedFormatError(f"A figure was drawn into this {file_extension} file. Read it with as_type=bytes.")


class DrawnHandler(_OneWay):
    """Figures of Matplotlib as .png under a bare key, and by name as .svg and .pdf."""

    types = "figures of Matplotlib, one way"
    lossy = {extension: f"one way: {back} back" for extension, back in _BACK.items()}
    read_by = "every viewer"
    install = f"{DISTRIBUTION}[plots]"
    requires = ("matplotlib",)
    named_extensions = (".svg", ".pdf")

    @property
    def extensions(self) -> list[str]:
        """A bare key gets .png."""
        return [".png"]

    def can_handle_data(self, data: Any) -> bool:
        """Figures."""
        figure = loaded_type("matplotlib.figure", "Figure")
        return figure is not None and isinstance(data, figure)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Draw the figure; the same figure gives the same bytes."""
        metadata: Mapping[str, None] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(file_extension, {})
        with failing_disk_is_an_os_error(file_path), open(file_path, "wb") as file:
            _draw(data, file, file_extension[1:], metadata)

    def preview(self, data: Any) -> Preview:
        """A thumbnail."""
        return drawn(data)


def _draw(figure: Any, file: BinaryIO, format: str, metadata: Mapping[str, None]) -> None:
    try:
        figure.savefig(file, format=format, metadata=metadata)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UnsupportedFormatError(f"Matplotlib cannot draw this figure: {error!s:.300}") from error


class PageHandler(_OneWay):
    """Figures of Plotly and Altair as .html, where the key names it."""

    types = "figures of Plotly and Altair, one way"
    lossy = dict.fromkeys((".html", ".htm"), "one way: a text comes back")
    read_by = "every browser"
    explicit_only = True
    named_extensions = (".htm",)

    @property
    def extensions(self) -> list[str]:
        """One of those of texts."""
        return [".html"]

    def can_handle_data(self, data: Any) -> bool:
        """Figures of either library."""
        return _page_of(data) is not None

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the page; Plotly's holds all it needs, Altair's fetches its library when it is opened."""
        page = _page_of(data)
        assert page is not None
        with open(file_path, "w", encoding="utf-8", newline="") as file:
            file.write(page())

    def preview(self, data: Any) -> Preview:
        """As where it comes back."""
        plotly = loaded_type("plotly.basedatatypes", "BaseFigure")
        return plotly_figure(data) if plotly is not None and isinstance(data, plotly) else altair_chart(data)


def _page_of(data: Any) -> Callable[[], str] | None:
    plotly, altair = loaded_type("plotly.basedatatypes", "BaseFigure"), loaded_type("altair", "TopLevelMixin")
    known = (plotly is not None and isinstance(data, plotly)) or (altair is not None and isinstance(data, altair))
    return data.to_html if known else None
