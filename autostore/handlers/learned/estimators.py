"""Estimators and pipelines of scikit-learn as .skops: a zip of JSON and arrays, of which no code is ever run.

https://skops.readthedocs.io/en/stable/persistence.html. A file may name the classes that skops trusts and those of
`trusted.py`; any other is refused by its name, when it is written and when it is read.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality import same
from autostore.equality.estimators import ESTIMATORS
from autostore.errors import CorruptDataError, MissingDependencyError, UnsupportedFormatError, UntrustedDataError
from autostore.guard.ceiling import Ceiling
from autostore.handler import DataHandler
from autostore.handlers.arrays import check_array, check_members
from autostore.handlers.learned.trusted import TRUSTED
from autostore.handlers.learned.wired import check_wiring
from autostore.handlers.learned.wrapped import check_wrapped
from autostore.handlers.typed.text import parse
from autostore.headers.archives import opened
from autostore.headers.header import BEGINNING, Header
from autostore.optional import DISTRIBUTION, loaded_type, require, require_installed
from autostore.preview import Preview
from autostore.previews.learned import estimator

__all__ = ["EstimatorHandler", "NamedEstimatorHandler"]

SCHEMA = "schema.json"
_BYTES_OF_THE_SCHEMA = 40
"""What a byte of JSON may become in memory."""

_CLASS = re.compile(r'\{\s*"__class__": "(\w+)",\s*"__module__": "([\w.]+)"')


class EstimatorHandler(DataHandler):
    """Estimators and pipelines of scikit-learn, made of its own classes, as .skops."""

    types = "estimators and pipelines of scikit-learn, XGBoost and LightGBM, of trusted classes; others are pickles"
    read_by = "skops"
    install = f"{DISTRIBUTION}[sklearn]"
    equality = ESTIMATORS
    media_types = {".skops": "application/zip"}
    requires = ("skops",)

    @property
    def extensions(self) -> list[str]:
        """Only .skops."""
        return [".skops"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Estimators, where skops is installed beside scikit-learn; else a bare key gets what it got before."""
        return _is_estimator(data) and _has_skops()

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """The class of the estimator, and what the archive holds."""
        with zipfile.ZipFile(file) as archive, opened(archive, SCHEMA) as member:
            found = _CLASS.match(member.read(BEGINNING).decode(errors="ignore"))
        return Header(type=f"{found[2]}.{found[1]}" if found else None)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The estimator, once every class that the file names was found to be trusted."""
        with open(file_path, "rb") as file:
            with zipfile.ZipFile(file) as archive:
                _check(archive, os.fstat(file.fileno()).st_size, self.ceiling)
            file.seek(0)
            return _load(file)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the estimator, if it comes back the same from classes that are trusted."""
        skops = require("skops.io")
        with failing_disk_is_an_os_error(file_path), open(file_path, "wb") as file:
            try:
                skops.dump(data, file)
            except skops.exceptions.UnsupportedTypeException as error:
                raise UnsupportedFormatError(f"skops cannot hold this {type(data).__qualname__}: {error}") from error
        try:
            kept = same(self.read_from_file(file_path, file_extension), data)
        except UntrustedDataError as error:
            raise UnsupportedFormatError(str(error)) from error
        if not kept:
            raise UnsupportedFormatError(f"skops would change this {type(data).__qualname__}. Use a bare key.")

    def preview(self, data: Any) -> Preview:
        """What it is called with, and its steps."""
        return estimator(data)


class NamedEstimatorHandler(EstimatorHandler):
    """The same where only the key says so: then skops is asked for, if it is missing."""

    explicit_only: ClassVar[bool] = True

    @property
    def priority(self) -> int:
        """Behind the one that says the same of every value."""
        return 9

    def can_handle_data(self, data: Any) -> bool:
        """Any estimator."""
        return _is_estimator(data)


def _is_estimator(value: Any) -> bool:
    base = loaded_type("sklearn.base", "BaseEstimator")
    return base is not None and isinstance(value, base)


def _has_skops() -> bool:
    try:
        require_installed("skops")
    except ImportError:
        return False
    return True


def _check(archive: zipfile.ZipFile, size: int, ceiling: Ceiling) -> None:
    """What is in the archive is as large as it says, and no larger than may be read."""
    check_members(archive, size, ceiling)
    schema = archive.getinfo(SCHEMA)
    ceiling.check(schema.file_size * _BYTES_OF_THE_SCHEMA, "The schema")
    check_wrapped(parse(archive.read(schema), dict), archive)  # also how deep it is, before anybody follows it
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            check_array(archive, info)
        elif info.filename.endswith(".npz"):
            with archive.open(info) as member, zipfile.ZipFile(member) as inner:  # a stored member seeks
                check_members(inner, info.file_size, ceiling)
                for part in inner.infolist():
                    check_array(inner, part)


def _load(file: BinaryIO) -> Any:
    skops = require("skops.io")
    try:
        found = skops.load(file, trusted=list(TRUSTED))
    except skops.exceptions.UntrustedTypesFoundException as error:
        names = str(error).partition("\n")[0].partition(": ")[2].rstrip(".")
        raise UntrustedDataError(
            f"The model names what is not known to be safe: {names:.500}. Store it as a pickle where you "
            "trust the place; or read the file with as_type=bytes and skops.io.loads(..., trusted=[...])."
        ) from error
    except ModuleNotFoundError as error:  # of one that is trusted
        raise MissingDependencyError(f"The model needs {error.name}, which is not installed. Install it.") from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise CorruptDataError(f"This is no file of skops: {type(error).__name__}: {error!s:.200}") from error
    check_wiring(found)
    return found
