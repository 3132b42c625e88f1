"""SciPy's sparse matrices and arrays: its own .npz layout, and a member that names the exact class."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from autostore.disk.failures import failing_disk_is_an_os_error
from autostore.equality import same
from autostore.equality.arrays import SPARSE, set_on_sparse
from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.handler import DataHandler
from autostore.handlers.arrays import check_dtype, check_members
from autostore.headers import arrays as arrays_header
from autostore.headers.header import Header
from autostore.optional import loaded_type, require
from autostore.preview import Preview
from autostore.previews import arrays
from autostore.words import an

__all__ = ["SparseHandler"]

MEMBER = "autostore.json"
MOST_ROWS = 1 << 23
_FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
_CLASSES = frozenset(f"{name}_{kind}" for name in _FORMATS for kind in ("matrix", "array"))


class SparseHandler(DataHandler):
    """All seven formats, as matrix and as array, as .sparse."""

    types = "SciPy's sparse matrices and arrays"
    read_by = "SciPy"
    equality = SPARSE
    requires = ("scipy",)

    @property
    def extensions(self) -> list[str]:
        """Only .sparse."""
        return [".sparse"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Matrices and arrays of scipy.sparse."""
        for name in ("sparray", "spmatrix"):
            base = loaded_type("scipy.sparse", name)
            if base is not None and isinstance(data, base):
                return True
        return False

    def header(self, file: BinaryIO, file_extension: str) -> Header:
        """Class, shape and dtype."""
        return arrays_header.sparse(file)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The recorded class; of a file that scipy wrote, the class that scipy gives."""
        sparse = require("scipy.sparse")
        with open(file_path, "rb") as file:
            with zipfile.ZipFile(file) as archive:
                check_members(archive, os.fstat(file.fileno()).st_size, self.ceiling)
                name = _recorded_class(archive)
            file.seek(0)
            matrix = sparse.load_npz(file)
        # SciPy's operations index memory by these numbers without looking at them.
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        if name is None or type(matrix).__name__ == name:
            return matrix
        return _convert(sparse, matrix, name)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write uncompressed; lil and dok as coo, if they come back equal from it."""
        sparse = require("scipy.sparse")
        name = type(data).__name__
        if name not in _CLASSES or type(data) is not getattr(sparse, name):
            raise UnsupportedFormatError(f".sparse holds SciPy's own classes, not {an(name)}. Convert it.")
        if extra := ", ".join(set_on_sparse(data)):
            raise UnsupportedFormatError(
                f".sparse would lose what was set on this {name}: {extra:.80}. Store it beside."
            )
        check_dtype(data)
        stored = data
        if data.format in ("lil", "dok"):
            stored = data.tocoo()
            if not same(_convert(sparse, stored, name), data):
                raise UnsupportedFormatError(f"This {name} would not come back as it is. Convert it with tocsr().")
        with failing_disk_is_an_os_error(file_path), open(file_path, "w+b") as file:
            sparse.save_npz(file, stored, compressed=False)
            # Appended to the open file: by its name, `zipfile` begins a new archive whenever opening fails.
            with zipfile.ZipFile(file, "a") as archive:
                if not archive.namelist():  # nor can it tell a failed read from an empty file
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                archive.writestr(zipfile.ZipInfo(MEMBER), json.dumps({"v": 1, "type": f"scipy.sparse.{name}"}))
        if data.ndim != 2 and not self._comes_back(data, file_path, file_extension):
            raise UnsupportedFormatError(f"This {data.ndim}-dimensional {name} would not come back as it is.")

    def _comes_back(self, data: Any, file_path: Path, file_extension: str) -> bool:
        try:
            return same(self.read_from_file(file_path, file_extension), data)
        except ValueError:  # SciPy before 1.17 does not read what it wrote
            return False

    def preview(self, data: Any) -> Preview:
        """Shape, dtype, and how full it is."""
        return arrays.sparse(data)


def _recorded_class(archive: zipfile.ZipFile) -> str | None:
    try:
        info = archive.getinfo(MEMBER)
    except KeyError:
        return None
    if info.file_size > 10_000:
        raise CorruptDataError(f"{MEMBER} is too long. Look at it with as_type=bytes.")
    mark = json.loads(archive.read(info))
    if mark["v"] != 1:
        raise CorruptDataError(f"The file has version {mark['v']!r:.40}. Upgrade autostore.")
    name = str(mark["type"]).removeprefix("scipy.sparse.")
    if name not in _CLASSES:
        raise CorruptDataError(f"The file names an unknown class {name!r:.80}. Upgrade autostore.")
    return name


def _convert(sparse: Any, matrix: Any, name: str) -> Any:
    # A shape costs nothing in a file, but each row of a lil takes 128 bytes before it holds anything.
    if name.startswith("lil") and matrix.shape[0] > MOST_ROWS:
        raise UnsupportedFormatError(f"A {name} of {matrix.shape[0]} rows takes gigabytes. Convert it with tocsr().")
    return getattr(sparse, name)(matrix)
