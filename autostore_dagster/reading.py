"""How one stored value is read under its consumer's annotation: from the own place, else from the previous one."""

import dataclasses
from functools import partial
from typing import Any, get_args

import dagster as dg

from autostore import (
    AutoStore,
    CorruptDataError,
    StorageError,
    StorageFileNotFoundError,
    UnknownTypeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore_dagster import annotations, contexts, frames
from autostore_dagster.previous import Previous
from autostore_dagster.replaying import NOW, When
from autostore_dagster.retrying import Retry

__all__ = ["Request"]


@dataclasses.dataclass(frozen=True)
class Request:
    """One input: what its consumer wants of the store."""

    store: AutoStore
    context: dg.InputContext
    annotation: Any
    allows_none: bool
    columns: list[str] | None
    allow_missing: bool
    concurrency: int
    retrying: Retry
    previous: Previous | None
    when: When = NOW

    def read(self, key: str, annotation: Any) -> Any:
        """One value; a stored None is given as such, and its consumer's annotation judges it."""
        try:
            return self.retrying(lambda: self._read(key, annotation, self.store))
        except StorageFileNotFoundError:
            if self.previous is None or self.when.version is not None:
                raise  # a version that is gone is no older value
            previous = self.previous
            return self.retrying(lambda: previous.read(key, lambda store, path: self._read(path, annotation, store)))

    def read_found(self, key: str, file: str, annotation: Any) -> Any:
        """The same of a file that was listed; where that is gone, the key has another one or none."""
        try:
            return self.read(file, annotation)
        except StorageFileNotFoundError:
            if file == key:
                raise
            return self.read(key, annotation)

    def _read(self, key: str, annotation: Any, store: AutoStore) -> Any:
        wanted = annotations.read_type(annotation)
        try:
            if self.columns is not None:
                return frames.read_columns(partial(self._from, store), key, annotation, self.columns)
            if annotations.is_table(wanted):  # no table is read as one kind to become another
                return self._from(store, key, as_type=wanted)
            recorded = self._from(store, key)
        except (UnsupportedFormatError, UntrustedDataError, UnknownTypeError, CorruptDataError) as error:
            return self._read_otherwise(key, annotation, store, error)
        if recorded is None or annotations.fits(recorded, wanted or Any):
            return self._with_parts(key, annotation, store, recorded)
        if wanted is list:
            part = annotations.read_type((*get_args(annotations.required(annotation)), Any)[0])
            if annotations.is_table(part) and annotations.is_table(type(recorded)):
                return recorded if isinstance(recorded, part) else self._from(store, key, as_type=part)
            # The parts of a fan-in come one by one, under the annotation of their list; outside of runs there is none.
            return recorded if self._is_judged() else self._from(store, key, as_type=annotations.required(annotation))
        return self._from(store, key, as_type=wanted)

    def _with_parts(self, key: str, annotation: Any, store: AutoStore, recorded: Any) -> Any:
        """A collection of records of another class: as annotated, where it can be; else Dagster judges it."""
        if recorded is None or not annotations.holds_records(annotation) or annotations.fits(recorded, annotation):
            return recorded
        try:
            return self._from(store, key, as_type=annotation)
        except StorageError:
            if self._is_judged():
                return recorded
            raise

    def _is_judged(self) -> bool:
        """Whether Dagster checks the type of what is given: in runs, and not of `load_asset_value`."""
        return contexts.step(self.context) is not None

    def _read_otherwise(self, key: str, annotation: Any, store: AutoStore, error: StorageError) -> Any:
        """A None where a table was wanted; or the annotation's class where the recorded one is gone or not allowed."""
        wanted = annotations.read_type(annotation)
        if self.columns is None and wanted is not None and not annotations.is_table(wanted):
            return self._of_class(key, annotation, store)
        recorded = self._from(store, key)
        if recorded is None or wanted is list:
            return recorded
        raise error

    def _of_class(self, key: str, annotation: Any, store: AutoStore) -> Any:
        parts = get_args(annotation) if annotations.read_type(annotation) is list else ()
        try:
            return self._from(store, key, as_type=annotation)
        except StorageError:
            if not parts:
                raise
            return self._from(store, key, as_type=parts[0])

    def _from(self, store: AutoStore, key: str, **how: Any) -> Any:
        """The previous place has no past that is told here."""
        try:
            return self.when.read(store, key, **how) if store is self.store else store.read(key, **how)
        except UnsupportedFormatError as error:
            if how.get("as_type") is None:
                raise
            raise UnsupportedFormatError(f"{error} The input's annotation is what as_type is here.") from error
