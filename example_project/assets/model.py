"""The model: a small PyTorch network that predicts how late a flight leaves, and its predictions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import numpy as np
import torch
from scipy import sparse
from torch import nn

from example_project.schema import TrainingConfig

GROUP = "model"


class DelayNetwork(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Numbers and the embedding of three categories through two hidden layers, to minutes."""

    def __init__(self, numbers: int, categories: int, config: TrainingConfig) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(categories, config.embedding, mode="sum")
        self.layers = nn.Sequential(
            nn.Linear(numbers + config.embedding, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 1),
        )

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """The expected delay of each flight, minutes."""
        together = torch.cat([numbers, self.embedding(categories)], dim=1)
        return 20 * self.layers(together).squeeze(1)


@dataclass(frozen=True)
class Flights:
    """Flights as tensors: numbers (flights x numbers), columns of their categories (flights x 3), minutes late."""

    numbers: torch.Tensor
    categories: torch.Tensor
    delay: torch.Tensor

    @classmethod
    def of(cls, matrix: np.ndarray, one_hot: sparse.csr_matrix, delay: np.ndarray) -> "Flights":
        """Tensors of the stored arrays, without copies where they can be shared."""
        # Each row of the one-hot matrix has the same number of ones: their columns are the embedding's input.
        categories = one_hot.indices.reshape(one_hot.shape[0], -1).astype(np.int64)
        return cls(torch.from_numpy(matrix), torch.from_numpy(categories), torch.from_numpy(delay))

    def take(self, rows: np.ndarray | torch.Tensor) -> "Flights":
        """Some of them: by position, or by a mask."""
        rows = torch.as_tensor(rows)
        return Flights(self.numbers[rows], self.categories[rows], self.delay[rows])


@dg.multi_asset(
    group_name=GROUP,
    outs={
        "delay_model": dg.AssetOut(kinds={"pytorch"}, description="The trained network, as itself."),
        "training_history": dg.AssetOut(kinds={"json"}, description="The error after each epoch, as JSON lines."),
    },
)
def training(
    context: dg.AssetExecutionContext,
    design_matrix: np.ndarray,
    one_hot: sparse.csr_matrix,
    targets: dict[str, np.ndarray],
    training_config: TrainingConfig,
) -> tuple[DelayNetwork, list[dict[str, Any]]]:
    """Train on the flights of the training days, and watch the error on the others."""
    torch.manual_seed(training_config.seed)
    torch.set_num_threads(1)  # steps this small lose more by waiting for each other than they gain
    flights = Flights.of(design_matrix, one_hot, targets["delay"])
    train, held_out = flights.take(targets["train"]), flights.take(~targets["train"])
    network = DelayNetwork(design_matrix.shape[1], one_hot.shape[1], training_config)
    history = []
    for epoch, error in enumerate(_epochs(network, train, training_config), start=1):
        unseen = (_predict(network, held_out) - held_out.delay).abs().mean().item()
        history.append({"epoch": epoch, "training_mae": error, "validation_mae": unseen})
        context.log.info("epoch %s: off by %.2f minutes in training, %.2f in validation", epoch, error, unseen)
    return network, history


@dg.asset(group_name=GROUP, kinds={"pytorch"})
def predictions(
    delay_model: DelayNetwork, design_matrix: np.ndarray, one_hot: sparse.csr_matrix, targets: dict[str, np.ndarray]
) -> torch.Tensor:
    """The network's prediction for every flight of the validation days, minutes."""
    return _predict(delay_model, Flights.of(design_matrix, one_hot, targets["delay"]).take(~targets["train"]))


def _epochs(network: DelayNetwork, flights: Flights, config: TrainingConfig) -> Iterator[float]:
    """Train by the absolute error, and yield its mean (minutes) over each epoch."""
    count = len(flights.delay)
    steps = -(-count // config.batch_size) * config.epochs
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
    for _ in range(config.epochs):
        network.train()
        total = 0.0
        for rows in torch.randperm(count).split(config.batch_size):
            batch = flights.take(rows)
            loss = (network(batch.numbers, batch.categories) - batch.delay).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        yield total / count


def _predict(network: DelayNetwork, flights: Flights) -> torch.Tensor:
    network.eval()
    with torch.no_grad():
        parts = zip(flights.numbers.split(16384), flights.categories.split(16384), strict=True)
        return torch.cat([network(*part) for part in parts])
