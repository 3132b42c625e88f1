"""The model without PyTorch: a linear regression in NumPy under the same keys, for `AUTOSTORE_EXAMPLE_TORCH=0`."""

import dagster as dg
import numpy as np
from scipy import sparse

GROUP = "model"
ROUNDS = 8


@dg.asset(group_name=GROUP, kinds={"numpy"})
def delay_model(design_matrix: np.ndarray, one_hot: sparse.csr_matrix, targets: dict[str, np.ndarray]) -> np.ndarray:
    """The coefficients of a median regression on the flights of the training days.

    Least squares again and again, each flight weighted by one over its error: this comes
    close to the smallest absolute error, which a few delays of half a day do not rule.
    """
    train = targets["train"]
    columns, delay = _columns(design_matrix, one_hot)[train], targets["delay"][train]
    weights = np.ones(len(delay))
    for _ in range(ROUNDS):
        weighted = columns.multiply(weights[:, None]).tocsr()
        gram = (weighted.T @ columns).toarray() + 1e-3 * np.eye(columns.shape[1])
        coefficients: np.ndarray = np.linalg.solve(gram, weighted.T @ delay)
        weights = 1 / np.maximum(np.abs(columns @ coefficients - delay), 1.0)
    return coefficients


@dg.asset(group_name=GROUP, kinds={"numpy"})
def predictions(
    delay_model: np.ndarray, design_matrix: np.ndarray, one_hot: sparse.csr_matrix, targets: dict[str, np.ndarray]
) -> np.ndarray:
    """The prediction for every flight of the validation days, minutes."""
    held_out = ~targets["train"]
    predicted: np.ndarray = _columns(design_matrix, one_hot)[held_out] @ delay_model
    return predicted


def _columns(design_matrix: np.ndarray, one_hot: sparse.csr_matrix) -> sparse.csr_matrix:
    return sparse.hstack([sparse.csr_matrix(design_matrix, dtype=np.float64), one_hot], format="csr")
