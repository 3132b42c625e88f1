"""The report: figures of the model and its baselines, the worst delays, charts, and pages to read."""

import base64
import html
import io
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from PIL import Image

from example_project import charts
from example_project.assets.features import EVERY_MONTH
from example_project.schema import GroupMedians, ModelReport, Score, TrainingConfig

GROUP = "report"

KNOWN = ["origin", "carrier", "hour"]
SUMMARY = """\
# How late will a flight leave New York?

Trained on {report.training_flights:,} flights of 2013, judged on the {report.validation_flights:,} of the last
{report.config.held_out_days} days of each month: off by {report.improvement_percent} % less than the best baseline.

| | mean error, min | RMSE, min | AUC of being late |
|---|---|---|---|
{figures}

| latest departures | flight | from, to |
|---|---|---|
{latest}
"""

PAGE = """\
<!doctype html>
<meta charset="utf-8">
<title>Delays of 2013</title>
<style>body {{ font: 16px sans-serif; max-width: 50em; margin: 2em auto }} img {{ max-width: 100% }}</style>
<pre>{summary}</pre>
{images}
"""

WORST = ["time", "carrier", "flight", "tailnum", "origin", "dest", "dep_delay"]


@dg.asset(
    group_name=GROUP,
    kinds={"python"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": [*KNOWN, "dep_delay"]})},
)
def baseline(flight_features: pl.DataFrame, targets: dict[str, np.ndarray]) -> GroupMedians:
    """The baseline to beat: the median delay of the same airline, airport and hour of the day."""
    return GroupMedians.fit(flight_features.filter(targets["train"]), by=KNOWN)


@dg.asset(
    group_name=GROUP,
    kinds={"numpy"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": KNOWN})},
)
def baseline_predictions(
    flight_features: pl.DataFrame, baseline: GroupMedians, targets: dict[str, np.ndarray]
) -> np.ndarray:
    """What the baseline says of the flights of the validation days, minutes."""
    return baseline.predict(flight_features.filter(~targets["train"]))


@dg.asset(group_name=GROUP, kinds={"pydantic"})
def model_report(
    predictions: Any,
    baseline: GroupMedians,
    baseline_predictions: np.ndarray,
    targets: dict[str, np.ndarray],
    training_config: TrainingConfig,
) -> ModelReport:
    """How good the model is on days it never saw, and how much better than the baselines."""
    held_out = ~targets["train"]
    actual, late = targets["delay"][held_out], training_config.late_after_minutes
    constant = np.full(len(actual), baseline.overall)
    model = _score("model", np.asarray(predictions), actual, late)
    baselines = [
        _score("median of all flights", constant, actual, late),
        _score("median of airline, airport and hour", baseline_predictions, actual, late),
    ]
    best = min(score.mae_minutes for score in baselines)
    return ModelReport(
        model=model,
        baselines=baselines,
        config=training_config,
        training_flights=int(targets["train"].sum()),
        validation_flights=int(held_out.sum()),
        improvement_percent=round(100 * (1 - model.mae_minutes / best), 2),
    )


@dg.asset_check(asset=model_report)
def beats_the_baseline(model_report: ModelReport) -> dg.AssetCheckResult:
    """The model is off by less than every baseline."""
    best = min(score.mae_minutes for score in model_report.baselines)
    metadata = {"model": model_report.model.mae_minutes, "best_baseline": best}
    return dg.AssetCheckResult(passed=model_report.model.mae_minutes < best, metadata=metadata)


@dg.asset(
    group_name=GROUP,
    kinds={"json"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": WORST})},
)
def worst_delays(
    flight_features: pl.LazyFrame, carriers: dict[str, str], airports: pl.DataFrame
) -> list[dict[str, Any]]:
    """The 50 latest departures of the year, with the names of airline and destination, as JSON lines."""
    names = airports.lazy().select(pl.col("faa").alias("dest"), pl.col("name").alias("destination"))
    # Every column that tells two flights apart, so that equal delays have one order on every machine.
    order = ["dep_delay", "time", "carrier", "flight", "origin", "dest"]
    worst = flight_features.sort(order, descending=True).head(50).join(names, on="dest", how="left")
    table = worst.with_columns(
        pl.col("carrier").replace(carriers).alias("airline"),
        pl.col("time").dt.strftime("%Y-%m-%d %H:%M UTC"),
    )
    return table.sort(order, descending=True).collect().to_dicts()


@dg.asset(
    group_name=GROUP,
    kinds={"image"},
    ins={"flight_features": dg.AssetIn(metadata={**EVERY_MONTH, "columns": ["origin", "hour", "dep_delay"]})},
)
def delay_chart(flight_features: pl.LazyFrame, training_config: TrainingConfig) -> Image.Image:
    """The share of late flights by hour of the day, for each airport."""
    late = (100 * (pl.col("dep_delay") > training_config.late_after_minutes).mean()).alias("late")
    table = flight_features.group_by("origin", "hour").agg(late).collect().pivot("origin", index="hour", values="late")
    table = table.sort("hour")
    return charts.delay_by_hour(
        table["hour"].to_list(), {name: table[name].to_list() for name in sorted(table.columns[1:])}
    )


@dg.asset(group_name=GROUP, kinds={"image"})
def calibration_chart(
    predictions: Any, baseline_predictions: np.ndarray, targets: dict[str, np.ndarray]
) -> Image.Image:
    """Whether flights that the model expects late are late."""
    return charts.calibration(np.asarray(predictions), targets["delay"][~targets["train"]], baseline_predictions)


@dg.asset(group_name=GROUP, kinds={"markdown"}, metadata={"autostore/format": "md"})
def summary(model_report: ModelReport, worst_delays: list[dict[str, Any]]) -> str:
    """The report for people, as Markdown."""
    scores = [model_report.model, *model_report.baselines]
    figures = [f"| {s.name} | {s.mae_minutes:.2f} | {s.rmse_minutes:.2f} | {s.late_auc:.3f} |" for s in scores]
    latest = [
        f"| {row['dep_delay'] / 60:.1f} h | {row['airline']} {row['flight']} | {row['origin']}, {row['destination']} |"
        for row in worst_delays[:5]
    ]
    return SUMMARY.format(report=model_report, figures="\n".join(figures), latest="\n".join(latest))


@dg.asset(group_name=GROUP, kinds={"html"}, metadata={"autostore/format": "html"})
def report_page(summary: str, delay_chart: Image.Image, calibration_chart: Image.Image) -> str:
    """One page with the summary and both charts inside, to open in a browser."""
    images = [f'<img alt="" src="data:image/png;base64,{_png(chart)}">' for chart in (delay_chart, calibration_chart)]
    return PAGE.format(summary=html.escape(summary), images="\n".join(images))


def _score(name: str, predicted: np.ndarray, actual: np.ndarray, late_after: float) -> Score:
    off = predicted.astype(np.float64) - actual
    return Score(
        name=name,
        mae_minutes=round(float(np.abs(off).mean()), 4),
        rmse_minutes=round(float(np.sqrt((off**2).mean())), 4),
        late_auc=round(_auc(predicted, actual > late_after), 4),
    )


def _auc(predicted: np.ndarray, late: np.ndarray) -> float:
    """The chance that a late flight is ranked above another one; ties count half."""
    ranks = pl.Series(predicted).rank("average").to_numpy()
    positive, negative = int(late.sum()), int((~late).sum())
    if not positive or not negative:
        return 0.5
    return float((ranks[late].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
