"""Looking as text: aligned columns, a tree of lines; what comes from files shows no sign that a terminal obeys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from autostore.keys import uri_below
from autostore.optional import DISTRIBUTION
from autostore.telling import units
from autostore.telling.units import plain

if TYPE_CHECKING:
    from autostore.headers.header import Header
    from autostore.info.values import Entry, Format, Info, Tree

__all__ = [
    "HEADS",
    "facts",
    "kept",
    "markdown_of_formats",
    "nested",
    "of_formats",
    "of_header",
    "of_info",
    "plain",
    "pretty",
    "table",
    "tree",
]

_COLUMNS = 100


def table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of equal length, each column as wide as its widest cell."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def pretty(looked: object, printer: Any, _cycle: bool) -> None:
    """A class's own `_repr_pretty_`: a prompt of IPython shows what `print` does."""
    printer.text(str(looked))


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they say; of several lines each under the first."""
    known = list(pairs)
    width = max((len(name) for name, _ in known), default=0)
    lines = []
    for name, said in known:
        for number, line in enumerate(said.splitlines() or [""]):
            lines.append(f"{name if not number else '':<{width}}  {plain(line)}".rstrip())
    return "\n".join(lines)


def of_header(header: Header) -> str:
    """Type and shape in a few words."""
    shape = " x ".join(f"{length:,}" for length in header.shape or ())
    dtype = header.dtype or ""
    return " ".join(part for part in (header.type or "", dtype, shape) if part)


def of_info(info: Info) -> Iterator[tuple[str, str]]:
    """Name and text of each fact."""
    yield "key", info.key
    yield "uri", info.uri
    yield "file", info.path
    if info.type is not None:
        yield "type", info.type
    if info.shape is not None:
        yield "shape", " x ".join(f"{length:,}" for length in info.shape)
    if info.dtype is not None:
        yield "dtype", info.dtype
    yield "size", f"{units.size(info.size)} ({info.size:,} bytes)"
    yield "modified", units.moment(info.modified_time)
    yield "etag", info.etag
    if info.engine is not None:
        yield "engine", info.engine
    if info.columns is not None:
        yield "columns", _several(list(info.columns))
    if info.parts:
        yield "parts", _several(list(info.parts.items()))
    if info.preview is not None:
        yield "begins", info.preview


def _several(pairs: Sequence[tuple[str, str]]) -> str:
    lines = list(table(pairs[:_COLUMNS]))
    return "\n".join([*lines, f"… and {len(pairs) - _COLUMNS:,} more"] if len(pairs) > _COLUMNS else lines)


HEADS = ("extension", "chosen", "holds", "exact", "extra", "who else reads it", "preview")
"""What the table of formats says of each."""


def of_formats(formats: Iterable[Format], *, most: int | None = 6) -> list[Sequence[str]]:
    """A row of each below their heads, of each at most so many extensions."""
    rows: list[Sequence[str]] = [HEADS]
    for one in formats:
        extensions = one.extensions[:most]
        shown = " ".join(extensions) + (" …" if len(one.extensions) > len(extensions) else "")
        chosen = "by value" if one.is_inferred else "by name"
        install = (
            one.install.removeprefix(f"{DISTRIBUTION}[").removesuffix("]") if " " not in one.install else one.install
        )
        needs = install if one.is_available or most is None else f"{install} (not installed)"
        rows.append((shown, chosen, one.types, kept(one), needs, one.read_by, one.preview))
    return rows


def kept(one: Format) -> str:
    """Whether values come back as they were."""
    losses: dict[str, list[str]] = {}
    for extension, loss in one.lossy.items():
        losses.setdefault(loss, []).append(extension)
    if len(one.lossy) == len(one.extensions):
        return f"no: {'; '.join(losses)}"
    return "; ".join(["yes", *(f"{' '.join(extensions)}: {loss}" for loss, extensions in losses.items())])


def markdown_of_formats(formats: Iterable[Format]) -> Iterator[str]:
    """The lines of the table in Markdown."""
    heads, *rows = of_formats(formats, most=None)
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for extensions, *cells in rows:
        named = " ".join(f"`{extension}`" for extension in extensions.split())
        yield f"| {' | '.join([named, *(plain(cell).replace('|', chr(92) + '|') for cell in cells)])} |"


Nested = dict[str, "Entry | Nested"]


def nested(tree: Tree) -> Nested:
    """Folders (their names end in `/`) and entries, as they lie in each other."""
    root: Nested = {}
    for entry in tree.entries:
        *folders, name = entry.key[len(tree.prefix) :].split("/")
        level = root
        for folder in folders:
            level = level.setdefault(folder + "/", {})  # type: ignore[assignment]
        level[name] = entry
    return root


def tree(tree: Tree) -> Iterator[str]:
    """A line for each folder and key."""
    yield plain(uri_below(tree.uri, tree.prefix))
    yield from _lines(nested(tree), "")
    if tree.is_cut:
        yield "… and more"


def _lines(level: Nested, indent: str) -> Iterator[str]:
    items = list(level.items())
    for number, (name, child) in enumerate(items):
        last = number == len(items) - 1
        branch, beyond = ("└── ", "    ") if last else ("├── ", "│   ")
        if isinstance(child, dict):
            yield indent + branch + plain(name)
            yield from _lines(child, indent + beyond)
        else:
            yield f"{indent}{branch}{plain(name)}  {_said(child)}"


def _said(entry: Entry) -> str:
    known = entry.problem or (of_header(entry.header) if entry.header is not None else "")
    return plain(f"{entry.format}, {units.size(entry.size)}{', ' if known else ''}{known}")
