"""The example's job on Dask, and the process that starts it: `python -m tests.dagster.dask_project ADDRESS`.

Without an address the same assets are materialized in this one process.
"""

import sys

import dagster as dg
from dagster_dask import dask_executor
from distributed import Client

from example_project.definitions import defs

MONTHS = ["2013-01-01", "2013-02-01"]
TAGS = {"dagster/asset_partition_range_start": MONTHS[0], "dagster/asset_partition_range_end": MONTHS[-1]}
WORKERS = 2


def on_dask() -> dg.JobDefinition:
    """What each worker imports for itself: all assets of the example, for the Dask executor."""
    job = dg.define_asset_job("on_dask", selection=dg.AssetSelection.all(), executor_def=dask_executor)
    return dg.Definitions.merge(defs(), dg.Definitions(jobs=[job])).resolve_job_def("on_dask")


def start(address: str) -> bool:
    """One run on the cluster, in the instance of `DAGSTER_HOME`; whether it went well."""
    with Client(address) as client:
        client.wait_for_workers(WORKERS, timeout=60)
    config = {"execution": {"config": {"cluster": {"existing": {"address": address}}}}}
    with dg.DagsterInstance.get() as instance:
        job = dg.reconstructable(on_dask)
        with dg.execute_job(job, instance, run_config=config, tags=TAGS) as result:
            return result.success


def here() -> bool:
    """The same assets in this process."""
    with dg.DagsterInstance.get() as instance:
        return defs().resolve_job_def("everything").execute_in_process(instance=instance, tags=TAGS).success


if __name__ == "__main__":
    sys.exit(0 if (start(sys.argv[1]) if len(sys.argv) > 1 else here()) else 1)
