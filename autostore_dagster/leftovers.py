"""What nobody needs any more: pure answers about keys, from definitions and runs, without looking into the store."""

import dataclasses
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from autostore import InvalidKeyError
from autostore_dagster.addresses import Address, parse_key

__all__ = ["RUN_ID", "Defined", "Leftover", "Runs", "orphan_or_partition", "output_of_run"]

RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How Dagster calls its runs."""


@dataclasses.dataclass(frozen=True)
class Leftover:
    """One value that may go.

    Attributes:
        key: in the store; a full name where others answer to the same key.
        why: "run", "partition" or "orphan".
        address: what the key stands for.
        bytes: the size of its file; 0 before that was asked.
        etag: the version of its file that was judged.
        kept: why it stays all the same; empty where it goes.
    """

    key: str
    why: str
    address: Address
    bytes: int = 0
    etag: str = ""
    kept: str = ""


@dataclasses.dataclass(frozen=True)
class Defined:
    """The assets of definitions.

    Attributes:
        partitions: asset key -> its partition keys, None where it has no partitions.
        elsewhere: assets that are only named here, as what others depend on: how they are partitioned is not known.
    """

    partitions: Mapping[dg.AssetKey, frozenset[str] | None]
    elsewhere: frozenset[dg.AssetKey] = frozenset()

    @classmethod
    def of(cls, graph: Any, instance: dg.DagsterInstance) -> "Defined":
        """What an asset graph defines today; dynamic partitions are the instance's."""
        nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
        here = {node.key: _keys(node.partitions_def, instance) for node in nodes if node.is_executable}
        return cls(here, frozenset(node.key for node in nodes if not node.is_executable))


@dataclasses.dataclass(frozen=True)
class Runs:
    """The runs whose outputs may go, by id.

    Attributes:
        ended: when each finished run ended.
        needed: runs that go on, and those that they re-execute.
    """

    ended: Mapping[str, datetime]
    needed: frozenset[str]

    def why_kept(self, run: str, modified: datetime, before: datetime) -> str:
        """Why a run's output stays; empty where the run ended, or its file is older, before that time."""
        if run in self.needed:
            return "the run, or a re-execution of it, goes on"
        if run not in self.ended and not RUN_ID.fullmatch(run):
            return "no run of Dagster's is called so"
        return "" if self.ended.get(run, modified) < before else "it is not that old"


def orphan_or_partition(key: str, defined: Defined) -> Leftover | None:
    """What no definition names: an asset that is gone, or a partition; None for what one names, and for strangers."""
    try:
        address = parse_key(key)
    except InvalidKeyError:
        return None
    if address.asset_key is None or address.asset_key in defined.elsewhere:
        return None
    if address.asset_key not in defined.partitions:
        return Leftover(key, "orphan", address)
    keys, partition = defined.partitions[address.asset_key], address.partition_key
    known = partition is None if keys is None else partition in keys
    return None if known else Leftover(key, "partition", address)


def output_of_run(key: str) -> Leftover | None:
    """An op's output; None for all else, also what somebody laid beside them."""
    try:
        address = parse_key(key)
    except InvalidKeyError:
        return None
    return Leftover(key, "run", address) if len(address.run) > 1 else None


def _keys(definition: dg.PartitionsDefinition[Any] | None, instance: dg.DagsterInstance) -> frozenset[str] | None:
    return None if definition is None else frozenset(definition.get_partition_keys(dynamic_partitions_store=instance))
