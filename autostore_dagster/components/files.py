"""`StoredFilesComponent`: files that others lay down, as external assets that know their columns and are observed."""

import re
from collections.abc import Iterator
from typing import Any, Optional

import dagster as dg
from dagster.components.resolved.core_models import ResolvedAssetAttributes
from pydantic import Field

from autostore import InvalidConfigError, StorageFileNotFoundError
from autostore_dagster.components.observing import look, observation
from autostore_dagster.components.settings import ResolvedStorage, ResolvedUri, below, storage_for
from autostore_dagster.io_manager import AutoStoreIOManager
from autostore_dagster.resource import AutoStoreResource

__all__ = ["StoredFilesComponent"]


class StoredFiles(dg.Resolvable, dg.Model):
    """Files of one pattern, and what all of their assets have."""

    match: str = Field(
        description="Keys below `uri`, without the extension: `*` stays within a segment, `**` crosses them. Each is "
        "an asset of that key; Hive folders such as `flights/date=2024-01-01/data` are partitions of one asset. A name "
        "without wildcards is an asset also while nothing is there: name so what others depend on.",
        examples=["sales/*", "flights/**"],
    )
    attributes: ResolvedAssetAttributes = Field(default={}, description="Attributes of these assets.")


class StoredFilesScaffolder(dg.Scaffolder[Any]):
    """Lays down one pattern, to be pointed at the files."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write `defs.yaml`."""
        files = [{"match": "**", "attributes": {"group_name": "landing"}}]
        dg.scaffold_component(request, {"uri": "data/landing", "files": files})


@dg.scaffold_with(StoredFilesScaffolder)
class StoredFilesComponent(dg.Component, dg.Resolvable, dg.Model):
    """Files that other programs lay down, as external assets: with their real columns, observed, and read by others.

    When the project is loaded the place is listed, and of each asset one file's header is read; a place that does not
    answer has no assets, with a warning. Assets that depend on them read them as any input.
    """

    uri: ResolvedUri
    files: list[StoredFiles]
    storage: ResolvedStorage = None
    io_manager_key: Optional[str] = Field(  # noqa: UP045  # Dagster's resolvers
        default=None,
        description="The resource by which consumers read the files; None: one of the component's own, which never "
        "writes there.",
    )
    columns: bool = Field(
        default=True, description="Read one file of each asset for its columns when the project is loaded."
    )
    observe_schedule: Optional[str] = Field(  # noqa: UP045
        default=None, description="When all files are looked at for changes.", examples=["*/10 * * * *"]
    )

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What the catalog of components says."""
        return dg.ComponentTypeSpec(
            description="Files that others lay down in a folder or on S3, as observable external assets with their "
            "columns.",
            tags=["storage", "external-assets", "s3"],
            produces=["asset", "resource", "job", "schedule"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets, what reads them, and the schedule."""
        root = context.project_root
        place = AutoStoreResource(uri=below(root, self.uri), storage=storage_for(self.uri, self.storage))
        name = _name_in_project(context)
        assets = [
            definition
            for number, files in enumerate(self.files)
            if (definition := self._observed(f"{name}_{number}", place, files, self.io_manager_key or name))
        ]
        own = AutoStoreIOManager(uri=place.uri, storage=place.storage)
        return dg.Definitions(
            assets=assets,
            resources={} if self.io_manager_key else {name: own},
            schedules=self._schedules(name, assets),
        )

    def _observed(
        self, name: str, place: AutoStoreResource, files: StoredFiles, io_manager_key: str
    ) -> dg.AssetsDefinition | None:
        _refuse_extension(files.match)
        found = look(place, files.match, files.attributes, columns=self.columns)
        if not found:
            return None
        specs = [spec.with_io_manager_key(io_manager_key) for spec in found.values()]

        def observed(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
            gone = []
            with place.open() as store:
                for key in sorted(context.selected_asset_keys):
                    try:
                        yield observation(context, store, found[key])
                    except StorageFileNotFoundError:
                        gone.append(key.to_user_string())
            if gone:
                raise StorageFileNotFoundError(
                    f"Not in {place.uri}: {', '.join(gone)}. Lay the files there, or load the project anew."
                )

        observable = dg.multi_observable_source_asset(name=name, specs=specs, can_subset=True)
        definition: dg.AssetsDefinition = observable(observed)
        return definition

    def _schedules(self, name: str, assets: list[dg.AssetsDefinition]) -> list[dg.ScheduleDefinition]:
        if self.observe_schedule is None or not assets:
            return []
        selection = dg.AssetSelection.assets(*assets)
        job = dg.define_asset_job(f"observe_{name}", selection=selection)
        return [dg.ScheduleDefinition(job=job, cron_schedule=self.observe_schedule)]


def _name_in_project(context: dg.ComponentLoadContext) -> str:
    """What resources and jobs are called: by the folders of the component, and its place in a file of several."""
    path, root = context.path, context.defs_module_path
    folders = path.relative_to(root).parts if path.is_relative_to(root) else path.parts[-1:]
    number = context.component_path.instance_key
    parts = [*folders, *([str(number)] if number else [])]
    return "_".join(["stored_files", *(["__".join(re.sub(r"\W", "_", part) for part in parts)] if parts else [])])


def _refuse_extension(match: str) -> None:
    folder, slash, name = match.rpartition("/")
    if "." in name:
        raise InvalidConfigError(
            f"match: {match!r:.200} names files with their extension, and keys of assets have none, so nothing would "
            f"be found. Write {folder + slash + name.partition('.')[0]!r:.200}."
        )
