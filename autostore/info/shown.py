"""A value shown: what `preview` tells of it, as text and as a page, with its picture where it is one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from autostore.info import html, text
from autostore.preview import Columns, Fact, Markdown, Picture, Preview, Rows

__all__ = ["Shown"]


@dataclass(frozen=True)
class Shown:
    """What a person would look at first in a stored value.

    Attributes:
        key: which.
        preview: the facts, by name.
    """

    key: str
    preview: Preview

    def __str__(self) -> str:
        return "\n".join(self._lines())

    _repr_pretty_ = text.pretty

    def _repr_html_(self) -> str:
        """A picture first, then tables, then single facts."""
        order = sorted(self.preview.items(), key=lambda item: _rank(item[1]))
        pictures = [fact for _, fact in order if isinstance(fact, Picture)]
        largest = max(pictures, key=lambda one: len(one.data), default=None)
        parts = [_block(name, fact) for name, fact in order if not isinstance(fact, Picture) or fact is largest]
        return html.page("".join(parts))

    def _lines(self) -> Iterator[str]:
        yield text.plain(self.key)
        for name, fact in self.preview.items():
            match fact:
                case Picture():
                    continue
                case Rows(rows):
                    yield from text.table([list(rows[0]), *([str(cell) for cell in row.values()] for row in rows)])
                case Columns(columns):
                    yield from text.table(list(columns))
                case _:
                    yield text.facts([(name, fact.text if isinstance(fact, Markdown) else str(fact))])


def _rank(fact: Fact) -> int:
    return 0 if isinstance(fact, Picture) else 1 if isinstance(fact, Rows) else 3 if isinstance(fact, Columns) else 2


def _block(name: str, fact: Fact) -> str:
    match fact:
        case Picture(data, media_type):
            source = f"data:{escape(media_type)};base64,{base64.b64encode(data).decode()}"
            return f"<img src='{source}' alt='{escape(name)}' style='max-width:100%'>"
        case Rows(rows):
            cells = [["" if cell is None else str(cell) for cell in row.values()] for row in rows]
            return html.bare_table(cells, list(rows[0]) if rows else ())
        case Columns(columns):
            return html.folded(name, html.bare_table(columns))
        case Markdown(said):
            return f"<pre>{escape(said)}</pre>"
    return html.bare_table([(name, str(fact))])
