"""Models: what they are called with, how large they are, and which features weigh most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.preview import Cell, Fact, Preview, Rows
from autostore.previews.bounds import CELL, cell, clip

__all__ = ["estimator", "lightgbm_booster", "onnx_model", "parameters", "tokenizer", "xgboost_booster"]

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


def onnx_model(value: Any) -> Preview:
    """Inputs, outputs, and how many nodes and weights there are."""
    graph = value.graph
    found: dict[str, Fact] = {"nodes": len(graph.node), "initializers": len(graph.initializer)}
    for name, ends in (("inputs", graph.input), ("outputs", graph.output)):
        if len(ends):
            found[name] = clip(", ".join(end.name for end in list(ends)[:MOST]))
    kinds = dict.fromkeys(node.op_type for node in list(graph.node)[:10_000])
    return {**found, "operators": clip(", ".join(kinds))} if kinds else found


def tokenizer(value: Any) -> Preview:
    """The size of its vocabulary, and the kinds of its parts."""
    found: dict[str, Fact] = {"vocabulary": value.get_vocab_size(), "model": type(value.model).__name__}
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        part = getattr(value, name)
        if part is not None:
            found[name] = type(part).__name__
    return found


def xgboost_booster(value: Any) -> Preview:
    """Rounds and features, and what those that are used most gain."""
    found: dict[str, Fact] = {"rounds": value.num_boosted_rounds(), "features": value.num_features()}
    return found | _heaviest(value.get_score(importance_type="weight"))


def lightgbm_booster(value: Any) -> Preview:
    """Trees and features, and how often those that are used most are."""
    found: dict[str, Fact] = {"trees": value.num_trees(), "features": value.num_feature()}
    weights = dict(zip(value.feature_name(), map(int, value.feature_importance()), strict=True))
    return found | _heaviest(weights)


def _heaviest(weights: Mapping[str, Any]) -> dict[str, Fact]:
    order = sorted(weights.items(), key=lambda item: -item[1])[:MOST]
    rows = [{"feature": clip(name, CELL), "splits": cell(weight)} for name, weight in order if weight]
    return {"used most": Rows(rows)} if rows else {}
