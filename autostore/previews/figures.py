"""Figures: a thumbnail of what Matplotlib draws, and what the others are made of."""

from __future__ import annotations

import io
from typing import Any

from autostore.optional import require
from autostore.preview import Fact, Preview
from autostore.previews.bounds import CELL, clip
from autostore.previews.images import image

__all__ = ["altair_chart", "drawn", "plotly_figure"]

_WIDTH = 900


def drawn(value: Any) -> Preview:
    """The figure as a picture, drawn small."""
    target = io.BytesIO()
    width = max(float(value.get_figwidth()), 0.1)
    value.savefig(target, format="png", dpi=max(min(value.dpi, _WIDTH / width), 1))
    target.seek(0)
    with require("PIL.Image").open(target) as picture:
        return {"axes": len(value.axes), **image(picture)}


def plotly_figure(value: Any) -> Preview:
    """Title, and the kinds of its traces."""
    found: dict[str, Fact] = {"traces": len(value.data)}
    kinds = dict.fromkeys(str(trace.type) for trace in value.data[:100])
    if kinds:
        found["kinds"] = clip(", ".join(kinds), CELL)
    title = value.layout.title.text
    return {**found, "title": clip(str(title), CELL)} if title else found


def altair_chart(value: Any) -> Preview:
    """What kind of chart it is, its mark and its channels; its data are not looked at."""
    found: dict[str, Fact] = {"chart": type(value).__qualname__}
    mark: Any = getattr(value, "mark", None)
    if isinstance(mark, str) or hasattr(mark, "type"):
        found["mark"] = str(mark if isinstance(mark, str) else mark.type)
    encoding: Any = getattr(value, "encoding", None)
    channels = [name for name, said in vars(encoding).get("_kwds", {}).items() if said] if encoding is not None else []
    return {**found, "channels": clip(", ".join(channels), CELL)} if channels else found
