"""A small pipeline for Dagster's Celery executor, and the process that starts it: `python -m ... BROKER`."""

import os
import sys

import dagster as dg
import polars as pl
from dagster_celery import celery_executor

from autostore_dagster import AutoStoreIOManager

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-03")
RANGE = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-02"}


@dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def flights(context: dg.AssetExecutionContext) -> dict[str, pl.DataFrame]:
    """A table for each day."""
    return {day: pl.DataFrame({"delay": [number, 5]}) for number, day in enumerate(context.partition_keys)}


def _statistic(name: str) -> dg.AssetsDefinition:
    @dg.asset(name=name)
    def statistic(flights: pl.LazyFrame) -> dict[str, float]:
        return {name: float(flights.select(getattr(pl.col("delay"), name)()).collect().item())}

    return statistic


NAMES = ("max", "mean", "sum")
statistics = [_statistic(name) for name in NAMES]


@dg.asset(ins={name: dg.AssetIn(name) for name in NAMES})
def report(**found: dict[str, float]) -> str:
    """What all of them say."""
    return ", ".join(f"{name} {found[name][name]}" for name in sorted(found))


def on_celery() -> dg.JobDefinition:
    """What each worker imports for itself."""
    job = dg.define_asset_job("on_celery", executor_def=celery_executor)
    manager = AutoStoreIOManager(uri=os.environ["AUTOSTORE_URI"])
    defs = dg.Definitions([flights, *statistics, report], jobs=[job], resources={"io_manager": manager})
    return defs.resolve_job_def("on_celery")


def start(broker: str) -> bool:
    """One run on the workers, in the instance of `DAGSTER_HOME`; whether it went well."""
    config = {"execution": {"config": {"broker": broker, "backend": broker}}}
    with dg.DagsterInstance.get() as instance:
        job = dg.reconstructable(on_celery)
        with dg.execute_job(job, instance, run_config=config, tags=RANGE) as result:
            return result.success


if __name__ == "__main__":
    sys.exit(0 if start(sys.argv[1]) else 1)
