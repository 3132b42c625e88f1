"""How an output is written: which keys it goes to, in which format, and what the event log learns of it."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg

from autostore import AutoStore, FileMetadata, UnsupportedFormatError
from autostore_dagster import annotations, contexts
from autostore_dagster.metadata import COLUMNS, PREVIEW_ERROR, STORED_COLUMNS, Stored, describe
from autostore_dagster.partitions import keys_by_partition, single_key
from autostore_dagster.retrying import Retry
from autostore_dagster.streams import Partitions, checked, in_flight

__all__ = ["Options", "write"]

PREFIX = "autostore/"
FRAMES = frozenset(("pandas", "polars", "pyarrow"))
"""Whose tables give an Arrow stream as often as they are asked."""

# Partitions encoded at the same time: each may need as much memory again as its value.
WRITERS = 8


@dataclass(frozen=True)
class Options:
    """What the manager, or an asset's metadata `autostore/...`, asks for.

    Attributes:
        format: an extension such as "csv"; None: chosen by the value.
        previews: show heads, images and statistics in the UI.
        data_version: version the asset by a hash of the stored bytes (read back once more), where a run
            writes one partition; Dagster has one version for all that a step writes of an asset.
    """

    format: str | None = None
    previews: bool = True
    data_version: bool = False

    def of_asset(self, metadata: Mapping[str, Any]) -> "Options":
        """These options, bettered by the asset's own metadata; an unknown option is an error."""
        known = {"format": str, "previews": bool, "data_version": bool}
        given = {
            name.removeprefix(PREFIX): _plain(value) for name, value in metadata.items() if name.startswith(PREFIX)
        }
        for name, value in given.items():
            if name not in known or not isinstance(value, known[name]):
                raise UnsupportedFormatError(
                    f"The asset metadata {PREFIX + name!r} = {value!r} is not understood. "
                    'Use "autostore/format": "csv", "autostore/previews": False or "autostore/data_version": True.'
                )
        return Options(**{**vars(self), **given})


def write(
    store: AutoStore,
    context: dg.OutputContext,
    value: Any,
    *,
    options: Options,
    concurrency: int,
    retrying: Retry,
) -> None:
    """Store the value, or each partition's value, and add what was stored to the event log."""
    options = options.of_asset({**(context.definition_metadata or {}), **(context.output_metadata or {})})
    keys = keys_by_partition(context)
    count = 1 if keys is None else len(keys)
    one = partial(_write_one, store, context, options, retrying)
    entries = _entries(context, value, keys)
    for key, partition, metadata in in_flight(one, entries, max(1, min(concurrency, WRITERS, count))):
        _add_metadata(context, metadata, partition if count > 1 else None)
        if options.data_version and count == 1 and context.has_asset_key:
            _set_data_version(store, context, retrying, key)


def _write_one(
    store: AutoStore,
    context: dg.OutputContext,
    options: Options,
    retrying: Retry,
    entry: tuple[str, str | None, Any],
) -> tuple[str, str | None, Mapping[str, dg.MetadataValue]]:
    key, partition, value = entry
    began = time.perf_counter()
    chosen = options.format if value is not None else None  # a None has a format of its own
    file = _repeating(retrying, value)(partial(store.write, key, value, format=chosen))
    seconds = time.perf_counter() - began
    version = retrying(partial(_version, store, key, file)) if store.config.history else None
    stored = Stored(key, store.uri, file, seconds=seconds, format=chosen, version=version)
    metadata = describe(
        store,
        value,
        stored,
        partitioned=partition is not None,
        previews=options.previews,
        described=_described(context),
    )
    if PREVIEW_ERROR in metadata:
        context.log.warning("No preview of %s: %s", key, metadata[PREVIEW_ERROR].value)
    return key, partition, metadata


def _repeating(retrying: Retry, value: Any) -> Retry:
    """How it is tried: once where a second attempt would lack what the first one took, as of a reader."""
    kind = type(value)
    frame = any(base.__module__.partition(".")[0] in FRAMES for base in kind.__mro__)
    once = hasattr(kind, "__next__") or (hasattr(kind, "__arrow_c_stream__") and not frame)
    return (lambda action: action()) if once else retrying


