"""xarray's datasets and arrays: under a bare key as .xarray.nc, by name as .nc, where any other file is its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autostore.equality import same
from autostore.equality.grids import GRIDS
from autostore.errors import MissingDependencyError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling, read_whole
from autostore.guard.foreign import let_pass
from autostore.handler import DataHandler
from autostore.handlers.grids.netcdf import dumped, is_noted, loaded, of_others
from autostore.handlers.named import NotedHandler
from autostore.optional import DISTRIBUTION, loaded_type
from autostore.preview import Columns, Preview
from autostore.previews.text import binary
from autostore.words import an

__all__ = ["NetCDFHandler", "XarrayHandler"]

_READ_BY = "NetCDF in any language, xarray, GDAL, Panoply"
_MEDIA = "application/x-netcdf"


class XarrayHandler(DataHandler):
    """Datasets and arrays of xarray as .xarray.nc, loaded when they are read."""

    types = "datasets and arrays of xarray; chunked ones come back loaded"
    read_by = _READ_BY
    requires = ("xarray", "scipy")
    install = f"{DISTRIBUTION}[xarray]"
    equality = GRIDS
    media_types = {".xarray.nc": _MEDIA}

    @property
    def extensions(self) -> list[str]:
        """Only .xarray.nc: .nc alone is anybody's."""
        return [".xarray.nc"]

    @property
    def priority(self) -> int:
        """A typed library."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """The two classes, none that is derived from them."""
        return _is_grid(data)

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The value that was written."""
        return loaded(read_whole(file_path, self.ceiling), self.ceiling)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write NetCDF-3, if what is read back is the same."""
        content = _exact(data)
        with open(file_path, "wb") as file:
            file.write(content)

    def preview(self, data: Any) -> Preview:
        """Dimensions and variables."""
        return _preview(data)


class NetCDFHandler(NotedHandler):
    """The same as .nc, where the key names it, and bytes."""

    types = "datasets and arrays of xarray, loaded; bytes"
    read_by = _READ_BY
    install = f"{DISTRIBUTION}[xarray]"
    named_extensions = (".nc",)
    media_types = {".nc": _MEDIA}

    def is_value(self, data: Any) -> bool:
        """The two classes."""
        return _is_grid(data)

    def is_noted(self, content: bytes) -> bool:
        """Whether the header has our attribute."""
        return is_noted(content)

    def loads(self, content: bytes, file_extension: str, as_type: Any = None) -> Any:
        """The value that was written; of another program's file a dataset."""
        return loaded(content, self.ceiling) if is_noted(content) else of_others(content, self.ceiling)

    def as_type(self, value: Any, as_type: Any) -> Any:
        """A dataset as such, and an array as such."""
        if isinstance(as_type, type) and isinstance(value, as_type):
            return value
        raise UnsupportedFormatError(f"The file holds {an(type(value).__name__)} of xarray. Read it without as_type.")

    def dumps(self, data: Any, file_extension: str) -> bytes:
        """NetCDF-3, if what is read back is the same."""
        return _exact(data)

    def preview(self, data: Any) -> Preview:
        """Dimensions and variables; how bytes begin."""
        return binary(data) if type(data) is bytes else _preview(data)


def _is_grid(data: Any) -> bool:
    return type(data) in (loaded_type("xarray", "Dataset"), loaded_type("xarray", "DataArray"))


def _exact(data: Any) -> bytes:
    data = data.compute()
    try:
        content = dumped(data)
        kept = same(loaded(content, Ceiling(None)), data)
    except (UnsupportedFormatError, MissingDependencyError, MemoryError):
        raise
    except Exception as error:  # whatever either library says of names, dtypes and attributes
        let_pass(error)
        raise UnsupportedFormatError(
            f"NetCDF cannot hold this {type(data).__name__}: {error!s:.300}. Convert the variable or attribute."
        ) from error
    if not kept:
        raise UnsupportedFormatError(
            f"NetCDF would not give this {type(data).__name__} back equal. Convert what it has no type for, or store "
            "its variables as arrays."
        )
    return content


def _preview(data: Any) -> Preview:
    sizes = ", ".join(f"{name}: {size:,}" for name, size in data.sizes.items())
    is_array = type(data) is loaded_type("xarray", "DataArray")
    arrays: Mapping[Any, Any] = {**data.coords, data.name: data} if is_array else data.variables
    columns = [(str(name), f"{one.dtype} ({', '.join(map(str, one.dims))})") for name, one in arrays.items()]
    return {"dimensions": sizes, "variables": Columns(columns)}
