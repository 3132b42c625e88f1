"""How `same` compares models: by what their own library writes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer

__all__ = ["LIGHTGBM", "ONNX", "TOKENIZERS", "XGBOOST"]


def _same_message(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True))


def _same_tokenizer(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.to_str() == second.to_str())


def _same_xgboost(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.save_raw("ubj") == second.save_raw("ubj"))


def _same_lightgbm(first: Any, second: Any, again: Again) -> bool:
    texts = (model.model_to_string(num_iteration=-1).partition("\nparameters:\n")[0] for model in (first, second))
    best = (max(model.best_iteration, 0) for model in (first, second))
    return again(*texts) and again(*best) and again(first.pandas_categorical, second.pandas_categorical)


ONNX: Mapping[str, Comparer] = {"onnx.ModelProto": _same_message}
TOKENIZERS: Mapping[str, Comparer] = {"tokenizers.Tokenizer": _same_tokenizer}
XGBOOST: Mapping[str, Comparer] = {"xgboost.Booster": _same_xgboost}
LIGHTGBM: Mapping[str, Comparer] = {"lightgbm.Booster": _same_lightgbm}
