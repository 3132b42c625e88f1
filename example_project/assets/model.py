"""The model: a small PyTorch network that predicts how late a flight leaves, and its predictions."""

from typing import Any

import dagster as dg
import numpy as np
import torch
from scipy import sparse
from torch import nn

from example_project.schema import TrainingConfig

GROUP = "model"


class DelayNetwork(nn.Module):
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
    """Train by the absolute error, in minutes, on the flights of the training days."""
    torch.manual_seed(training_config.seed)
    numbers, categories, delay = _tensors(design_matrix, one_hot, targets["delay"])
    train = torch.from_numpy(np.flatnonzero(targets["train"]))
    held_out = torch.from_numpy(np.flatnonzero(~targets["train"]))
    network = DelayNetwork(numbers.shape[1], one_hot.shape[1], training_config)
    history = []
    for epoch, loss in enumerate(_epochs(network, numbers, categories, delay, train, training_config), start=1):
        error = (_predict(network, numbers[held_out], categories[held_out]) - delay[held_out]).abs().mean().item()
        history.append({"epoch": epoch, "training_mae": loss, "validation_mae": error})
        context.log.info(f"epoch {epoch}: off by {loss:.2f} minutes in training, {error:.2f} in validation")
    return network, history


@dg.asset(group_name=GROUP, kinds={"pytorch"})
def predictions(
    delay_model: DelayNetwork, design_matrix: np.ndarray, one_hot: sparse.csr_matrix, targets: dict[str, np.ndarray]
) -> torch.Tensor:
    """The network's prediction for every flight of the validation days, minutes."""
    held_out = ~targets["train"]
    numbers, categories, _ = _tensors(design_matrix[held_out], one_hot[held_out], targets["delay"][held_out])
    return _predict(delay_model, numbers, categories)


def _tensors(numbers: np.ndarray, one_hot: sparse.csr_matrix, delay: np.ndarray) -> tuple[torch.Tensor, ...]:
    # Each row of the one-hot matrix has the same number of ones: their columns are the embedding's input.
    categories = one_hot.indices.reshape(one_hot.shape[0], -1).astype(np.int64)
    return torch.from_numpy(numbers), torch.from_numpy(categories), torch.from_numpy(delay)


def _epochs(network, numbers, categories, delay, train, config: TrainingConfig):  # type: ignore[no-untyped-def]
    """Train, and yield the mean absolute error of each epoch."""
    batches = -(-len(train) // config.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=batches * config.epochs)
    for _ in range(config.epochs):
        network.train()
        total = 0.0
        for rows in train[torch.randperm(len(train))].split(config.batch_size):
            loss = (network(numbers[rows], categories[rows]) - delay[rows]).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        yield total / len(train)


@torch.no_grad()
def _predict(network: DelayNetwork, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
    network.eval()
    parts = zip(numbers.split(16384), categories.split(16384), strict=True)
    return torch.cat([network(*part) for part in parts])
