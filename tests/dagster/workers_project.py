"""A small pipeline for executors with workers, and the process that starts it: `python -m ... celery|dask ADDRESS`."""

import os
import sys

import dagster as dg
import polars as pl

from autostore import AutoStore
from autostore_dagster import AutoStoreIOManager

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-03")
RANGE = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-02"}

# Dask would rather run all of so little on one worker.
ON_A, ON_B = ({"dagster-dask/resource_requirements": {name: 1}} for name in ("a", "b"))


@dg.asset(op_tags=ON_A, partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def flights(context: dg.AssetExecutionContext) -> dict[str, pl.DataFrame]:
    """A table for each day."""
    return {day: pl.DataFrame({"delay": [number, 5]}) for number, day in enumerate(context.partition_keys)}


def _statistic(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, op_tags=ON_B)
    def statistic(flights: pl.LazyFrame) -> dict[str, float]:
        return {name: float(flights.select(getattr(pl.col("delay"), name)()).collect().item())}

    return statistic


NAMES = ("max", "mean", "sum")
statistics = [_statistic(name) for name in NAMES]


@dg.asset(op_tags=ON_A, ins={name: dg.AssetIn(name) for name in NAMES})
def report(**found: dict[str, float]) -> str:
    """What all of them say."""
    return ", ".join(f"{name} {found[name][name]}" for name in sorted(found))


STEPS = {"flights", *NAMES, "report"}


def check_values(store: AutoStore) -> None:
    """The store holds what these assets make."""
    assert store["report"] == "max 5.0, mean 2.75, sum 11.0"
    assert len(list(store.keys("flights/"))) == 2


def _job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    manager = AutoStoreIOManager(uri=os.environ["AUTOSTORE_URI"])
    job = dg.define_asset_job("on_workers", executor_def=executor)
    defs = dg.Definitions([flights, *statistics, report], jobs=[job], resources={"io_manager": manager})
    return defs.resolve_job_def("on_workers")


def on_celery() -> dg.JobDefinition:
    """What each worker imports for itself."""
    from dagster_celery import celery_executor

    return _job(celery_executor)


def on_dask() -> dg.JobDefinition:
    """What each worker imports for itself."""
    from dagster_dask import dask_executor

    return _job(dask_executor)


def start(executor: str, address: str) -> bool:
    """One run on the workers, in the instance of `DAGSTER_HOME`; whether it went well."""
    settings = {
        "celery": {"broker": address, "backend": address},
        "dask": {"cluster": {"existing": {"address": address}}},
    }[executor]
    job = dg.reconstructable({"celery": on_celery, "dask": on_dask}[executor])
    with (
        dg.DagsterInstance.get() as instance,
        dg.execute_job(job, instance, run_config={"execution": {"config": settings}}, tags=RANGE) as result,
    ):
        return result.success


if __name__ == "__main__":
    sys.exit(0 if start(*sys.argv[1:]) else 1)
