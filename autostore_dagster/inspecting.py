"""What lies under a key, found out as cheaply as it can be: a table of polars by its footer, all else by reading it."""

import dataclasses
from collections.abc import Mapping, Sized
from typing import Any

from autostore import AutoStore, FileMetadata, StorageConnectionError, StorageError, StorageFileNotFoundError
from autostore.plugins import Columns
from autostore_dagster import annotations, frames

__all__ = ["Found", "inspect", "same_type"]


@dataclasses.dataclass(frozen=True)
class Found:
    """One value as it lies in the store.

    Attributes:
        file: what the place knows of its file; None where nothing is stored.
        problem: why it is not what was annotated; empty where it is, or was not asked.
        rows: how many rows a table has, or members another value; None for what has none.
        schema: the type of each column of a table, as the UI shows it; None for what is no table.
    """

    file: FileMetadata | None = None
    problem: str = ""
    rows: int | None = None
    schema: Mapping[str, str] | None = None


def inspect(store: AutoStore, key: str, annotation: Any, *, deep: bool) -> Found:
    """The value under the key: 1 request for its file; `deep` reads it too, of a polars table no more than it needs."""
    try:
        file = store.get_metadata(key)
        return _read(store, key, annotation, Found(file)) if deep else Found(file)
    except StorageFileNotFoundError:
        return Found()


def same_type(shown: str, found: str) -> bool:
    """Whether a type in an event is that of a column; long ones were cut there."""
    beginning, cut, _ = shown.partition("… (")
    return found.startswith(beginning) if cut else shown == found


def _read(store: AutoStore, key: str, annotation: Any, found: Found) -> Found:
    try:
        if annotations.is_polars_frame(annotations.required(annotation)):
            return _of_footer(store, key, annotation, found)
        value = store.read(key)
        if not annotations.fits(value, annotation):
            value = store.read(key, as_type=annotations.required(annotation))
    except (StorageConnectionError, StorageFileNotFoundError):
        raise
    except StorageError as error:
        return dataclasses.replace(found, problem=str(error))
    rows, schema = _shape(store, value)
    return dataclasses.replace(found, rows=rows, schema=schema)


def _of_footer(store: AutoStore, key: str, annotation: Any, found: Found) -> Found:
    import polars as pl

    try:
        table: pl.LazyFrame = store.read(key, as_type=frames.lazy_type())
    except StorageError:
        if annotations.fits(None, annotation) and store.read(key) is None:
            return found
        raise
    schema = {name: str(dtype) for name, dtype in table.collect_schema().items()}
    return dataclasses.replace(found, rows=table.select(pl.len()).collect().item(), schema=schema)


def _shape(store: AutoStore, value: Any) -> tuple[int | None, Mapping[str, str] | None]:
    shown = store.preview(value) if any(annotations.is_table(base) for base in type(value).__mro__) else {}
    columns = shown.get("column_schema")
    schema = {column[0]: column[1] for column in columns.columns} if isinstance(columns, Columns) else None
    return len(value) if isinstance(value, Sized) else None, schema
