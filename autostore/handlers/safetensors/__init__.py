"""Tensors of NumPy, PyTorch and JAX by name, as .safetensors: no code, no pickle, and every library reads it."""

from __future__ import annotations

from autostore.config import StorageConfig
from autostore.handler import DataHandler
from autostore.handlers.safetensors.handler import DeviceHandler, SafetensorsHandler

__all__ = ["weights"]


def weights(config: StorageConfig) -> list[DataHandler]:
    """What a value chooses, and what only a name does."""
    return [DeviceHandler(config), SafetensorsHandler(config)]
