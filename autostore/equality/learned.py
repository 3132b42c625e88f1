"""How `same` compares models: by what their own library writes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer

__all__ = ["ONNX", "TOKENIZERS"]


def _same_message(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True))


def _same_tokenizer(first: Any, second: Any, _again: Again) -> bool:
    return bool(first.to_str() == second.to_str())


ONNX: Mapping[str, Comparer] = {"onnx.ModelProto": _same_message}
TOKENIZERS: Mapping[str, Comparer] = {"tokenizers.Tokenizer": _same_tokenizer}
