"""The model without PyTorch: a linear regression in NumPy under the same keys, for `AUTOSTORE_EXAMPLE_TORCH=0`."""

import dagster as dg
import numpy as np
from scipy import sparse

GROUP = "model"


@dg.asset(group_name=GROUP, kinds={"numpy"})
def delay_model(design_matrix: np.ndarray, one_hot: sparse.csr_matrix, targets: dict[str, np.ndarray]) -> np.ndarray:
    """The coefficients of a ridge regression on the flights of the training days."""
    train = targets["train"]
    columns = _columns(design_matrix, one_hot)[train]
    # Half a day's delay says little about the next flight; the cap keeps the fit close to the median.
    delay = np.clip(targets["delay"][train], -15, 30)
    gram = (columns.T @ columns).toarray() + np.eye(columns.shape[1])
    coefficients: np.ndarray = np.linalg.solve(gram, columns.T @ delay)
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
