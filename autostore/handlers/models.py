"""Pydantic models and dataclasses: JSON that any tool reads, with the type recorded inside.

A value is written only if reading it back gives an equal one, so that secrets, private
fields, changing validators and subclasses in fields are never lost silently.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from pathlib import Path
from typing import Any, BinaryIO

from autostore.config import StorageConfig
from autostore.equality.models import MODELS
from autostore.errors import CorruptDataError, UnsupportedFormatError, UntrustedDataError
from autostore.handler import DataHandler
from autostore.handlers.envelope import open_envelope, seal_envelope
from autostore.handlers.fitting import checked, no_type, spelled
from autostore.handlers.json import read_json
from autostore.handlers.names import find_class, name_class
from autostore.handlers.tables.made import frame_asked_for, made
from autostore.handlers.validated import data_of, reasons, validate, value_of
from autostore.headers import texts as texts_header
from autostore.headers.header import Header
from autostore.optional import loaded_type, require
from autostore.preview import Preview
from autostore.previews.records import model, record

__all__ = ["DataclassHandler", "PydanticHandler"]


class _ModelHandler(DataHandler):
    """What models and dataclasses share: the envelope, and Pydantic's validation."""

    requires = ("pydantic",)

    def __init__(self, config: StorageConfig) -> None:
        self._may_import = config.allow_pickle and config.pickle_key is None

    @property
    def priority(self) -> int:
        """Above JSON; a model may also be a mapping."""
        return 9

    def in_bundle(self) -> None:
        """Never: it stands in the bundle's own JSON."""

    @abstractmethod
    def _is_family(self, cls: type) -> bool:
        """Whether a class that a file names may be instantiated by this handler."""

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The class that the file names."""
        return texts_header.enveloped(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """An instance of the class that the file names."""
        return self._decode(read_json(file_path, self.ceiling))

    def _decode(self, text: str) -> Any:
        type_name, data, unset = open_envelope(text)
        if type_name is None:
            raise CorruptDataError("The file names no type. Pass as_type= to say which class to read, or dict.")
        cls = find_class(type_name, may_import=self._may_import)
        if not self._is_family(cls):
            raise UntrustedDataError(
                f"The file names {type_name}, which is not a class that {self.extensions[0]} files hold. "
                "Pass as_type= to say which class to read."
            )
        return value_of(cls, data, unset)

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The data validated into `as_type`, whatever class the file names; dict gives the fields."""
        if as_type in (Any, object):
            return self.read_from_file(file_path, file_extension)
        _, data, _ = open_envelope(read_json(file_path, self.ceiling))
        if as_type is dict and type(data) is dict:
            return data
        if kind := frame_asked_for(as_type):
            return made(data, kind)
        pydantic = require("pydantic")
        try:
            return checked(
                lambda: validate(as_type, data),
                lambda error: UnsupportedFormatError(
                    f"The data does not fit {spelled(as_type)}: {reasons(error)}. Pass as_type=dict for its fields."
                ),
            )
        except pydantic.errors.PydanticUserError as error:
            raise no_type(as_type, error) from error

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the envelope, if it reads back equal."""
        type_name = name_class(type(data))
        text, unset = data_of(data)
        with open(file_path, "wb") as file:
            file.write(seal_envelope(type_name, text, unset).encode("utf-8"))


class PydanticHandler(_ModelHandler):
    """Instances of `pydantic.BaseModel` as .pydantic.json."""

    types = "models of Pydantic"
    read_by = "readers of JSON"
    equality = MODELS

    @property
    def extensions(self) -> list[str]:
        """Only .pydantic.json."""
        return [".pydantic.json"]

    def can_handle_data(self, data: Any) -> bool:
        """Any instance of a model."""
        base = loaded_type("pydantic", "BaseModel")
        return base is not None and isinstance(data, base)

    def preview(self, data: Any) -> Preview:
        """The fields that its repr shows."""
        return model(data)

    def _is_family(self, cls: type) -> bool:
        return issubclass(cls, require("pydantic").BaseModel)


class DataclassHandler(_ModelHandler):
    """Instances of dataclasses as .dataclass.json."""

    types = "dataclasses"
    read_by = "readers of JSON"

    @property
    def extensions(self) -> list[str]:
        """Only .dataclass.json."""
        return [".dataclass.json"]

    def can_handle_data(self, data: Any) -> bool:
        """Any instance of a dataclass."""
        return dataclasses.is_dataclass(data) and not isinstance(data, type)

    def preview(self, data: Any) -> Preview:
        """The fields that its repr shows."""
        return record(data)

    def _is_family(self, cls: type) -> bool:
        return dataclasses.is_dataclass(cls)
