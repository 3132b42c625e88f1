"""What Dagster loads: the assets, their checks, one job over all of them, and the store."""

from pathlib import Path
from types import ModuleType

import dagster as dg

from autostore_dagster import stamp
from example_project.assets import features, flights, linear, report, settings
from example_project.resources import io_manager, store_resource, store_uri, with_torch

__all__ = ["defs", "everything"]

everything = dg.define_asset_job(
    "everything",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="The whole pipeline, over a range of months, in one run.",
)


@dg.definitions
def defs() -> dg.Definitions:
    """The code location."""
    model: ModuleType = linear
    if with_torch():
        from example_project.assets import model as network

        model = network
    modules = [settings, flights, features, model, report]
    own = dg.Definitions(
        assets=stamp(dg.load_assets_from_modules(modules), uri=store_uri()),
        asset_checks=dg.load_asset_checks_from_modules(modules),
        jobs=[everything],
        resources={"io_manager": io_manager(), "store": store_resource()},
    )
    return dg.Definitions.merge(own, dg.load_from_defs_folder(path_within_project=Path(__file__).parent))
