"""How `same` compares Pydantic's models: by their fields, private and extra ones too, and by which were set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer

__all__ = ["MODELS"]


def _same_model(first: Any, second: Any, again: Again) -> bool:
    names = ("__dict__", "__pydantic_private__", "__pydantic_extra__", "__pydantic_fields_set__")
    return all(again(getattr(first, name, None), getattr(second, name, None)) for name in names)


MODELS: Mapping[str, Comparer] = {"pydantic.BaseModel": _same_model}
