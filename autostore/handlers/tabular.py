"""The formats of tables, of the texts that may hold one, of expressions over them, and of arrays with coordinates."""

from __future__ import annotations

from autostore.handler import DataHandler
from autostore.handlers.expressions import ExpressionHandler
from autostore.handlers.grids import grids
from autostore.handlers.packed import PackedJSONHandler, PackedTableHandler
from autostore.handlers.tables.avro.handler import AvroHandler
from autostore.handlers.tables.csv import CSVHandler
from autostore.handlers.tables.geojson import GeoJSONHandler
from autostore.handlers.tables.ipc import ArrowHandler
from autostore.handlers.tables.lines import FrameLinesHandler
from autostore.handlers.tables.parquet import ParquetHandler
from autostore.handlers.tables.xlsx.handler import ExcelHandler

__all__ = ["tables"]


def tables() -> list[DataHandler]:
    """A new set for one store."""
    by_name = [PackedTableHandler(), PackedJSONHandler(), ExcelHandler(), GeoJSONHandler()]
    return [
        ParquetHandler(),
        ArrowHandler(),
        AvroHandler(),
        CSVHandler(),
        FrameLinesHandler(),
        *by_name,
        ExpressionHandler(),
        *grids(),
    ]
