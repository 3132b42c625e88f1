"""How `same` compares figures of Plotly and Altair: by the JSON from which they are drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autostore.equality.families import Again, Comparer

__all__ = ["ALTAIR", "PLOTLY"]


def _same_json(first: Any, second: Any, _again: Again) -> bool:
    return bool(json.loads(first.to_json()) == json.loads(second.to_json()))


PLOTLY: Mapping[str, Comparer] = {"plotly.basedatatypes.BaseFigure": _same_json}
ALTAIR: Mapping[str, Comparer] = {"altair.TopLevelMixin": _same_json}
