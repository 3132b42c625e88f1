"""How an input is read: in the shape and type that its consumer's annotation asks for.

Where the annotation leaves the type open, it is the one that the store recorded.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

import dagster as dg

from autostore import (
    AutoStore,
    StorageFileNotFoundError,
    UnsupportedFormatError,
)
from autostore.plugins import in_order
from autostore_dagster import annotations, asking, contexts, frames
from autostore_dagster.absences import missing, name_of, not_stored, tell_absent
from autostore_dagster.empty import of_nothing
from autostore_dagster.locating import locate
from autostore_dagster.origins import tell_origin
from autostore_dagster.partitions import (
    dimension_names,
    dimensions,
    is_one_to_one,
    keys_by_partition,
    keys_in_this_run,
    single_key,
)
from autostore_dagster.previous import Previous
from autostore_dagster.reading import Request
from autostore_dagster.replaying import of_input
from autostore_dagster.retrying import Retry
from autostore_dagster.scanning import scanned
from autostore_dagster.streams import Partitions, in_flight

__all__ = ["Options", "load"]

AHEAD = 8
"""Partitions that an input of `Partitions` holds at most, beside the one in use."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What the manager says of every input."""

    concurrency: int
    retrying: Retry
    previous: Previous | None = None
    as_of: str | None = None


def load(store: AutoStore, context: dg.InputContext, options: Options) -> Any:
    """The value of an input: one object, a dict by partition, or one frame over all partitions."""
    request = _request(store, context, options)
    keys = keys_by_partition(context)
    value = _load_one(request) if keys is None else _load_partitions(request, keys)
    if contexts.returns_nothing(context):
        context.log.warning(
            "Asset %s returns nothing: what was read of it now is what other code stored, or what it returned before.",
            name_of(context),
        )
    tell_origin(request, keys)
    return value


def _load_one(request: Request) -> Any:
    context = request.context
    key = single_key(context)
    absent: StorageFileNotFoundError | None = None
    for place in keys_in_this_run(context, key):
        try:
            return request.read(place, request.annotation)
        except StorageFileNotFoundError as error:
            absent = absent or error
    told = "It has partitions, and this run is for none of them." if absent is None else str(absent)
    raise not_stored(request, key, told) from absent


def _request(store: AutoStore, context: dg.InputContext, options: Options) -> Request:
    metadata = context.definition_metadata or {}
    asking.refuse_unknown(metadata)
    annotation = contexts.annotation(context)
    return Request(
        store=store,
        context=context,
        annotation=annotations.required(annotation),
        allows_none=annotations.fits(None, annotation),
        columns=asking.columns(metadata),
        allow_missing=asking.allows_missing(metadata),
        concurrency=options.concurrency,
        retrying=options.retrying,
        previous=options.previous,
        when=of_input(context, metadata, options.as_of),
    )


def _load_partitions(request: Request, keys: Mapping[str, str]) -> Any:
    by_partition, item = annotations.by_partition(request.annotation)
    one_to_one = len(keys) < 2 and is_one_to_one(request.context)
    if request.annotation is Partitions:
        return Partitions(_stream(request, keys))
    if not keys:
        return _load_nothing(request, one_to_one=one_to_one)
    if annotations.is_polars_frame(request.annotation) and not one_to_one:
        return _load_frame(request, keys)
    if len(keys) > 1 or (request.annotation is Any and not one_to_one):
        if not by_partition and request.annotation is not Any:
            raise UnsupportedFormatError(_cannot_hold(request, len(keys)))
        return _load_each(request, keys, item if by_partition else Any)
    if by_partition:
        return _load_only(request, keys, item, one_to_one=one_to_one)
    values = _load_each(request, keys, request.annotation)
    return next(iter(values.values())) if values else _load_nothing(request, one_to_one=one_to_one)


def _load_nothing(request: Request, *, one_to_one: bool) -> Any:
    context = request.context
    names = dimension_names(contexts.definition(context))
    return of_nothing(contexts.annotation(context), one_to_one=one_to_one, columns=names, name=name_of(context))


def _load_each(request: Request, keys: Mapping[str, str], annotation: Any) -> dict[str, Any]:
    """Partition -> value, in the order of `keys`; several at once, in threads of their own.

    Threads also work where an event loop is running, and keep each value with its partition.
    """
    if not keys:
        return {}
    absent: set[str] = set()
    files = {} if request.when else request.retrying(lambda: locate(request.store, keys.values()))

    def read(partition: str) -> Any:
        key = keys[partition]
        try:
            return request.read_found(key, files.get(key, key), annotation)
        except StorageFileNotFoundError:
            absent.add(partition)
            return None

    values = dict(zip(keys, in_order(read, keys, min(request.concurrency, len(keys))), strict=True))
    tell_absent(request, [partition for partition in keys if partition in absent])
    return {partition: value for partition, value in values.items() if partition not in absent}


def _stream(request: Request, keys: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Partition and value, read as they are asked for; a few ahead."""

    def read(partition: str) -> tuple[str, Any] | None:
        try:
            return partition, request.read(keys[partition], Any)
        except StorageFileNotFoundError as error:
            if request.allow_missing:
                return None
            raise missing(request, [partition]) from error

    return (found for found in in_flight(read, keys, min(request.concurrency, AHEAD)) if found)


def _load_only(request: Request, keys: Mapping[str, str], item: Any, *, one_to_one: bool) -> Any:
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


def _load_item(request: Request, keys: Mapping[str, str], item: Any) -> dict[str, Any]:
    """The values as they were stored, but tables at once as the kind that is asked for."""
    if annotations.is_polars_frame(annotations.required(item)):
        try:
            return _load_each(request, keys, item)
        except UnsupportedFormatError:  # no table, but perhaps a dict of them
            pass
    return _load_each(request, keys, Any)


def _load_frame(request: Request, keys: Mapping[str, str]) -> Any:
    """One frame over all partitions: scanned where they lie, and one by one where some are no Parquet."""
    found, frame = scanned(request, keys)
    if not found:
        frame = _load_tables(request, keys)
    return _load_nothing(request, one_to_one=False) if frame is None else frame


def _load_tables(request: Request, keys: Mapping[str, str]) -> Any:
    plain = dataclasses.replace(request, columns=None)
    tables = _load_each(plain, keys, frames.lazy_type())
    definition = contexts.definition(request.context)
    parts = [(dimensions(definition, key), table) for key, table in tables.items() if table is not None]
    return frames.union(parts, request.annotation, request.columns)


def _cannot_hold(request: Request, count: int) -> str:
    asked = request.annotation
    # Of list[T] and dict[int, T], which are to hold many, T is one.
    one = get_args(asked)[-1] if get_origin(asked) in (list, dict) else asked
    return (
        f"Asset {name_of(request.context)} is read for {count} partitions, which {_spelled(asked)} cannot hold. "
        f"Annotate the input as dict[str, {_spelled(one)}], pl.DataFrame, pl.LazyFrame or Partitions."
    )


def _spelled(annotation: Any) -> str:
    return str(annotation) if get_args(annotation) else getattr(annotation, "__name__", str(annotation))
