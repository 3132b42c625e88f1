"""How an input is read: in the shape and type that its consumer's annotation asks for.

Where the annotation leaves the type open, it is the one that the store recorded.
"""

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

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
from autostore_dagster import annotations, frames
from autostore_dagster.locating import locate
from autostore_dagster.partitions import dimensions, is_one_to_one, keys_by_partition, single_key
from autostore_dagster.retrying import Retry

__all__ = ["load"]

PARQUET = ".parquet"


@dataclasses.dataclass(frozen=True)
class _Request:
    """One input: what its consumer wants of the store."""

    store: AutoStore
    context: dg.InputContext
    annotation: Any
    allows_none: bool
    columns: list[str] | None
    allow_missing: bool
    concurrency: int
    retrying: Retry

    def read(self, key: str, annotation: Any) -> Any:
        """One value; a stored None is given as such, and its consumer's annotation judges it."""
        return self.retrying(lambda: self._read(key, annotation))

    def read_found(self, key: str, file: str, annotation: Any) -> Any:
        """The same of a file that was listed; where that is gone, the key has another one or none."""
        try:
            return self.read(file, annotation)
        except StorageFileNotFoundError:
            if file == key:
                raise
            return self.read(key, annotation)

    def _read(self, key: str, annotation: Any) -> Any:
        wanted = annotations.read_type(annotation)
        try:
            if self.columns is not None:
                return frames.read_columns(self.store, key, annotation, self.columns)
            if annotations.is_table(wanted):  # no table is read as one kind to become another
                return self.store.read(key, as_type=wanted)
            recorded = self.store.read(key)
        except (UnsupportedFormatError, UntrustedDataError, UnknownTypeError, CorruptDataError) as error:
            return self._read_otherwise(key, wanted, error)
        # The parts of a fan-in come one by one, under the annotation of their list.
        if recorded is None or wanted is list or annotations.fits(recorded, wanted or Any):
            return recorded
        return self.store.read(key, as_type=wanted)

    def _read_otherwise(self, key: str, wanted: Any, error: StorageError) -> Any:
        """A None where a table was wanted; or the annotation's class where the recorded one is gone or not allowed."""
        if self.columns is None and wanted is not None and not annotations.is_table(wanted):
            return self.store.read(key, as_type=wanted)
        recorded = self.store.read(key)
        if recorded is None or wanted is list:
            return recorded
        raise error


def load(store: AutoStore, context: dg.InputContext, *, concurrency: int, retrying: Retry) -> Any:
    """The value of an input: one object, a dict by partition, or one frame over all partitions."""
    metadata = context.definition_metadata or {}
    annotation = _annotation(context)
    request = _Request(
        store=store,
        context=context,
        annotation=annotations.required(annotation),
        allows_none=annotations.fits(None, annotation),
        columns=_columns(metadata),
        allow_missing=bool(metadata.get("allow_missing_partitions", False)),
        concurrency=concurrency,
        retrying=retrying,
    )
    if context.has_asset_key and context.has_asset_partitions:
        return _load_partitions(request)
    key = single_key(context)
    try:
        return request.read(key, request.annotation)
    except StorageFileNotFoundError as error:
        raise _missing(context, [key], str(error)) from error


def _annotation(context: dg.InputContext) -> Any:
    try:
        return context.dagster_type.typing_type
    except dg.DagsterInvariantViolationError:  # a context that was built by hand, without a type
        return Any


def _load_partitions(request: _Request) -> Any:
    keys = keys_by_partition(request.context)
    by_partition, item = annotations.by_partition(request.annotation)
    if not keys:
        return {} if by_partition else None
    one_to_one = is_one_to_one(request.context)
    if annotations.is_polars_frame(request.annotation) and not one_to_one:
        return _load_frame(request, keys)
    if len(keys) > 1 or (request.annotation is Any and not one_to_one):
        if not by_partition and request.annotation is not Any:
            raise UnsupportedFormatError(_cannot_hold(request, len(keys)))
        return _load_each(request, keys, item if by_partition else Any)
    if by_partition:
        return _load_only(request, keys, item, one_to_one=one_to_one)
    return next(iter(_load_each(request, keys, request.annotation).values()), None)