def _described(context: dg.OutputContext) -> dg.TableSchema | None:
    """What the asset's own metadata says of its columns: descriptions, which the stored table does not have."""
    schema = _plain((context.definition_metadata or {}).get(COLUMNS))
    return schema if isinstance(schema, dg.TableSchema) else None


def _version(store: AutoStore, key: str, file: FileMetadata) -> str | None:
    """The version that was just written; None where another writer, or a pruner, was faster."""
    return next((version.id for version in store.versions(key) if version.etag == file.etag), None)


def _entries(
    context: dg.OutputContext, value: Any, keys: Mapping[str, str] | None
) -> Iterable[tuple[str, str | None, Any]]:
    """Store key, partition and value; for a run of several partitions the value is a dict of them, or `Partitions`."""
    if isinstance(value, Partitions):
        if keys is None:
            raise UnsupportedFormatError(
                "Partitions() was returned by what has no partitions. Give the asset a partitions_def, or return "
                "one value."
            )
        return checked(value, keys, context.asset_key.to_user_string())
    if keys is None:
        return [(single_key(context), None, value)]
    if len(keys) == 1 and not _is_dict_by_partition(context, value, keys):
        (partition, key), *_ = keys.items()
        return [(key, partition, value)]
    if not isinstance(value, Mapping) or set(value) != set(keys):
        raise UnsupportedFormatError(_not_by_partition(context, value, keys))
    by_partition = dict(value)
    return [(key, partition, by_partition[partition]) for partition, key in keys.items()]


def _is_dict_by_partition(context: dg.OutputContext, value: Any, keys: Mapping[str, str]) -> bool:
    """Whether an asset that may get many partitions in a run returned its dict for a run of one.

    Its keys tell, or else its annotation: one that says `dict[str, T]` means the dict by partition.
    """
    step = contexts.step(context)
    if step is None:
        return False
    policy = step.job_def.asset_layer.get(context.asset_key).backfill_policy
    if policy is None or policy.max_partitions_per_run == 1 or not isinstance(value, Mapping):
        return False
    by_partition, item = annotations.by_partition(annotations.required(context.dagster_type.typing_type))
    return set(value) == set(keys) or (by_partition and item is not Any)


def _not_by_partition(context: dg.OutputContext, value: Any, keys: Mapping[str, str]) -> str:
    asset = context.asset_key.to_user_string()
    wanted = (
        f"This run is for {len(keys)} partition(s) of asset {asset}, so return a dict of partition key -> value, or "
        "Partitions(...) of such pairs"
    )
    if not isinstance(value, Mapping):
        return f"{wanted}, not a {type(value).__qualname__}. Nothing was written."
    missing, foreign = sorted(set(keys) - set(value)), sorted(map(str, set(value) - set(keys)))
    return f"{wanted}. Missing: {missing[:10]}; not of this run: {foreign[:10]}. Nothing was written."


def _add_metadata(context: dg.OutputContext, metadata: Mapping[str, Any], partition: str | None) -> None:
    """Add what the user has not set; the event of each partition gets its own."""
    new = _beside(metadata, context.output_metadata or {})
    if partition is None:
        context.add_output_metadata(new)
        return
    step = contexts.step(context)
    if step is None:  # built by hand: there is no event for each partition
        return
    own = step.get_asset_metadata(context.asset_key, partition) or {}
    shared = step.get_asset_metadata(context.asset_key) or {}
    step.add_asset_metadata(_beside(new, {**shared, **own}), asset_key=context.asset_key, partition_key=partition)


def _beside(metadata: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What the user has not set; columns of the user's stand beside those that are stored."""
    new = {name: value for name, value in metadata.items() if name not in own}
    return {**new, STORED_COLUMNS: metadata[COLUMNS]} if COLUMNS in metadata and COLUMNS in own else new


def _set_data_version(store: AutoStore, context: dg.OutputContext, retrying: Retry, key: str) -> None:
    step = contexts.step(context)
    if step is not None and not step.has_data_version(context.asset_key):  # the user's own wins
        digest = hashlib.sha256(retrying(partial(store.read, key, as_type=bytes))).hexdigest()
        step.set_data_version(context.asset_key, dg.DataVersion(digest))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, dg.MetadataValue) else value
