"""NetCDF-3, by SciPy's reader and writer, which are Python; the mark says what its few types and attributes were.

Files of NetCDF-4 are HDF5, whose library hangs on damaged ones, so that they are bytes here. The mark is the attribute
`autostore` of the file, in typed JSON. https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from autostore.errors import CorruptDataError, UnsupportedFormatError
from autostore.guard.ceiling import Ceiling
from autostore.handlers.typed.decoding import Decoder
from autostore.handlers.typed.encoding import encode
from autostore.handlers.typed.text import seal
from autostore.optional import require

__all__ = ["dumped", "is_noted", "loaded", "of_others"]

_MARK = "autostore"
_NOTE = b"\x00\x00\x00\x09autostore\x00\x00\x00\x00\x00\x00\x02"
"""The name of an attribute that is text, as a header has it."""

_HDF5 = b"\x89HDF\r\n\x1a\n"


class _Counted(io.BytesIO):
    """A file of which no more is read than the ceiling allows: its parts may claim the same bytes many times."""

    def __init__(self, content: bytes, ceiling: Ceiling) -> None:
        super().__init__(content)
        self._ceiling, self._taken = ceiling, 0

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        data = super().read(size)
        self._taken += len(data)
        self._ceiling.check(2 * self._taken, "The dataset")
        return data


def is_noted(content: bytes) -> bool:
    """Whether a file was written from a value here."""
    return content.startswith(b"CDF") and _NOTE in content


def dumped(data: Any) -> bytes:
    """The file of a dataset or an array, whose values are loaded; xarray raises what NetCDF has no room for."""
    xr = require("xarray")
    told: dict[str, Any] = {"v": 1}
    if type(data) is xr.DataArray:
        variable = data.name if type(data.name) is str and data.name not in data.coords else "values"
        if variable in (*data.coords, *data.dims):
            raise UnsupportedFormatError("A coordinate of the array has the name 'values'. Rename it.")
        told |= {"array": variable, "name": data.name}
        data = data.to_dataset(name=variable)
    told |= {"attrs": dict(data.attrs), "encoding": dict(data.encoding), "coords": list(data.coords)}
    told["indexes"] = list(data.xindexes)
    told["order"] = list(data.data_vars)
    told["variables"] = {
        name: [variable.dtype.str, dict(variable.attrs), dict(variable.encoding)]
        for name, variable in data.variables.items()
    }
    plain = data.drop_encoding().assign_attrs({_MARK: seal(encode(told)).decode()})
    for name, variable in plain.variables.items():
        if variable.dtype.kind in "iu":
            plain[name] = variable.dims, _narrow(variable.to_numpy()), variable.attrs
    return bytes(plain.to_netcdf(engine="scipy"))


def _narrow(values: Any) -> Any:
    """Whole numbers as a type that the format has, which has none that is longer than 32 bits, or without sign."""
    np = require("numpy")
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for word in ("i2", "i4"):
        if np.iinfo(word).min <= least and most <= np.iinfo(word).max:
            return values.astype(word)
    if max(-least, most) > 1 << 53:
        raise UnsupportedFormatError("NetCDF-3 holds no whole numbers beyond 2^53. Cast the variable to float or text.")
    return values.astype("f8")


def of_others(content: bytes, ceiling: Ceiling) -> Any:
    """What any file of NetCDF-3 holds, as xarray reads it, loaded."""
    if content.startswith(_HDF5):
        raise UnsupportedFormatError(
            "This is NetCDF-4, which is HDF5: its reader is not safe with files of others, so that it is bytes here. "
            "Read it with as_type=pathlib.Path, and open that with xarray."
        )
    np, xr = require("numpy"), require("xarray")
    with require("scipy.io").netcdf_file(_Counted(content, ceiling), "r", mmap=False) as file:
        variables = {
            name: xr.Variable(one.dimensions, _native(np, one.data), _attributes(vars(one)["_attributes"]))
            for name, one in file.variables.items()
        }
        raw = xr.Dataset(variables, attrs=_attributes(vars(file)["_attributes"]))
    return xr.decode_cf(raw).load()


def _native(np: Any, data: Any) -> Any:
    data = np.array(data)
    return data.astype(data.dtype.newbyteorder("="))


def _attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    np = require("numpy")
    return {name: value.decode() if type(value) is bytes else _native(np, value)[()] for name, value in found.items()}


def loaded(content: bytes, ceiling: Ceiling) -> Any:
    """The value that was written."""
    data, xr = of_others(content, ceiling), require("xarray")
    text = data.attrs.pop(_MARK, None)
    if type(text) is not str:
        raise CorruptDataError("The file does not say what it is. Look at it with as_type=bytes.")
    told = Decoder(may_import=False).decode(text.encode())
    if type(told) is not dict or told.get("v") != 1:
        raise CorruptDataError("The file is of a later version. Upgrade autostore.")
    names = [name for name in told["variables"] if name not in told["order"]]
    made = {name: _restored(data.variables[name], *told["variables"][name]) for name in (*told["order"], *names)}
    coordinates = {name: made[name] for name in told["coords"]}
    back = xr.Dataset(
        {name: made[name] for name in told["order"]}, xr.Coordinates(coordinates, indexes={}), told["attrs"]
    )
    for name in told["indexes"]:
        back = back.set_xindex(name)
        back[name].encoding = dict(made[name].encoding)
    back.encoding = told["encoding"]
    if "array" not in told:
        return back
    return back[told["array"]].rename(told["name"])


def _restored(variable: Any, dtype: str, attrs: Any, encoding: Any) -> Any:
    np, xr = require("numpy"), require("xarray")
    values = variable.to_numpy()
    if np.dtype(dtype).itemsize * values.size > 64 + 64 * values.nbytes:
        raise CorruptDataError("A variable is recorded as larger than it is. Look at it with as_type=bytes.")
    return xr.Variable(variable.dims, values.astype(np.dtype(dtype)), attrs, encoding)
