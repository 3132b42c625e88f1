"""Figures: those that say what they are made of come back, the others are drawn, and come back as what was drawn."""

from __future__ import annotations

from autostore.handler import DataHandler
from autostore.handlers.figures.described import AltairHandler, PlotlyHandler
from autostore.handlers.figures.drawn import DrawnHandler, PageHandler

__all__ = ["figures"]


def figures() -> list[DataHandler]:
    """A new set of their handlers."""
    return [PlotlyHandler(), AltairHandler(), DrawnHandler(), PageHandler()]
