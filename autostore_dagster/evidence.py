"""What Dagster's own records say of a stored value: that it wrote it, when the run ended, and who still needs it."""

import dataclasses
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import dagster as dg

from autostore_dagster.leftovers import Leftover, Runs

__all__ = ["Evidence", "runs_of"]

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in FINISHED]
PAGE = 500
"""Records of one query."""


class Evidence:
    """The event log of an instance, asked about values that no definition names."""

    def __init__(self, instance: dg.DagsterInstance, graph: Any) -> None:
        self._instance = instance
        self._graph = graph

    def why_kept(self, left: Leftover, etag: str) -> str:
        """Why a value must not go; empty where the file is the one that its last materialization wrote. 1 query."""
        key, partition = left.address.asset_key, left.address.partition_key
        if key is None:
            return "it is no asset"
        event = self._last(key, partition)
        if event is None or event.asset_materialization is None:
            return "Dagster did not write it"
        written = event.asset_materialization.metadata.get("etag")
        if written is None or written.value != etag:
            return "it was changed since Dagster wrote it"
        writer = self._writer(event.run_id)
        if writer.is_same(self._own):
            return ""
        return f"it is of the code location {writer}" if writer else "its run does not say of which code location it is"

    @cached_property
    def _own(self) -> "_Writer":
        """The code location of these definitions, by the first of their assets whose run tells one."""
        for key in self._graph.get_all_asset_keys():
            event = self._last(key, None, any_partition=True)
            if event and (writer := self._writer(event.run_id)):
                return writer
        return _Writer()

    def _last(self, key: dg.AssetKey, partition: str | None, *, any_partition: bool = False) -> Any:
        partitions = [partition] if partition is not None else None
        asked = dg.AssetRecordsFilter(asset_key=key, asset_partitions=partitions)
        cursor, more = None, True
        while more:  # of an asset that has partitions now, the last event without one may lie far back
            page = self._instance.fetch_materializations(asked, limit=PAGE, cursor=cursor)
            for record in page.records:
                if any_partition or record.partition_key == partition:
                    return record
            cursor, more = page.cursor, page.has_more
        return None

    def _writer(self, run: str) -> "_Writer":
        found = self._instance.get_run_by_id(run)
        if found is None:
            return _Writer()
        location, code = found.remote_job_origin, found.job_code_origin
        pointer = code.repository_origin.code_pointer.describe() if code else ""
        return _Writer(location.location_name if location else "", pointer)


@dataclasses.dataclass(frozen=True)
class _Writer:
    """What a run tells of the code that it executes: nothing, where a script or a test called `materialize`.

    Attributes:
        location: the name of the code location, where one launched it.
        code: the module or file, also of a run that a command executed.
    """

    location: str = ""
    code: str = ""

    def is_same(self, other: "_Writer") -> bool:
        """Whether both are of one code location, or tell nothing at all."""
        if self.location and other.location:
            return self.location == other.location
        return self.code == other.code and bool(self) == bool(other)

    def __bool__(self) -> bool:
        """Whether the run tells anything."""
        return bool(self.location or self.code)

    def __str__(self) -> str:
        """Its name, or what it is loaded from."""
        return self.location or self.code


def runs_of(instance: dg.DagsterInstance, ids: Iterable[str]) -> Runs:
    """What is known of these runs, and which go on; 1 query for 500 of them."""
    needed = _needed(instance)
    ended = {}
    for page in _pages(sorted(ids)):
        for record in instance.get_run_records(dg.RunsFilter(run_ids=page, statuses=FINISHED)):
            at = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
            ended[record.dagster_run.run_id] = at
    return Runs(ended, frozenset(needed))


def _needed(instance: dg.DagsterInstance) -> set[str]:
    """The runs that go on, and those that they re-execute, back to the first: each reads what was skipped since.

    1 query for each run that is re-executed.
    """
    needed: set[str] = set()
    runs = list(instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)))
    while runs:
        run = runs.pop()
        needed.update(name for name in (run.run_id, run.root_run_id) if name)
        parent = run.parent_run_id
        if parent and parent not in needed:
            needed.add(parent)
            runs += [found] if (found := instance.get_run_by_id(parent)) else []
    return needed


def _pages(ids: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), PAGE):
        yield ids[first : first + PAGE]
