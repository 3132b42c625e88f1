"""Arrays with named dimensions, coordinates and attributes: xarray's datasets."""

from __future__ import annotations

from autostore.handler import DataHandler
from autostore.handlers.grids.handler import NetCDFHandler, XarrayHandler

__all__ = ["grids"]


def grids() -> list[DataHandler]:
    """A new set for one store."""
    return [XarrayHandler(), NetCDFHandler()]
