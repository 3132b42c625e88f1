"""Models: what they are called with, how large they are, and which features weigh most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autostore.preview import Cell, Fact, Preview, Rows
from autostore.previews.bounds import CELL, cell, clip

__all__ = ["estimator", "facts", "parameters"]

MOST = 40


def estimator(value: Any) -> Preview:
    """Class, parameters, and the steps of a pipeline."""
    found: dict[str, Fact] = {"estimator": type(value).__qualname__}
    features = getattr(value, "n_features_in_", None) if not hasattr(value, "steps") else None
    if isinstance(features, int):
        found["features"] = features
    steps = getattr(value, "steps", None)
    if isinstance(steps, list):
        rows = [{"step": clip(str(name), CELL), "estimator": cell(step)} for name, step in steps[:MOST]]
        return {**found, "steps": Rows(rows)}
    return found | parameters(value.get_params(deep=False))


def parameters(said: Mapping[str, Any]) -> dict[str, Fact]:
    """Name and value of each; of no secret, as models have none."""
    rows: list[Mapping[str, Cell]] = [
        {"parameter": clip(str(name), CELL), "value": cell(value)}
        for name, value in list(said.items())[:MOST]
        if value is not None
    ]
    return {"parameters": Rows(rows)} if rows else {}


def facts(pairs: Iterable[tuple[str, Any]]) -> dict[str, Fact]:
    """Those that a model says, numbers as numbers."""
    return {
        name: value if isinstance(value, int | float) else clip(str(value))
        for name, value in pairs
        if value is not None
    }
