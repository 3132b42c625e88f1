"""The values that looking gives: `Info` of an object, `Entry` of a listing, `Tree` of a folder, `Format`.

Each prints as text, also at a prompt of IPython, and shows as a page in a notebook.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from autostore.headers.header import Header
from autostore.info import html, text

__all__ = ["Entry", "Format", "Formats", "Info", "Tree"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One key of a listing.

    Attributes:
        key: as `keys()` lists it.
        path: of the file, with its extension.
        format: that extension.
        size: bytes.
        modified_time: aware, UTC.
        etag: changes whenever the bytes do.
        header: what the file says of its value, where that was asked for.
        problem: why the header could not be read.
    """

    key: str
    path: str
    format: str
    size: int
    modified_time: datetime
    etag: str
    header: Header | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Info(Header):
    """What is known of an object without loading it.

    Attributes:
        key: which.
        uri: of the store.
        path: of the file below `uri`, with its extension.
        format: that extension.
        size: bytes.
        etag: changes whenever the bytes do.
        modified_time: aware, UTC.
        content_type: media type; None where unknown.
        engine: the client library that the place is reached by, where there is a choice.
    """

    key: str
    uri: str
    path: str
    format: str
    size: int
    etag: str
    modified_time: datetime
    content_type: str | None = None
    engine: str | None = None

    @property
    def rows(self) -> int | None:
        """How many rows a table has."""
        return self.shape[0] if self.columns is not None and self.shape else None

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        told = {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, {}, ())}
        if self.columns is not None:
            told |= {"columns": [{"name": name, "dtype": dtype} for name, dtype in self.columns], "rows": self.rows}
        return told | {"modified_time": self.modified_time.isoformat()}

    def __str__(self) -> str:
        return text.facts(text.of_info(self))

    _repr_pretty_ = text.pretty

    def _repr_html_(self) -> str:
        return html.info(self)


@dataclass(frozen=True)
class Tree:
    """The keys below a prefix, in folders.

    Attributes:
        uri: of the store.
        prefix: below which, ending in `/`; "" for all.
        entries: in the order of `keys()`.
        is_cut: whether there are more than were asked for.
    """

    uri: str
    prefix: str
    entries: Sequence[Entry] = field(repr=False)
    is_cut: bool = False

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(entry.size for entry in self.entries)

    def __str__(self) -> str:
        return "\n".join(text.tree(self))

    _repr_pretty_ = text.pretty

    def _repr_html_(self) -> str:
        return html.tree(self)


@dataclass(frozen=True)
class Format:
    """One format of a store.

    Attributes:
        name: of the handler.
        extensions: that it answers for; a bare key gets the first.
        is_inferred: whether a bare key may get it by its value; else only by name.
        is_available: whether its library is installed.
        summary: what its handler does.
        types: what it holds.
        lossy: extension -> what it does not keep; all others are exact, or refuse a value.
        install: what `pip install` is given for its library; "" where nothing is needed.
        read_by: which other programs read it.
        preview: what is shown of a value; "" where that depends on the value.
    """

    name: str
    extensions: tuple[str, ...]
    is_inferred: bool
    is_available: bool
    summary: str
    types: str = ""
    lossy: Mapping[str, str] = field(default_factory=dict, hash=False)
    install: str = ""
    read_by: str = ""
    preview: str = ""


class Formats(tuple[Format, ...]):
    """The formats of a store, in the order in which they are asked."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(text.table(text.of_formats(self)))

    def markdown(self) -> str:
        """The same table in Markdown, with every extension; nothing of it depends on this machine."""
        return "\n".join(text.markdown_of_formats(self))

    _repr_pretty_ = text.pretty

    def _repr_html_(self) -> str:
        return html.formats(self)
