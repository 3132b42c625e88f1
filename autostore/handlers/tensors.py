"""PyTorch: tensors, state dicts and modules.

Files are read weights-only first, which runs no code of the file's
(https://docs.pytorch.org/docs/stable/notes/serialization.html); in full only where the store allows pickles.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from autostore.config import StorageConfig
from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality.tensors import TENSORS
from autostore.errors import CorruptDataError, UnsupportedFormatError, UntrustedDataError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.checkpoints import compact, holds_tensors
from autostore.handlers.devices import moved_or_here
from autostore.handlers.signing import SigningKey, sign_file, strip_signature, verified
from autostore.headers import pickled as pickled_header
from autostore.headers.archives import opened
from autostore.headers.header import Header
from autostore.holding.descriptors import are_numbers_real
from autostore.optional import loaded_type, require

__all__ = ["TorchHandler"]

_TAKES_MEMORY = re.compile(rb"c\w+\nbytearray\n")

MAP_FROM = 16 * 1024 * 1024
"""Bytes; larger files are read by a private memory map: pages come when they are used, and go to a GPU directly."""


class TorchHandler(DataHandler):
    """Tensors, parameters, checkpoints and modules, as .pt and .pth."""

    types = "tensors, checkpoints (any nesting of plain values with tensors), modules"
    read_by = "PyTorch, weights-only"
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
        """Exact tensors and parameters, nestings of plain values with at least one of them, and any module."""
        if loaded_type("torch", "Tensor") is None:
            return False
        return holds_tensors(data) or _is_module(data)

    def in_bundle(self) -> TorchHandler:
        """One that reads weights only and signs nothing, whatever the store allows."""
        return TorchHandler(StorageConfig(allow_pickle=False))

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Dtype and shape of each tensor."""
        return pickled_header.checkpoint(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """What was saved, on its device, or on the CPU where that is missing."""
        if self._key is not None:
            # Checked and loaded from one copy in memory: nobody can change it in between.
            return self._load_checked(
                io.BytesIO(verified(read_whole(file_path, self.ceiling), file_extension, self._key))
            )
        with open(file_path, "rb") as file:
            is_zip = zipfile.is_zipfile(file)
            size = os.fstat(file.fileno()).st_size
            mapped = self.may_map and is_zip and size >= MAP_FROM and _name_of_open(file)
            if is_zip:
                _check_archive(file, self.ceiling, is_mapped=bool(mapped), is_trusted=self._allowed)
            else:
                self.ceiling.check(size, "The file")
            file.seek(0)
            if not is_zip:
                content = file.read()
                _check_calls([] if self._allowed else [content])
                return self._load(io.BytesIO(strip_signature(content)))
            if mapped:
                return self._load(mapped, mmap=True)
            return self._load(file)

    def _load_checked(self, file: io.BytesIO) -> Any:
        if zipfile.is_zipfile(file):
            _check_archive(file, self.ceiling, is_mapped=False, is_trusted=True)
        file.seek(0)
        return self._load(file)

    def _load(self, source: Any, mmap: bool = False) -> Any:
        # Said always: where it is not, `torch.utils.serialization.config` says it for the whole process.
        torch, options = require("torch"), {"map_location": _device_or_cpu, "mmap": mmap}
        try:
            return torch.load(source, weights_only=True, **options)
        except pickle.UnpicklingError as error:
            if not self._allowed:
                raise UntrustedDataError(
                    "The file holds more than tensors, and this store has allow_pickle=False. "
                    "Store a state_dict, or allow pickles where you trust the place."
                ) from error
            if not isinstance(source, str):
                source.seek(0)
            return torch.load(source, weights_only=False, **options)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Save, signed where the store has a key; whole modules only where pickles are allowed."""
        if _is_module(data) and not self._allowed:
            raise UntrustedDataError(
                "A module is a pickle, and this store has allow_pickle=False. Store module.state_dict() instead."
            )
        try:
            # A file of our own, because PyTorch tells of its own files' errors without their reason.
            with failing_disk_is_an_os_error(file_path), open(file_path, "wb") as file:
                require("torch").save(compact(data), file)
        except (pickle.PicklingError, AttributeError, TypeError, NotImplementedError, RecursionError) as error:
            let_pass(error)
            raise UnsupportedFormatError(
                f"PyTorch cannot save this {type(data).__qualname__}: {error}. "
                "Define its class at the top level of a module, or store its state_dict()."
            ) from error
        if self._key is not None:
            sign_file(file_path, file_extension, self._key)


def _name_of_open(file: Any) -> str | None:
    """A name for an open file, as PyTorch maps files by name and the path may name another version by now."""
    name = f"/proc/self/fd/{file.fileno()}"
    # Not Linux, or no file of the system's: it is read into memory.
    return name if are_numbers_real() and os.path.exists(name) else None


def _check_archive(file: BinaryIO, ceiling: Ceiling, *, is_mapped: bool, is_trusted: bool) -> None:
    """PyTorch writes its members as they are, which mapped take nothing, and reads packed ones too."""
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(info.filename.endswith("/constants.pkl") for info in members):
            raise UnsupportedFormatError(
                "The file is a program of TorchScript, no checkpoint. "
                "Read it with as_type=pathlib.Path and torch.jit.load."
            )
        taken = (info.file_size for info in members if not is_mapped or info.compress_type != zipfile.ZIP_STORED)
        ceiling.check(sum(taken), "The archive")
        if sum(info.compress_size for info in members) > size:
            raise CorruptDataError("The archive's members overlap. Look at it with as_type=bytes.")
        if not is_trusted:  # PyTorch finds the pickle in whatever case it is written
            _check_calls(opened(archive, info).read() for info in members if info.filename.lower().endswith("data.pkl"))


def _check_calls(pickles: Iterable[bytes]) -> None:
    """Refuse the one call that a weights-only reader makes for memory of any size, which no file of ours has."""
    if any(_TAKES_MEMORY.search(content) for content in pickles):
        raise UntrustedDataError(
            "The file makes a bytearray, of whatever size it says, and this store has allow_pickle=False. "
            "Store it without, or allow pickles where you trust the place."
        )


def _is_module(value: Any) -> bool:
    module = loaded_type("torch.nn", "Module")
    return module is not None and isinstance(value, module)


def _device_or_cpu(storage: Any, location: str) -> Any:
    """Where torch would put it; a file from a machine with a GPU still reads on one without."""
    restore = require("torch.serialization").default_restore_location
    return moved_or_here(lambda: restore(storage, location), storage, location)
