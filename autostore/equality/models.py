"""How `same` compares Pydantic's models: by their fields, private and extra ones too, and by which were set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer
from autostore.equality.state import attributes, hidden_slots

__all__ = ["MODELS"]


def _same_model(first: Any, second: Any, again: Again) -> bool:
    # Its private, extra and set fields are slots of its base.
    return again(attributes(first), attributes(second)) and again(hidden_slots(first), hidden_slots(second))


MODELS: Mapping[str, Comparer] = {"pydantic.BaseModel": _same_model}
