"""Models that libraries have learned, each in its own library's file."""

from __future__ import annotations

from autostore.handler import DataHandler
from autostore.handlers.learned.estimators import EstimatorHandler, NamedEstimatorHandler
from autostore.handlers.learned.lightgbm import LightGBMHandler
from autostore.handlers.learned.onnx import OnnxHandler
from autostore.handlers.learned.tokenizers import TokenizerHandler
from autostore.handlers.learned.xgboost import XGBoostHandler

__all__ = ["learned"]


def learned() -> list[DataHandler]:
    """A new set of their handlers."""
    boosters = [XGBoostHandler(), LightGBMHandler()]
    return [EstimatorHandler(), NamedEstimatorHandler(), *boosters, OnnxHandler(), TokenizerHandler()]
