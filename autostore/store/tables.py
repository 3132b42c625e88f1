"""Reading tables in part or as another kind: only some columns, or all tables below a prefix at once."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autostore.errors import InvalidConfigError, SchemaMismatchError, TooLargeError, UnsupportedFormatError, compose
from autostore.guard.ceiling import Ceiling
from autostore.handlers.tables import arrow, named, pandas
from autostore.handlers.tables.int96 import in_microseconds
from autostore.handlers.tables.kinds import FRAMES, kind_of, panics_are_errors, requested_kind
from autostore.handlers.tables.made import converted
from autostore.handlers.tables.mark import read_mark
from autostore.handlers.tables.repeated import check_views
from autostore.keys import Key, check_key, where
from autostore.optional import loaded_type, require
from autostore.scans.decoding import decoded, lazy, sparse
from autostore.scans.footer import footer_of
from autostore.scans.layout import layout
from autostore.scans.parts import Part, named_damage
from autostore.scans.schemas import schema_of
from autostore.scans.source import frame_over
from autostore.store.loading import Loader
from autostore.store.scanning import Scanner
from autostore.words import an

__all__ = ["Tables", "asks_for_scan", "listed", "selected"]


def asks_for_scan(as_type: Any) -> bool:
    """Whether this is `pl.LazyFrame`, which is read where it lies."""
    return as_type is not None and as_type is loaded_type("polars", "LazyFrame")


def selected(frame: Any, columns: Sequence[str] | None, key: str, uri: str) -> Any:
    """Only these columns; one that is not there is named at once."""
    if columns is None:
        return frame
    _check(columns, frame.collect_schema().names(), key, uri)
    return frame.select(named.columns(columns))


def listed(columns: Sequence[str] | None) -> list[str] | None:
    """The names as a list; refused are a text, whose letters would be taken for names, and what no name can be."""
    if columns is None:
        return None
    if isinstance(columns, Iterable) and not isinstance(columns, str | bytes):
        names = list(columns)
        # pandas has names of any kind, but none without a hash, as expressions are.
        with contextlib.suppress(TypeError):
            hash(tuple(names))
            return names
    raise InvalidConfigError(f"columns={columns!r:.80} is no list of names. Pass one, such as columns=['a', 'b'].")


def _check(columns: Sequence[str], there: Sequence[str], key: str, uri: str) -> None:
    if len(set(columns)) < len(columns):
        twice = next(name for number, name in enumerate(columns) if name in columns[:number])
        problem = f"columns= names {twice!r:.80} twice"
        raise SchemaMismatchError(compose(problem, key=key, uri=uri, remedy="Name it once."))
    if missing := [name for name in columns if name not in there]:
        known = f"Its columns are {', '.join(map(repr, there))!s:.400}"
        problem = f"There is no column {missing[0]!r:.80}"
        raise SchemaMismatchError(compose(problem, key=key, uri=uri, remedy=f"{known}."))


@contextlib.contextmanager
def _named(table: str) -> Iterator[None]:
    """What is too large is told with the name of its table."""
    try:
        yield
    except TooLargeError as error:
        raise TooLargeError(f"{table}: {error}") from error


class Tables:
    """Reads the tables of one store."""

    def __init__(self, uri: str, scanner: Scanner, loader: Loader, max_read_bytes: int | None) -> None:
        self._uri = uri
        self._scanner = scanner
        self._loader = loader
        self._ceiling = Ceiling(max_read_bytes)

    def read(self, key: Key, as_type: Any, columns: Sequence[str] | None) -> Any:
        """A table below one key as this kind; of its columns only these."""
        if asks_for_scan(as_type):
            return selected(self._scanner.one(key), columns, key.text, self._uri)
        assert columns is not None
        wanted = list(columns)
        return self._scanner.found(key, lambda path, extension: self._part(key, path, extension, as_type, wanted))

    def folder(self, prefix: str, as_type: Any, columns: Sequence[str] | None) -> Any:
        """All tables below a prefix as one, of this kind."""
        if as_type is None:
            check_key(prefix, self._uri)  # a prefix is none, and this says which type to pass
        kind = requested_kind(as_type)
        source = self._scanner.folder(prefix, schema="all")
        if kind == "polars.LazyFrame":
            return selected(frame_over(source), columns, prefix, self._uri)
        if kind not in FRAMES:
            raise UnsupportedFormatError("A folder holds tables. Read it as a DataFrame, and take a part of that.")
        names = None if columns is None else list(columns)
        _check(names or (), list(source.schema), prefix, self._uri)
        pieces, size = [], 0
        for piece in source(names, None, None, None):
            pieces.append(piece)
            size += piece.estimated_size()
            self._ceiling.check(size, "The tables below this prefix")
        return _as_kind(require("polars").concat(pieces), kind)

    def _part(self, key: Key, path: str, extension: str, as_type: Any, columns: list[str]) -> Any:
        if not self._scanner.is_ranged(extension):
            return self._of_another_format(key, as_type, columns)
        with self._partial(path, extension, columns) as (stream, part, footer, leaves):
            mark = read_mark(stream)
            kind = str(mark["type"]) if as_type is None else requested_kind(as_type)
            if "parts" in mark or kind.startswith("geopandas."):  # its columns are laid out in a way of their own
                return self._of_another_format(key, as_type, columns)
            if kind == "polars.LazyFrame":
                return selected(self._scanner.one(key), columns, key.text, self._uri)
            _check(columns, layout(footer).columns, key.text, self._uri)
            if kind.startswith("polars."):
                with named_damage(part):
                    schema_of(footer)
                check_views(stream, self._ceiling, leaves)
                schema = in_microseconds(stream, columns)
                return decoded(
                    lazy(stream, schema=schema), lambda frame: frame.select(named.columns(columns)), part.name
                )
            with panics_are_errors():
                if kind == "pyarrow.Table":
                    return arrow.read_table(stream, mark, self._ceiling, columns).select(columns)
                return pandas.read_frame(stream, mark, self._ceiling, columns)[columns]

    @contextlib.contextmanager
    def _partial(self, path: str, extension: str, columns: list[str]) -> Iterator[tuple[Any, Part, bytes, list[int]]]:
        """A file that holds these columns of the table and, where it is a frame of pandas, its index."""
        with contextlib.closing(self._scanner.opener.open(path, extension)) as pinned, contextlib.ExitStack() as stack:
            tail = pinned.tail
            part = Part(path, extension, tail.etag, tail.size, where(path, self._uri))
            with named_damage(part):
                footer = footer_of(tail, pinned.read)
                found = layout(footer)
                index = {leaf.column for leaf in found.leaves if leaf.column.startswith("__index_level_")}
                index |= set(pandas.index_columns(footer))
                leaves = found.leaves_of({*columns, *index})
            stack.enter_context(_named(part.name))
            spans = [span for group in found.groups for span in group.spans(leaves)]
            self._ceiling.check(sum(group.memory(leaves) for group in found.groups), "These columns")
            if pinned.ranges.file is not None:
                stream: Any = pinned.ranges.file
            elif len(tail.data) == tail.size:
                stream = io.BytesIO(tail.data)
            else:
                pieces = [*zip(spans, pinned.read(spans), strict=True), ((tail.size - len(footer), tail.size), footer)]
                stream = stack.enter_context(sparse(tail.size, pieces, pinned.folder))
            stream.seek(0)
            yield stream, part, footer, leaves

    def _of_another_format(self, key: Key, as_type: Any, columns: list[str]) -> Any:
        return self.cut(self._loader.load(key, as_type).value, columns, key.text)

    def cut(self, table: Any, columns: Sequence[str], key: str) -> Any:
        """These columns of a table that was read."""
        if kind_of(table) not in {*FRAMES, "geopandas.GeoDataFrame"}:
            problem = f"columns= is for tables, and this holds {an(type(table).__qualname__)}"
            raise UnsupportedFormatError(compose(problem, key=key, uri=self._uri, remedy="Leave columns= out."))
        there = table.collect_schema().names() if hasattr(table, "collect_schema") else list(
            table.column_names if hasattr(table, "column_names") else table.columns
        )  # fmt: skip
        _check(columns, there, key, self._uri)
        if hasattr(table, "iloc"):
            return table[list(columns)]
        return table.select(list(columns) if hasattr(table, "column_names") else named.columns(columns))


def _as_kind(frame: Any, kind: str) -> Any:
    if kind == "polars.DataFrame":
        return frame
    return converted(frame, kind)
