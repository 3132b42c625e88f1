"""Features: what is known of a flight before it leaves, first as tables by month, then as matrices."""

import dagster as dg
import numpy as np
import polars as pl
from scipy import sparse

from example_project.assets.flights import months
from example_project.schema import TrainingConfig

GROUP = "features"

NUMBERS = [
    "distance", "hour", "recent_delay", "scheduled_then", "plane_age", "seats",
    "temp", "humid", "wind_speed", "precip", "pressure", "visib",
]  # fmt: skip
CATEGORIES = ["carrier", "origin", "dest"]

# A column is as good as absent where an input may cover months that were never materialized.
EVERY_MONTH = {"allow_missing_partitions": True}


@dg.asset(group_name=GROUP, kinds={"polars"}, partitions_def=months, backfill_policy=dg.BackfillPolicy.single_run())
def flight_features(
    flights: dict[str, pl.DataFrame], weather: pl.LazyFrame, planes: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Each month's flights that left, with the weather of their hour, their plane, and the airport's delays so far."""
    sky = weather.select("origin", "time_hour", *NUMBERS[6:]).unique(["origin", "time_hour"]).collect()
    fleet = planes.select("tailnum", "seats", (2013 - pl.col("year")).alias("plane_age"))
    return {month: _features(table, sky, fleet) for month, table in flights.items()}


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": [*NUMBERS, "month"]})},
)
def design_matrix(flight_features: pl.DataFrame) -> np.ndarray:
    """The numbers of all months, each scaled to mean 0 and deviation 1, and the time of day and year as circles."""
    table = flight_features.with_columns(pl.col(NUMBERS).cast(pl.Float64).fill_null(strategy="mean").fill_null(0.0))
    numbers = table.select(NUMBERS).to_numpy()
    scaled = (numbers - numbers.mean(axis=0)) / np.maximum(numbers.std(axis=0), 1e-9)
    angles = [table["hour"].to_numpy() / 24, table["month"].to_numpy() / 12]
    circles = [wave(2 * np.pi * angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.column_stack([scaled, *circles]).astype(np.float32)


@dg.asset(
    group_name=GROUP,
    kinds={"scipy"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": CATEGORIES})},
)
def one_hot(flight_features: pl.DataFrame) -> sparse.csr_matrix:
    """Carrier, origin and destination: a one in three columns of each row, nothing elsewhere."""
    columns, width = [], 0
    for name in CATEGORIES:
        codes = flight_features[name].rank("dense").to_numpy().astype(np.int64) - 1
        columns.append(codes + width)
        width += int(codes.max()) + 1
    positions = np.column_stack(columns)
    rows = np.repeat(np.arange(len(positions)), len(CATEGORIES))
    ones = np.ones(positions.size, dtype=np.float32)
    return sparse.csr_matrix((ones, (rows, positions.ravel())), shape=(len(positions), width))


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": ["dep_delay", "day", "days_in_month"]})},
)
def targets(flight_features: pl.LazyFrame, training_config: TrainingConfig) -> dict[str, np.ndarray]:
    """The delay of every flight, and which flights are trained on: all but the last days of each month."""
    train = pl.col("day") <= pl.col("days_in_month") - training_config.held_out_days
    table = flight_features.select(pl.col("dep_delay").cast(pl.Float32), train.alias("train")).collect()
    return {"delay": table["dep_delay"].to_numpy(), "train": table["train"].to_numpy()}


def _features(flights: pl.DataFrame, sky: pl.DataFrame, fleet: pl.DataFrame) -> pl.DataFrame:
    time = pl.col("time_hour").str.to_datetime(time_zone="UTC")
    left = flights.filter(pl.col("dep_delay").is_not_null()).with_columns(time.alias("time"))
    then = _airport_by_hour(flights.with_columns(time.alias("time")))
    return (
        left.join(sky, on=["origin", "time_hour"], how="left", maintain_order="left")
        .join(fleet, on="tailnum", how="left", maintain_order="left")
        .join(then, on=["origin", "time"], how="left", maintain_order="left")
        .with_columns(
            pl.date(2013, pl.col("month"), 1).dt.month_end().dt.day().alias("days_in_month"),
            pl.col("recent_delay").fill_null(0.0),
        )
        .sort("time", "origin", "carrier", "flight")
        .select("month", "day", "days_in_month", "flight", "tailnum", *CATEGORIES, *NUMBERS, "dep_delay", "time")
    )


def _airport_by_hour(flights: pl.DataFrame) -> pl.DataFrame:
    """Flights scheduled in each hour, and how late those scheduled three hours before it were.

    Their delay is capped at two hours: what is known when the hour begins, and no more.
    """
    by_hour = flights.group_by("origin", "time").agg(
        pl.len().alias("scheduled_then"), pl.col("dep_delay").clip(upper_bound=120).mean().alias("recent_delay")
    )
    earlier = by_hour.select("origin", pl.col("time").dt.offset_by("3h"), "recent_delay")
    return by_hour.drop("recent_delay").join(earlier, on=["origin", "time"], how="left")
