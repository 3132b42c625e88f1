"""Looking as a page: self-contained HTML, foldable without scripts, every text escaped, readable in light and dark.

Colours are those of the page around it (`currentColor`, with opacity), so that no theme makes it unreadable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from autostore.info import text
from autostore.keys import uri_below
from autostore.telling import units

if TYPE_CHECKING:
    from autostore.info.values import Entry, Format, Info, Tree

__all__ = ["bare_table", "folded", "formats", "info", "page", "tree"]

STYLE = """<style>
.autostore{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:13px;line-height:1.5;color:inherit}
.autostore details{margin-left:1em}.autostore>details{margin-left:0}.autostore summary{cursor:pointer}
.autostore ul{list-style:none;margin:0;padding-left:1.2em;border-left:1px solid;
border-color:color-mix(in srgb,currentColor 20%,transparent)}
.autostore .said{opacity:.65;margin-left:1em}.autostore .bad{font-weight:bold;margin-left:1em}
.autostore table{border-collapse:collapse;color:inherit;font:inherit}.autostore td,.autostore th{text-align:left;
padding:1px 12px 1px 0;vertical-align:top;background:transparent;color:inherit;border:none}
.autostore th{opacity:.65;font-weight:normal}
.autostore pre{margin:0;white-space:pre-wrap;color:inherit;background:transparent}
</style>"""


def tree(found: Tree) -> str:
    """Folders that fold; the first level is open."""
    total = f"{units.count(len(found), 'key')}, {units.size(found.size)}"
    if found.is_cut:
        total = f"the first {units.count(len(found), 'key')}"
    head = f"<summary><b>{_text(uri_below(found.uri, found.prefix))}</b><span class='said'>{total}</span></summary>"
    body = _level(text.nested(found)) if len(found) else "<div class='said'>Nothing is stored here.</div>"
    return page(f"<details open>{head}{body}</details>")


def info(found: Info) -> str:
    """Name and text of each fact."""
    rows = [(name, said) for name, said in text.of_info(found) if name not in ("columns", "parts", "begins")]
    parts = [bare_table(rows)]
    if found.columns is not None:
        parts.append(folded(units.count(len(found.columns), "column"), bare_table(found.columns)))
    if found.parts:
        parts.append(folded(units.count(len(found.parts), "part"), bare_table(list(found.parts.items()))))
    if found.preview is not None:
        parts.append(folded("begins", f"<pre>{escape(found.preview)}</pre>"))
    return page("".join(parts))


def formats(found: Iterable[Format]) -> str:
    """A row of each."""
    heads, *rows = text.of_formats(found)
    return page(bare_table(rows, heads))


def page(body: str) -> str:
    """The body with its style."""
    return f"<div class='autostore'>{STYLE}{body}</div>"


def bare_table(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Rows of cells; without heads the first cell of each names it."""
    head = "<tr>" + "".join(f"<th>{_text(name)}</th>" for name in heads) + "</tr>" if heads else ""
    lines = (
        "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for tag, cell in _tagged(row, plain=bool(heads))) + "</tr>"
        for row in rows
    )
    return f"<table>{head}{''.join(lines)}</table>"


def _tagged(row: Sequence[str], *, plain: bool) -> Iterable[tuple[str, str]]:
    return (("th" if not number and not plain else "td", cell) for number, cell in enumerate(row))


def folded(title: str, body: str) -> str:
    """A body below a title that opens it."""
    return f"<details><summary>{_text(title)}</summary>{body}</details>"


def _level(level: text.Nested) -> str:
    return "<ul>" + "".join(_item(name, child) for name, child in level.items()) + "</ul>"


def _item(name: str, child: Entry | text.Nested) -> str:
    if isinstance(child, dict):
        return f"<li><details><summary>{_text(name)}</summary>{_level(child)}</details></li>"
    said = text.of_header(child.header) if child.header is not None else ""
    words = [child.format, said, units.size(child.size), units.moment(child.modified_time)]
    bad = f"<span class='bad'>{_text(child.problem)}</span>" if child.problem else ""
    return f"<li>{_text(name)}<span class='said'>{_text(' · '.join(filter(None, words)))}</span>{bad}</li>"


def _text(said: str) -> str:
    return escape(text.plain(said))