def _load_each(request: _Request, keys: Mapping[str, str], annotation: Any) -> dict[str, Any]:
    """Partition -> value, in the order of `keys`; several at once, in threads of their own.

    Threads also work where an event loop is running, and keep each value with its partition.
    """
    if not keys:
        return {}
    absent: set[str] = set()
    files = request.retrying(lambda: locate(request.store, keys.values()))

    def read(partition: str) -> Any:
        key = keys[partition]
        try:
            return request.read_found(key, files.get(key, key), annotation)
        except StorageFileNotFoundError:
            absent.add(partition)
            return None

    with ThreadPoolExecutor(min(request.concurrency, len(keys)), "autostore-load") as pool:
        values = dict(zip(keys, pool.map(read, keys), strict=True))
    _tell_absent(request, [partition for partition in keys if partition in absent])
    return {partition: value for partition, value in values.items() if partition not in absent}


def _load_only(request: _Request, keys: Mapping[str, str], item: Any, *, one_to_one: bool) -> Any:
    """The only partition for a consumer of `dict[str, T]`: the stored dict itself, or a dict of one T.

    The value tells where only one of them fits; where both do, the partition mapping.
    """
    values = _load_item(request, keys, item)
    for value in values.values():
        one = annotations.fits(value, item)
        if value is None:
            return None if one_to_one and (request.allows_none or not one) else values
        if annotations.fits(value, request.annotation) and (one_to_one or not one):
            return value
        if not one:
            return _load_each(request, keys, item)
    return values


def _load_item(request: _Request, keys: Mapping[str, str], item: Any) -> dict[str, Any]:
    """The values as they were stored, but tables at once as the kind that is asked for."""
    if annotations.is_polars_frame(annotations.required(item)):
        try:
            return _load_each(request, keys, item)
        except UnsupportedFormatError:  # no table, but perhaps a dict of them
            pass
    return _load_each(request, keys, Any)


def _load_frame(request: _Request, keys: Mapping[str, str]) -> Any:
    """One frame over all partitions: scanned where they lie, and one by one where some are no Parquet."""
    definition = request.context.asset_partitions_def
    files = request.retrying(lambda: locate(request.store, keys.values()))
    keys = _present(request, keys, files)
    plain = dataclasses.replace(request, columns=None)
    others = {partition: key for partition, key in keys.items() if not files.get(key, PARQUET).endswith(PARQUET)}
    if not any(table is not None for table in _load_each(plain, others, frames.lazy_type()).values()):
        parts = {files.get(key, key): dimensions(definition, p) for p, key in keys.items() if p not in others}
        if not parts:
            return None
        try:
            return request.retrying(lambda: frames.scan(request.store, parts, request.annotation, request.columns))
        except (StorageFileNotFoundError, UnsupportedFormatError):  # gone since, or a None or CSV that was not listed
            pass
    tables = _load_each(plain, keys, frames.lazy_type()).items()
    parts_read = [(dimensions(definition, key), table) for key, table in tables if table is not None]
    return frames.union(parts_read, request.annotation, request.columns)


def _present(request: _Request, keys: Mapping[str, str], files: Mapping[str, str]) -> Mapping[str, str]:
    """The partitions that are stored, as far as one listing told; what it left out is asked for."""
    unknown = {partition: key for partition, key in keys.items() if files and key not in files}
    absent = [p for p, key in unknown.items() if not request.retrying(partial(request.store.exists, key))]
    _tell_absent(request, absent)
    return {partition: key for partition, key in keys.items() if partition not in absent}


def _tell_absent(request: _Request, absent: list[str]) -> None:
    """Refuse or warn."""
    if absent and not request.allow_missing:
        raise _missing(request.context, absent, "")
    if absent:
        request.context.log.warning("Skipped partitions that are not stored: %s.", _some(absent))


def _columns(metadata: Mapping[str, Any]) -> list[str] | None:
    columns = metadata.get("columns")
    value = columns.value if isinstance(columns, dg.MetadataValue) else columns
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise dg.DagsterInvariantViolationError(
            f'The input metadata "columns" is {value!r}. Pass a list of column names.'
        )
    return list(value)


def _missing(context: dg.InputContext, names: list[str], detail: str) -> StorageFileNotFoundError:
    what = f"Asset {context.asset_key.to_user_string()}" if context.has_asset_key else "The upstream output"
    if detail:
        return StorageFileNotFoundError(f"{what} is not stored: {detail} Materialize it first.")
    return StorageFileNotFoundError(
        f"{what} has {len(names)} partition(s) that are not stored: {_some(names)}. Materialize them first, or give "
        'the input the metadata {"allow_missing_partitions": True}.'
    )


def _cannot_hold(request: _Request, count: int) -> str:
    name = getattr(request.annotation, "__name__", str(request.annotation))
    return (
        f"Asset {request.context.asset_key.to_user_string()} is read for {count} partitions, which {name} cannot hold. "
        f"Annotate the input as dict[str, {name}], pl.DataFrame or pl.LazyFrame."
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
