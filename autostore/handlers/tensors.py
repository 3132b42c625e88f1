"""PyTorch: tensors, state dicts and modules.

Files are read weights-only first, which runs no code of the file's
(https://docs.pytorch.org/docs/stable/notes/serialization.html); in full only where the store allows pickles.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

from autostore.config import StorageConfig
from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality.tensors import TENSORS
from autostore.errors import UnsupportedFormatError, UntrustedDataError
from autostore.handler import DataHandler
from autostore.handlers.signing import SigningKey, sign_file, strip_signature, verified
from autostore.optional import loaded_type, require

__all__ = ["TorchHandler"]


class TorchHandler(DataHandler):
    """Tensors, parameters, dicts of them and modules, as .pt and .pth."""

    equality = TENSORS
    requires = ("torch",)

    def __init__(self, config: StorageConfig) -> None:
        self._allowed = config.allow_pickle
        self._key = SigningKey.of(config.pickle_key)

    @property
    def extensions(self) -> list[str]:
        """A bare key gets .pt."""
        return [".pt", ".pth"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Exact tensors and parameters, non-empty dicts of str to them, and any module."""
        if loaded_type("torch", "Tensor") is None:
            return False
        if type(data) in (dict, collections.OrderedDict):
            return bool(data) and all(type(k) is str and _is_tensor(v) for k, v in data.items())
        return _is_tensor(data) or _is_module(data)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """What was saved, on its device, or on the CPU where that is missing."""
        if self._key is not None:
            # Checked and loaded from one copy in memory: nobody can change it in between.
            return self._load(io.BytesIO(verified(file_path.read_bytes(), file_extension, self._key)))
        with open(file_path, "rb") as file:
            is_zip = zipfile.is_zipfile(file)
            file.seek(0)
            return self._load(file if is_zip else io.BytesIO(strip_signature(file.read())))

    def _load(self, file: Any) -> Any:
        torch = require("torch")
        try:
            return torch.load(file, weights_only=True, map_location=_device_or_cpu)
        except pickle.UnpicklingError as error:
            if not self._allowed:
                raise UntrustedDataError(
                    "The file holds more than tensors, and this store has allow_pickle=False. "
                    "Store a state_dict, or allow pickles where you trust the place."
                ) from error
            file.seek(0)
            return torch.load(file, weights_only=False, map_location=_device_or_cpu)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Save, signed where the store has a key; whole modules only where pickles are allowed."""
        if _is_module(data) and not self._allowed:
            raise UntrustedDataError(
                "A module is a pickle, and this store has allow_pickle=False. Store module.state_dict() instead."
            )
        try:
            # A file of our own, because PyTorch tells of its own files' errors without their reason.
            with failing_disk_is_an_os_error(file_path), open(file_path, "wb") as file:
                require("torch").save(_compact(data), file)
        except (pickle.PicklingError, AttributeError, TypeError, NotImplementedError, RecursionError) as error:
            raise UnsupportedFormatError(
                f"PyTorch cannot save this {type(data).__qualname__}: {error}. "
                "Define its class at the top level of a module, or store its state_dict()."
            ) from error
        if self._key is not None:
            sign_file(file_path, file_extension, self._key)


def _is_tensor(value: Any) -> bool:
    tensor, parameter = loaded_type("torch", "Tensor"), loaded_type("torch.nn", "Parameter")
    return type(value) is tensor or (parameter is not None and type(value) is parameter)


def _is_module(value: Any) -> bool:
    module = loaded_type("torch.nn", "Module")
    return module is not None and isinstance(value, module)


def _compact(data: Any) -> Any:
    """The same with every view cloned, because a saved view takes all the storage it looks into."""
    if _is_tensor(data):
        return _compact_tensor(data)
    if not isinstance(data, dict):
        return data
    compact = type(data)((key, _compact_tensor(value)) for key, value in data.items())
    compact.__dict__.update(data.__dict__) if hasattr(data, "__dict__") else None
    return compact


def _compact_tensor(tensor: Any) -> Any:
    torch = require("torch")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        return tensor
    if tensor.untyped_storage().nbytes() <= tensor.numel() * tensor.element_size():
        return tensor
    clone = tensor.detach().clone()
    if type(tensor) is not torch.Tensor:
        return type(tensor)(clone, requires_grad=tensor.requires_grad)
    return clone.requires_grad_(tensor.requires_grad)


def _device_or_cpu(storage: Any, location: str) -> Any:
    """Where torch would put it; a file from a machine with a GPU still reads on one without."""
    try:
        return require("torch.serialization").default_restore_location(storage, location)
    except RuntimeError:
        return storage
