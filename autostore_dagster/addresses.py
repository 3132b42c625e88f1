"""Where an asset's values lie, asked and answered in Dagster's words: keys, URIs, and the way back from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from autostore import InvalidConfigError, InvalidKeyError
from autostore_dagster import keys
from autostore_dagster.choosing import coerced
from autostore_dagster.partitions import dimensions

__all__ = ["Address", "asset_key", "asset_uri", "parse_key"]

Asset = dg.AssetKey | str | list[str] | tuple[str, ...] | dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset


@dataclass(frozen=True)
class Address:
    """What a key of the store stands for in Dagster.

    Attributes:
        asset_key: the asset; None for an op's output.
        partition: the value of each dimension by its name (`date` or `partition` where Dagster has none).
        run: run id, step key, output name and perhaps mapping key of an op's output.
    """

    asset_key: dg.AssetKey | None = None
    partition: Mapping[str, str] = field(default_factory=dict)
    run: tuple[str, ...] = ()

    @property
    def partition_key(self) -> str | None:
        """The partition as Dagster writes it: of several dimensions a `MultiPartitionKey`; None where there is none."""
        values = dict(self.partition)
        if len(values) > 1:
            return dg.MultiPartitionKey(values)
        return next(iter(values.values()), None)


def asset_key(
    asset: Asset,
    partition: str | Mapping[str, str] | None = None,
    *,
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
) -> str:
    """The key under which an asset, or one partition of it, lies in the store; no request.

    Args:
        asset: a definition, or a key as Dagster coerces it: a text is one segment, `["raw", "flights"]` two.
        partition: its key, or the value of each dimension by name.
        partitions_def: how the asset is partitioned, where `asset` does not say. Without it a text that looks
            like a day or an hour of Dagster's is a `date`, any other a `partition`.
    """
    definition = partitions_def or getattr(asset, "partitions_def", None)
    if isinstance(partition, str):
        partition = dimensions(definition, partition)
    if partition is not None and not (isinstance(partition, Mapping) and _are_texts(partition)):
        remedy = "Pass its key, such as '2026-01-31', or the value of each dimension by name, as texts"
        raise InvalidKeyError(f"{partition!r:.100} is no partition. {remedy}.")
    return keys.asset_key(_key_of(asset).path, partition)


def asset_uri(
    asset: Asset,
    partition: str | Mapping[str, str] | None = None,
    *,
    uri: str,
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
) -> str:
    """The same below a store's URI, without the extension that the value's format adds; no request."""
    if not isinstance(uri, str) or not uri:
        raise InvalidConfigError(f"uri={uri!r:.80} names no store. Pass its URI, such as store.uri.")
    return f"{uri.rstrip('/')}/{asset_key(asset, partition, partitions_def=partitions_def)}"


def parse_key(key: str) -> Address:
    """What a key, or the path of its file, stands for; `InvalidKeyError` where Dagster stores nothing of that name.

    It undoes `asset_key`, except of names over 200 bytes, of which a key holds only the beginning and a hash.
    """
    if not isinstance(key, str):
        raise InvalidKeyError(f"{key!r:.100} is no key. Pass one as a str; keys of assets come from asset_key(...).")
    folder, slash, name = key.rpartition("/")
    try:
        place = keys.parse(f"{folder}{slash}{name.partition('.')[0]}")
    except ValueError as error:
        raise InvalidKeyError(f"{error} Keys of assets come from asset_key(...).") from error
    asset = dg.AssetKey(list(place.asset)) if place.asset else None
    return Address(asset, place.partition, place.run)


def _key_of(asset: Asset) -> dg.AssetKey:
    if isinstance(asset, dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset):
        return asset.key
    return coerced(asset)


def _are_texts(partition: Mapping[str, str]) -> bool:
    return all(isinstance(text, str) for dimension in partition.items() for text in dimension)
