"""Tables that come a piece at a time: which values are such, told by their first piece, and what the pieces are.

A generator can be gone through once, so what was taken to look at is kept in front of the rest.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from autostore.errors import SchemaMismatchError, StorageError, UnsupportedFormatError, compose
from autostore.handlers.tables.kinds import kind_of, panics_are_errors
from autostore.optional import loaded_type, package_of, require

__all__ = ["FORMATS", "TableStream", "as_stream"]

FORMATS = frozenset(("", ".parquet", ".csv"))
"""Extensions that hold a stream; "" is a bare key's."""

PIECES = frozenset(("polars.DataFrame", "pandas.DataFrame", "pyarrow.Table", "pyarrow.RecordBatch"))
_LIBRARIES = frozenset(("polars", "pandas", "pyarrow", "duckdb", "_duckdb"))
_FRAMES = (
    *(("polars", "DataFrame"), ("polars", "LazyFrame"), ("pandas", "DataFrame"), ("pandas", "Series")),
    *(("xarray", "DataArray"), ("xarray", "Dataset")),
)


Refusal = TypeVar("Refusal", bound=StorageError)


class TableStream:
    """Pieces of one table, in their order; gone through once.

    Attributes:
        library: whose pieces these are: polars, pandas or pyarrow.
        first: the first piece; of a source that says its schema, an empty one.
        failure: what the source raised; a library may have hidden it behind an error of its own.
    """

    def __init__(self, library: str, first: Any, rest: Iterator[Any]) -> None:
        self.library = library
        self.first = first
        self.failure: BaseException | None = None
        self._rest = rest
        self._refusal: StorageError | None = None

    def __iter__(self) -> Iterator[Any]:
        yield self.first
        number = 1
        while True:
            try:
                piece = next(self._rest)
            except StopIteration:
                return
            except BaseException as error:
                self.failure = error
                raise
            number += 1
            kind = kind_of(piece)
            if kind is None or kind not in PIECES or kind.partition(".")[0] != self.library:
                problem = f"Piece {number} of the stream is no table of {self.library}, as the first is"
                refusal = UnsupportedFormatError(f"{problem}, but {type(piece).__qualname__}. Convert it.")
                raise self._refusing(refusal)
            yield piece

    def mapped(self, convert: Callable[[Any], Any]) -> TableStream:
        """The same stream of what each piece becomes, of Polars."""
        pieces = iter(self)
        return TableStream("polars", convert(next(pieces)), map(convert, pieces))

    def mismatch(self, number: int, name: str, here: object, there: object) -> SchemaMismatchError:
        """The way to say that a piece does not fit the first one."""
        problem = f"Piece {number} of the stream has another column {name!r:.80} than the first: {here}, not {there}"
        return self._refusing(SchemaMismatchError(f"{problem}. Cast it, so that all have one type."))

    def _refusing(self, error: Refusal) -> Refusal:
        self._refusal = error
        return error

    @contextlib.contextmanager
    def own_failures(self) -> Iterator[None]:
        """Raise what the source raised as it was, whatever a library made of it."""
        try:
            yield
        except BaseException as error:
            cause = self.failure or self._refusal
            if cause is not None and error is not cause:
                raise cause from None
            raise
        finally:
            if isinstance(self._rest, Generator):
                self._rest.close()


def as_stream(data: Any, extension: str, key: str, uri: str) -> Any:
    """The stream that a value is, if it goes under such an extension; else the value.

    Of a key without an extension, iterators of the table libraries and generators are looked into; under .parquet and
    .csv any iterator is.
    """
    cls = type(data)
    if extension not in FORMATS or kind_of(data) is not None:
        return data
    if hasattr(cls, "__arrow_c_stream__"):
        return _of_arrow(data) if _gives_a_stream(data) else data
    if not hasattr(cls, "__next__"):
        return data
    by_library = package_of(cls) in _LIBRARIES
    if not (extension or by_library or isinstance(data, Generator)):
        return data
    try:
        first = next(data)
    except StopIteration:
        problem, remedy = (
            "The iterator gives nothing, so that nobody knows the columns",
            "Write an empty frame with them.",
        )
        raise UnsupportedFormatError(compose(problem, key=key, uri=uri, remedy=remedy)) from None
    kind = kind_of(first)
    if kind is None or kind not in PIECES:
        return data
    return TableStream(kind.partition(".")[0], first, data)


def _gives_a_stream(data: Any) -> bool:
    """Whether it is nothing else: a frame of a derived class, a model or a dataclass is stored as what it is."""
    cls = type(data)
    if cls is loaded_type("pyarrow", "RecordBatchReader"):
        return True
    known = [found for module, name in _FRAMES if (found := loaded_type(module, name)) is not None]
    described = hasattr(cls, "__dataclass_fields__") or hasattr(cls, "__pydantic_fields__")
    return not described and not issubclass(cls, tuple(known)) and package_of(cls) != "pyarrow"


def _of_arrow(data: Any) -> TableStream:
    """Batches: a reader's come back as Arrow's table, any other source's as Polars' frame."""
    pa = require("pyarrow")
    reader = data if type(data) is pa.RecordBatchReader else pa.RecordBatchReader.from_stream(data)
    as_arrow = reader is data or importlib.util.find_spec("polars") is None
    convert = pa.table if as_arrow else require("polars").from_arrow
    try:
        with panics_are_errors():
            first = convert(reader.schema.empty_table())
    except Exception as error:
        raise UnsupportedFormatError(f"No table holds the columns of this stream: {error}. Convert them.") from error
    return TableStream("pyarrow", first, reader) if as_arrow else TableStream("polars", first, map(convert, reader))
