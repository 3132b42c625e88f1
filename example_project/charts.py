"""Charts as images: matplotlib draws without a window, and Pillow holds the result."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["calibration", "delay_by_hour"]


def delay_by_hour(hours: Sequence[int], shares: dict[str, Sequence[float]]) -> Image.Image:
    """The share of late flights by hour of the day, one line per airport."""
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    for name, share in shares.items():
        axes.plot(hours, share, marker="o", markersize=3, label=name)
    axes.set(title="Flights over 15 minutes late, 2013", xlabel="scheduled hour", ylabel="share, %")
    axes.legend(frameon=False)
    return _image(figure)


def calibration(predicted: np.ndarray, actual: np.ndarray, baseline: np.ndarray) -> Image.Image:
    """How far each tenth of the predictions is from the truth, beside the baseline."""
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    for name, values in (("model", predicted), ("baseline", baseline)):
        tenths = np.array_split(np.argsort(values, kind="stable"), 10)
        expected = [float(np.median(values[rows])) for rows in tenths]
        axes.plot(expected, [float(np.median(actual[rows])) for rows in tenths], marker="o", label=name)
    axes.axline((0, 0), slope=1, color="grey", linewidth=0.8, linestyle="--")
    axes.set(title="Held-out flights, in tenths by prediction", xlabel="predicted, min", ylabel="median delay, min")
    axes.legend(frameon=False)
    return _image(figure)


def _image(figure: Any) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
