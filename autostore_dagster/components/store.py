"""`AutoStoreComponent`: a project's IO manager and resource from YAML, and the jobs that look after the store."""

from typing import Annotated, Any, Literal, Optional

import dagster as dg
from pydantic import Field

from autostore_dagster.components.settings import (
    ResolvedPlace,
    ResolvedStorage,
    ResolvedUri,
    below,
    resource_at,
    storage_for,
)
from autostore_dagster.io_manager import AutoStoreIOManager
from autostore_dagster.moving import build_move_in_job
from autostore_dagster.promoting import build_promote_job
from autostore_dagster.pruning import build_prune_job
from autostore_dagster.resource import AutoStoreResource

__all__ = ["AutoStoreComponent"]


def _described(name: str) -> Any:
    """The manager's own field, as it stands in its schema."""
    field = AutoStoreIOManager.model_fields[name]
    return Field(default=field.default, description=field.description)


class AutoStoreScaffolder(dg.Scaffolder[Any]):
    """Lays down a store in a folder of the project, to be pointed elsewhere."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write `defs.yaml`."""
        dg.scaffold_component(request, {"uri": "data"})


@dg.scaffold_with(AutoStoreScaffolder)
class AutoStoreComponent(dg.Component, dg.Resolvable, dg.Model):
    """A store for all assets of the project: `AutoStoreIOManager` and `AutoStoreResource`, by their settings.

    The settings are those of the manager; a relative folder lies below the project's root.
    """

    uri: ResolvedUri
    storage: ResolvedStorage = None
    base: Annotated[ResolvedPlace, _described("base")] = None
    previous: Annotated[ResolvedPlace, _described("previous")] = None
    as_of: Annotated[Optional[str], _described("as_of")] = None  # noqa: UP045  # Dagster's resolvers
    retries: Annotated[int, _described("retries")] = 3
    retry_wait: Annotated[float, _described("retry_wait")] = 0.5
    concurrency: Annotated[int, _described("concurrency")] = 32
    previews: Annotated[bool, _described("previews")] = True
    data_version: Annotated[bool, _described("data_version")] = False
    io_manager_key: str = Field(
        default="io_manager", description="The resource key of the manager; assets use `io_manager` unless they say so."
    )
    resource_key: str = Field(
        default="store", description="The resource key of the store, for code that reads and writes keys of its own."
    )
    jobs: list[Literal["promote", "move_in"]] = Field(
        default=[], description="Jobs over this store: `promote` a branch, `move_in` from a previous manager."
    )
    prune_schedule: Optional[str] = Field(  # noqa: UP045
        default=None,
        description="When the store is pruned of outputs of runs and of partitions that are gone.",
        examples=["0 3 * * *"],
    )

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What the catalog of components says."""
        return dg.ComponentTypeSpec(
            description="A store for all assets: frames, arrays, models, pictures and more, each in its own format, "
            "in a folder or on S3.",
            tags=["storage", "io-manager", "s3"],
            produces=["resource", "job", "schedule"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The resources, and the jobs that were asked for."""
        root = context.project_root
        places = {name: resource_at(getattr(self, name), self.storage, root) for name in ("base", "previous")}
        place: dict[str, Any] = {"uri": below(root, self.uri), "storage": storage_for(self.uri, self.storage)}
        own = {name: getattr(self, name) for name in AutoStoreIOManager.model_fields if name not in place}
        manager = AutoStoreIOManager(**{**own, **place, **places})
        store = AutoStoreResource(**place, base=places["base"])
        return dg.Definitions(
            resources={self.io_manager_key: manager, self.resource_key: store},
            jobs=[self._job(name) for name in self.jobs],
            schedules=self._schedules(),
        )

    def _schedules(self) -> list[dg.ScheduleDefinition]:
        if self.prune_schedule is None:
            return []
        name = self._called("prune_store")
        return [build_prune_job(name=name, cron_schedule=self.prune_schedule, io_manager_key=self.io_manager_key)]

    def _job(self, name: str) -> dg.JobDefinition:
        called, build = _JOBS[name]
        return build(name=self._called(called), io_manager_key=self.io_manager_key)

    def _called(self, job: str) -> str:
        """A job's name, which no other store of the project has."""
        return job if self.io_manager_key == "io_manager" else f"{job}_{self.io_manager_key}"


_JOBS = {"promote": ("promote_branch", build_promote_job), "move_in": ("move_in", build_move_in_job)}
