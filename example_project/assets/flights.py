"""The raw tables: flights by month, and the small tables around them."""

from datetime import date

import dagster as dg
import polars as pl

from example_project.source import MISSING, flights_of_year, table_file

GROUP = "raw"

months = dg.MonthlyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01")


@dg.asset(group_name=GROUP, kinds={"polars"}, partitions_def=months, backfill_policy=dg.BackfillPolicy.single_run())
def flights(context: dg.AssetExecutionContext) -> dict[str, pl.DataFrame]:
    """Flights by month: one run reads the file once and writes each month to its own partition."""
    year = flights_of_year()
    return {key: year.filter(pl.col("month") == date.fromisoformat(key).month) for key in context.partition_keys}


@dg.asset(group_name=GROUP, kinds={"polars"})
def weather() -> pl.LazyFrame:
    """Hourly weather at the three airports: written by streaming, and read back lazy."""
    return pl.scan_csv(table_file("weather.csv"), null_values=MISSING, infer_schema_length=None)


@dg.asset(group_name=GROUP, kinds={"polars"})
def planes() -> pl.DataFrame:
    """Every plane by its tail number: year built, seats, engines."""
    return pl.read_csv(table_file("planes.csv"), null_values=MISSING, infer_schema_length=None)


@dg.asset(group_name=GROUP, kinds={"csv"}, metadata={"autostore/format": "csv"})
def airports() -> pl.DataFrame:
    """Airports by their code, as CSV, so that a spreadsheet opens them."""
    return pl.read_csv(table_file("airports.csv"), null_values=MISSING, infer_schema_length=None)


@dg.asset(group_name=GROUP, kinds={"json"})
def carriers() -> dict[str, str]:
    """The name of each airline by its code."""
    table = pl.read_csv(table_file("airlines.csv"))
    return dict(table.iter_rows())
