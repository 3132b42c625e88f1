"""The built-in formats, one family a file; `formats.md` in the docs settles what each writes."""

from __future__ import annotations

from autostore.config import StorageConfig
from autostore.handler import DataHandler
from autostore.handlers.arrays import NpyHandler, NpzHandler
from autostore.handlers.binary import BytesHandler
from autostore.handlers.images import ImageHandler
from autostore.handlers.json import JSONHandler, JSONLinesHandler
from autostore.handlers.models import DataclassHandler, PydanticHandler
from autostore.handlers.pickles import PickleHandler
from autostore.handlers.sparse import SparseHandler
from autostore.handlers.tables.csv import CSVHandler
from autostore.handlers.tables.parquet import ParquetHandler
from autostore.handlers.tensors import TorchHandler
from autostore.handlers.text import TextHandler
from autostore.handlers.yaml import YAMLHandler

__all__ = ["builtin_handlers"]


def builtin_handlers(config: StorageConfig) -> list[DataHandler]:
    """A new set for one store; those whose files may hold code obey `config`."""
    return [
        ParquetHandler(),
        CSVHandler(),
        NpyHandler(),
        NpzHandler(),
        SparseHandler(),
        TorchHandler(config),
        ImageHandler(),
        PydanticHandler(config),
        DataclassHandler(config),
        TextHandler(),
        BytesHandler(),
        JSONLinesHandler(),
        JSONHandler(),
        YAMLHandler(),
        PickleHandler(config),
    ]
