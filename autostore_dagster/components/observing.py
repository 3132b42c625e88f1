"""Which files lie in a place, as assets, and what observing one of them says: columns, rows, size, and its version."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from autostore import AutoStore, InvalidKeyError, StorageError
from autostore_dagster.addresses import asset_key, parse_key
from autostore_dagster.resource import AutoStoreResource

__all__ = ["look", "observation"]


WILD = re.compile(r"(\*\*|\*|\?)")


def look(
    place: AutoStoreResource, match: str, attributes: Mapping[str, Any], *, columns: bool
) -> dict[dg.AssetKey, dg.AssetSpec]:
    """The assets whose files lie there now: 1 LIST per 1,000 files, and with `columns` 2 requests for each asset.

    What is named without a wildcard is an asset, whether it is there or not. A place that does not answer has no
    others, so that the rest of the project loads; the log says why.
    """
    named = {} if WILD.search(match) else {dg.AssetKey(match.split("/")): None}
    try:
        with place.open() as store:
            found = {**named, **_by_asset(store, match)}
            specs = [_spec(store, key, file if columns else None, attributes) for key, file in sorted(found.items())]
    except StorageError as error:
        dg.get_dagster_logger().warning("Files %r of %s were not looked at: %s", match, place.uri, error)
        specs = [dg.AssetSpec(key, **attributes) for key in named]
    return {spec.key: spec for spec in specs}


def observation(context: dg.AssetExecutionContext, store: AutoStore, spec: dg.AssetSpec) -> dg.ObserveResult:
    """What the files of an asset are now; of one with partitions each stored one is observed, by 1 LIST.

    Not found where the file of an asset without partitions is not there.
    """
    if spec.partitions_def is None:
        facts, version = _of_file(store, asset_key(spec.key))
        return dg.ObserveResult(spec.key, metadata=facts, data_version=dg.DataVersion(version))
    entries = list(store.entries(f"{asset_key(spec.key)}/"))
    for entry in entries:
        context.log_event(_of_partition(store, spec, entry))
    facts = {"files": len(entries), "dagster/size_bytes": sum(entry.size for entry in entries)}
    whole = hashlib.sha256("".join(f"{entry.key} {entry.etag}\n" for entry in entries).encode()).hexdigest()
    return dg.ObserveResult(spec.key, metadata=facts, data_version=dg.DataVersion(whole))


def _by_asset(store: AutoStore, match: str) -> dict[dg.AssetKey, str]:
    """Asset -> key of its last file, where the asset's path matches; what an asset cannot be called is passed over."""
    literal = WILD.split(match)[0]
    wanted = re.compile(_pattern(match))
    files: dict[dg.AssetKey, str] = {}
    for key in store.keys(literal[: literal.rfind("/") + 1]):
        try:
            address = parse_key(key)
        except InvalidKeyError:
            continue
        asset = address.asset_key
        if asset is None or asset_key(asset, address.partition or None) != key:  # `a.b` would be read as `a`
            continue
        if wanted.fullmatch("/".join(asset.path)):
            files[asset] = key
    return files


def _pattern(match: str) -> str:
    signs = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(signs.get(part) or re.escape(part) for part in WILD.split(match))


def _spec(store: AutoStore, key: dg.AssetKey, file: str | None, attributes: Mapping[str, Any]) -> dg.AssetSpec:
    spec = dg.AssetSpec(key, **attributes)
    metadata: dict[str, Any] = {"dagster/uri": f"{store.uri.rstrip('/')}/{asset_key(key)}"}
    kinds = set(spec.kinds)
    if file is not None:
        info = store.info(file)
        kinds = kinds or {info.format.removeprefix(".")}
        if info.columns is not None:
            metadata |= {"dagster/column_schema": _schema(info.columns), "dagster/table_name": ".".join(key.path)}
    return spec.replace_attributes(kinds=kinds, metadata={**metadata, **spec.metadata})


def _of_file(store: AutoStore, key: str) -> tuple[dict[str, Any], str]:
    info = store.info(key)
    facts: dict[str, Any] = {
        "uri": dg.MetadataValue.path(f"{store.uri.rstrip('/')}/{info.path}"),
        "format": info.format,
        "etag": info.etag,
        "dagster/size_bytes": info.size,
        "dagster/last_updated_timestamp": dg.MetadataValue.timestamp(info.modified_time),
        "load": f'AutoStore("{store.uri}")["{key}"]',
    }
    if info.rows is not None:
        facts["dagster/row_count"] = info.rows
    if info.columns is not None:
        facts["dagster/column_schema"] = _schema(info.columns)
    return facts, info.etag


def _of_partition(store: AutoStore, spec: dg.AssetSpec, entry: Any) -> dg.AssetObservation:
    return dg.AssetObservation(
        spec.key,
        partition=parse_key(entry.key).partition_key,
        metadata={
            "uri": dg.MetadataValue.path(f"{store.uri.rstrip('/')}/{entry.path}"),
            "etag": entry.etag,
            "dagster/size_bytes": entry.size,
        },
        tags={DATA_VERSION_TAG: entry.etag},
    )


def _schema(columns: Iterable[tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, dtype) for name, dtype in columns])
