"""Pydantic models and dataclasses: JSON that any tool reads, with the type recorded inside.

A value is written only if reading it back gives an equal one, so that secrets, private
fields, changing validators and subclasses in fields are never lost silently.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from abc import abstractmethod
from pathlib import Path
from typing import Any

from autostore.config import StorageConfig
from autostore.equality import same
from autostore.equality.models import MODELS
from autostore.errors import CorruptDataError, StorageError, UnsupportedFormatError, UntrustedDataError
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.envelope import find_class, name_class, open_envelope, seal_envelope
from autostore.handlers.json import read_json
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

    @abstractmethod
    def _is_family(self, cls: type) -> bool:
        """Whether a class that a file names may be instantiated by this handler."""

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """An instance of the class that the file names."""
        return self._decode(read_json(file_path, self.ceiling))

    def _decode(self, text: str) -> Any:
        type_name, data = open_envelope(text)
        if type_name is None:
            raise CorruptDataError("The file names no type. Pass as_type= to say which class to read, or dict.")
        cls = find_class(type_name, may_import=self._may_import)
        if not self._is_family(cls):
            raise UntrustedDataError(
                f"The file names {type_name}, which is not a class that {self.extensions[0]} files hold. "
                "Pass as_type= to say which class to read."
            )
        try:
            return _validate(cls, data)
        except require("pydantic").ValidationError as error:
            raise CorruptDataError(
                f"The data no longer fits {type_name}: {_reasons(error)}. "
                "Pass as_type= with the class it was written from, or as_type=dict for its fields."
            ) from error

    def read_as(self, file_path: Path, file_extension: str, as_type: Any) -> Any:
        """The data validated into `as_type`, whatever class the file names; dict gives the fields."""
        if as_type in (Any, object):
            return self.read_from_file(file_path, file_extension)
        _, data = open_envelope(read_json(file_path, self.ceiling))
        if as_type is dict and type(data) is dict:
            return data
        pydantic = require("pydantic")
        try:
            return _validate(as_type, data)
        except (pydantic.ValidationError, pydantic.errors.PydanticUserError) as error:
            raise UnsupportedFormatError(
                f"The data cannot be read as {as_type!r}: {_reasons(error)}. Pass as_type=dict for its fields."
            ) from error

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the envelope, if it reads back equal."""
        text = self._encode(data)
        try:
            equal = same(self._decode(text), data)
        except (StorageError, ValueError, RecursionError) as error:
            let_pass(error)
            raise _changed(data, f": {error}") from error
        if not equal:
            raise _changed(data, ", as secret, private, excluded or converted fields are lost")
        with open(file_path, "wb") as file:
            file.write(text.encode("utf-8"))

    def _encode(self, data: Any) -> str:
        cls = type(data)
        type_name = name_class(cls)
        try:
            # Field names, not aliases: they are what the class itself calls them.
            content = _adapter(cls).dump_json(data, by_alias=False, round_trip=True, warnings="error")
        except Exception as error:
            _let_serializers_pass(cls, data)
            let_pass(error)
            raise UnsupportedFormatError(
                f"{cls.__qualname__} cannot be written as JSON: {type(error).__name__}: {error}. Use a bare key."
            ) from error
        return seal_envelope(type_name, content.decode("utf-8"))


class PydanticHandler(_ModelHandler):
    """Instances of `pydantic.BaseModel` as .pydantic.json."""

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


def _let_serializers_pass(cls: type, data: Any) -> None:
    """Raise what a serializer of the class raised: on the way to JSON Pydantic keeps its text only."""
    try:
        _adapter(cls).dump_python(data, mode="json", by_alias=False, round_trip=True, warnings=False)
    except Exception as error:
        let_pass(error)


def _validate(as_type: Any, data: Any) -> Any:
    # JSON mode, in which strict models too accept dates and tuples as JSON spells them.
    return _adapter(as_type).validate_json(json.dumps(data), by_alias=False, by_name=True)


def _adapter(as_type: Any) -> Any:
    if isinstance(as_type, type):
        return _class_adapter(as_type)
    return require("pydantic").TypeAdapter(as_type)


@functools.lru_cache(maxsize=256)
def _class_adapter(cls: type) -> Any:
    """Building one takes milliseconds for a dataclass."""
    return require("pydantic").TypeAdapter(cls)


def _changed(data: Any, reason: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"This {type(data).__qualname__} would not come back equal from JSON{reason}. "
        "Use a bare key, or change the fields so that their JSON holds them."
    )


def _reasons(error: Exception) -> str:
    """What did not fit and where, without the values: they may be secret."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    details = errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, d['loc'])) or 'the whole'}: {d['msg']}" for d in details[:5])
