"""The types that travel through the pipeline, and come back from the store as themselves."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from pydantic import BaseModel

__all__ = ["GroupMedians", "ModelReport", "Score", "TrainingConfig"]


@dataclass(frozen=True)
class TrainingConfig:
    """How the model is trained.

    Attributes:
        held_out_days: the last days of each month, kept for validation.
        late_after_minutes: a flight that leaves later than this is late.
        hidden: width of the hidden layers.
        embedding: width of the embedding of carrier, origin and destination.
        epochs: passes over the training flights.
        batch_size: flights in a step.
        learning_rate: the highest rate of the one-cycle schedule.
        seed: of all random numbers, so that two runs agree.
    """

    held_out_days: int
    late_after_minutes: int
    hidden: int
    embedding: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int


class Score(BaseModel):
    """How far predictions are from the truth on flights that were never trained on.

    Attributes:
        name: of the model.
        mae_minutes: mean absolute error, minutes.
        rmse_minutes: root of the mean squared error, minutes.
        late_auc: how well it ranks flights over 15 minutes late above others (0.5: by chance).
    """

    name: str
    mae_minutes: float
    rmse_minutes: float
    late_auc: float


class ModelReport(BaseModel):
    """What the training came to."""

    model: Score
    baselines: list[Score]
    config: TrainingConfig
    training_flights: int
    validation_flights: int
    improvement_percent: float
    """How much smaller the model's mean absolute error is than the best baseline's."""


class GroupMedians:
    """A plain Python object, kept by pickle: predicts the median delay of a group's flights."""

    def __init__(self, by: list[str], overall: float, medians: pl.DataFrame) -> None:
        self.by = by
        self.overall = overall
        self.medians = medians

    @classmethod
    def fit(cls, flights: pl.DataFrame, by: list[str]) -> "GroupMedians":
        """Learn the medians of these flights' `dep_delay`."""
        delay = pl.col("dep_delay").median()
        overall = flights.select(delay).item()
        return cls(by, float(overall), flights.group_by(by).agg(delay.alias("median")).sort(by))

    def predict(self, flights: pl.DataFrame) -> np.ndarray:
        """The expected delay of each flight, minutes."""
        known = flights.select(self.by).join(self.medians, on=self.by, how="left", maintain_order="left")
        return known["median"].fill_null(self.overall).to_numpy().astype(np.float32)
