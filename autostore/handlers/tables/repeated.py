"""Tables whose texts a Parquet file holds once and repeats: they are counted before each takes a place of its own.

What a footer claims bounds what a column may take: no text is longer than all that the column holds. Where that is
too much, the columns are read in parts that are surely allowed; where one column alone is, its dictionary is looked
at, and then its indices are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables.dictionary import longest
from autostore.handlers.tables.footer import BYTE_ARRAY, Chunk, Footer, read_footer
from autostore.handlers.tables.pages import DELTA, DICTIONARY, INDICES, Page, content, packed, pages, shared_beginnings
from autostore.handlers.tables.spelt import spelt_out
from autostore.optional import require

__all__ = ["check_views", "read_within"]

_WHAT = "The table"


def check_views(stream: BinaryIO, ceiling: Ceiling, leaves: Collection[int] | None = None) -> None:
    """Refuse a table, or these of its leaves, that is too large in Polars, which holds a text of a dictionary once."""
    footer = read_footer(stream)
    memory = footer.memory()
    taken = sum(memory if leaves is None else (memory[leaf] for leaf in leaves))
    ceiling.check(taken, _WHAT)
    for group, chunks in enumerate(footer.groups):
        for leaf, chunk in enumerate(chunks):
            if (leaves is None or leaf in leaves) and footer.is_delta(chunk):
                taken += _bound(chunk)
                if not ceiling.allows(taken):
                    taken += _Texts(stream, footer, group, leaf).differing() - _bound(chunk)
                ceiling.check(taken, _WHAT)


def _bounds(footer: Footer, leaves: Sequence[int]) -> int:
    """Bytes that the texts of these leaves take at most, each in a place of its own, as the footer bounds them."""
    return sum(_bound(chunks[leaf]) for chunks in footer.groups for leaf in leaves if leaf < len(chunks))


def _bound(chunk: Chunk) -> int:
    # No text is longer than all that its chunk holds.
    return max(chunk.values, 0) * max(chunk.size, 0) if chunk.type == BYTE_ARRAY else 0


class _Texts:
    """The pages of a chunk of texts: what they take beyond what the footer claims."""

    def __init__(self, stream: BinaryIO, footer: Footer, group: int, leaf: int) -> None:
        self._stream, self._leaf = stream, footer.leaves[leaf]
        self._place, self._chunk = footer.places[group][leaf], footer.groups[group][leaf]
        self._codec = self._place.codec
        self._has_delta = footer.is_delta(self._chunk)

    def beyond(self) -> int:
        """Bytes at most, but for few."""
        first = next(self._pages(), None)
        if first is None:
            return 0
        if first.kind == DICTIONARY and not self._has_delta:  # no other may follow: the rest need not be gone through
            return self._chunk.values * self._longest(first)
        return self.repeated() + self.differing()

    def repeated(self) -> int:
        """Bytes of the texts that stand in a dictionary, at most."""
        found = list(self._pages())
        indices = sum(page.values for page in found if page.encoding in INDICES and page.kind != DICTIONARY)
        return indices * max((self._longest(page) for page in found if page.kind == DICTIONARY), default=0)

    def _pages(self) -> Iterator[Page]:
        return pages(self._stream, self._place, self._chunk.values)

    def _longest(self, page: Page) -> int:
        data = packed(self._stream, page)
        return longest(data, values=page.values, size=page.size, codec=self._codec)

    def differing(self) -> int:
        """Bytes of the texts that are written as how each differs from the one before; at most, but for few."""
        taken = so_far = 0
        for page in self._pages() if self._has_delta else ():
            if page.encoding == DELTA and page.kind != DICTIONARY:
                so_far += page.size
                data = content(self._stream, page, self._codec)
                shared = None if data is None else shared_beginnings(page, data, self._leaf)
                taken += page.values * so_far if shared is None else shared
        return taken


def read_within(parquet: Any, stream: BinaryIO, ceiling: Ceiling | None, columns: Sequence[str] | None) -> Any:
    """The table of an open file, of its columns only these, and what pandas needs; refused before it is too large."""
    if ceiling is None:
        return _read(parquet, columns)
    footer = read_footer(stream)
    memory = footer.memory()
    if ceiling.allows(sum(memory) + _bounds(footer, range(len(memory)))):
        return _read(parquet, columns)
    if columns is None:
        ceiling.check(sum(memory), _WHAT)
    return _Careful(parquet, stream, footer, memory, ceiling).read(columns)


def _read(parquet: Any, columns: Sequence[str] | None) -> Any:
    return parquet.read() if columns is None else parquet.read(columns, use_pandas_metadata=True)


class _Field(NamedTuple):
    """A column of the table: its leaves, and those whose texts each take a place of their own."""

    name: str
    leaves: list[int]
    texts: list[int]


class _Careful:
    """Reads a table some columns at a time, as many as are allowed whatever they hold."""

    def __init__(self, parquet: Any, stream: BinaryIO, footer: Footer, memory: list[int], ceiling: Ceiling) -> None:
        self._parquet, self._stream, self._footer, self._memory = parquet, stream, footer, memory
        self._ceiling = ceiling
        self._tables: list[Any] = []
        self._taken = 0
        """Bytes of these tables, and those that the columns take at least that nobody has looked at."""

    def read(self, columns: Sequence[str] | None) -> Any:
        """The table."""
        schema = self._parquet.schema_arrow
        names = None if columns is None else {*columns, *_index(schema)}
        fields = [field for field in _fields(schema) if names is None or field.name in names]
        self._taken = sum(map(self._least, fields))
        self._ceiling.check(self._taken, _WHAT)
        part, most = list[int](), 0
        for field in fields:
            self._taken -= self._least(field)
            own = self._most(field)
            if part and not self._allows(most + own):
                self._read(part)
                part, most, own = [], 0, self._most(field)
            if not self._allows(own):
                own = self._counted(field)
            part, most = [*part, *field.leaves], most + own
        if not self._tables:
            return _read(self._parquet, columns)
        self._read(part)
        arrays = [column for table in self._tables for column in table.columns]
        kept = [field for field in schema if names is None or field.name in names]
        return require("pyarrow").Table.from_arrays(arrays, schema=require("pyarrow").schema(kept, schema.metadata))

    def _read(self, leaves: list[int]) -> None:
        self._tables.append(self._parquet.reader.read_all(column_indices=leaves, use_threads=True))
        self._taken += self._tables[-1].nbytes

    def _allows(self, more: int) -> bool:
        return self._ceiling.allows(self._taken + more)

    def _least(self, field: _Field) -> int:
        return sum(self._memory[leaf] for leaf in field.leaves if leaf < len(self._memory))

    def _most(self, field: _Field) -> int:
        """Bytes that a column takes at most: as its footer bounds it, or where that is too much its pages."""
        least = self._least(field)
        claimed = least + _bounds(self._footer, field.texts)
        if self._allows(claimed):
            return claimed
        return least + sum(texts.beyond() for _, _, texts in self._chunks(field))

    def _chunks(self, field: _Field) -> Iterator[tuple[int, int, _Texts]]:
        for group, chunks in enumerate(self._footer.groups):
            for leaf in field.texts:
                if leaf < len(chunks) and chunks[leaf].type == BYTE_ARRAY:
                    yield group, leaf, _Texts(self._stream, self._footer, group, leaf)

    def _counted(self, field: _Field) -> int:
        """Bytes that a column takes; each of its row groups is counted only if those before are allowed."""
        taken = self._least(field)
        for group, leaf, texts in self._chunks(field):
            taken += texts.differing()
            self._ceiling.check(self._taken + taken, _WHAT)
            claimed = max(self._footer.groups[group][leaf].size, 0)
            taken += max(self._lengths(group, leaf, texts) - claimed, 0)
            self._ceiling.check(self._taken + taken, _WHAT)
        return taken

    def _lengths(self, group: int, leaf: int, texts: _Texts) -> int:
        """Bytes of the texts of a chunk, read as indices into its dictionary."""
        path = self._parquet.schema.column(leaf).path
        library = require("pyarrow.parquet")
        parquet = library.ParquetFile(self._stream, read_dictionary=[path], arrow_extensions_enabled=False)
        if any(leaf in field.texts for field in _fields(parquet.schema_arrow)):
            return texts.repeated()  # pyarrow would give each a place
        table = parquet.reader.read_row_group(group, column_indices=[leaf], use_threads=False)
        return spelt_out(table)


def _index(schema: Any) -> list[str]:
    """The columns that pandas makes the index of."""
    told = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in told if isinstance(name, str)]


def _fields(schema: Any) -> list[_Field]:
    """The columns of a table."""
    found, at = list[_Field](), 0
    for field in schema:
        repeated = list(_repeated(field.type))
        texts = [at + number for number, is_text in enumerate(repeated) if is_text]
        found.append(_Field(field.name, list(range(at, at + len(repeated))), texts))
        at += len(repeated)
    return found


def _repeated(kind: Any) -> Iterator[bool]:
    """Whether each leaf of a type repeats what a dictionary of a file holds once."""
    pa = require("pyarrow")
    if isinstance(kind, pa.BaseExtensionType):
        yield from _repeated(kind.storage_type)
    elif not kind.num_fields:
        yield not pa.types.is_dictionary(kind)
    else:
        for part in range(kind.num_fields):
            yield from _repeated(kind.field(part).type)
