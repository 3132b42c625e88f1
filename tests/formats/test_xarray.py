"""Datasets and arrays of xarray as NetCDF: they come back as they were, xarray reads them, damage is typed."""

import subprocess
import sys
from pathlib import Path

import pytest

from autostore import (
    AutoStore,
    CorruptDataError,
    StorageConfig,
    TooLargeError,
    UnsupportedFormatError,
    UntrustedDataError,
)
from autostore.testing import same
from tests.optional import np
from tests.reliability.mutated_reader import TYPED

xr = pytest.importorskip("xarray")

DAYS = np.array(["2024-01-01", "2024-01-02", "NaT"], "M8[ns]")
DATA = xr.Dataset(
    {
        "a": (("x", "t"), np.array([[0.1, np.nan, -0.0], [1, 2, 3]]), {"units": "K", "valid": np.float32(2)}),
        "u": ("x", np.array([0, 255], "u1")),
        "large": ("x", np.array([2**40, -1])),
        "text": ("x", np.array(["é", "bc"])),
        "objects": ("x", np.array(["a", "bcd"], dtype=object)),
        "bytes": ("x", np.array([b"a", b"bc"])),
        "flags": ("x", [True, False]),
        "one": ((), np.float32(3)),
    },
    {"t": DAYS, "label": ("x", ["p", "q"]), "step": np.timedelta64(1500, "ms")},
    {"who": "mé", "n": 5, "rates": [1, 2.5], "none": ""},
)
DATA["a"].encoding = {"dtype": np.dtype("f4"), "chunksizes": (2, 2)}
VALUES = {
    "dataset": DATA,
    "nothing": xr.Dataset(),
    "array": DATA["a"],
    "coordinate": DATA["t"],
    "no name": xr.DataArray([1, 2]),
    "micro": xr.DataArray(np.array(["2024-01-01T00:00:00.000001", "2024-01-01"], "M8[us]"), dims="z", name=("a", 1)),
    "no index": DATA.drop_indexes("t"),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("key", ["k", "k.nc"])
def test_they_come_back(local_store, folder, key, name):
    """Under a bare key and by name, with dtypes, attributes, encodings and indexes; xarray opens the file."""
    value = VALUES[name]
    path = local_store.write(key, value).path
    assert path == ("k.nc" if key == "k.nc" else "k.xarray.nc")
    back = local_store[key]
    assert type(back) is type(value)
    assert same(back, value)
    assert back.identical(value)
    with xr.open_dataset(folder / path, engine="scipy") as seen:
        variables = value.variables if type(value) is xr.Dataset else value.coords
        assert set(variables) <= set(seen.variables)
    assert local_store.read("k.nc" if key == "k.nc" else key, as_type=type(value)).identical(value)


def test_what_is_not_the_same(local_store):
    """Another dtype, attribute, encoding, order or index is another value."""
    for other in (
        DATA.assign(u=DATA["u"].astype("u2")),
        DATA.assign_attrs(n=6),
        DATA.assign_attrs(n=np.int32(5)),
        DATA.drop_encoding(),
        DATA[list(DATA.data_vars)[::-1]],
        DATA.drop_indexes("t"),
        DATA.assign(one=np.float32(4)),
    ):
        assert not same(other, DATA)


def test_files_of_others(local_store, folder):
    """They are bytes, and NetCDF-3 a dataset where one is asked for; NetCDF-4 is handed on as a file."""
    folder.mkdir()
    plain = xr.Dataset({"v": ("x", np.array([1, 2], "i4"))}, attrs={"title": "t"})
    raw = bytes(plain.to_netcdf(engine="scipy"))
    (folder / "a.nc").write_bytes(raw)
    assert local_store["a.nc"] == raw
    assert local_store.read("a.nc", as_type=xr.Dataset).identical(plain)
    with pytest.raises(UnsupportedFormatError, match="without as_type"):
        local_store.read("a.nc", as_type=xr.DataArray)
    hdf = b"\x89HDF\r\n\x1a\n" + bytes(100)
    (folder / "b.nc").write_bytes(hdf)
    assert local_store["b.nc"] == hdf
    assert local_store.read("b.nc", as_type=Path).read_bytes() == hdf
    with pytest.raises(UnsupportedFormatError, match="HDF5"):
        local_store.read("b.nc", as_type=xr.Dataset)
    local_store["c.nc"] = DATA
    with pytest.raises(UnsupportedFormatError, match="Store the value itself"):
        local_store["d.nc"] = local_store.read("c.nc", as_type=bytes)


def test_what_it_cannot_hold_is_refused(tmp_path):
    """Complex numbers, numbers beyond 2^53, attributes that are dicts, several levels; no pickle is made instead."""
    with AutoStore(tmp_path, StorageConfig(allow_pickle=False)) as store:
        store["k.nc"] = DATA
        for wrong in (
            xr.DataArray([1j]),
            xr.DataArray([2**60]),
            DATA.assign_attrs(d={"a": 1}),
            DATA.stack(k=("x", "t")),
        ):
            for key in ("k.nc", "bare"):
                with pytest.raises((UnsupportedFormatError, UntrustedDataError)):
                    store[key] = wrong
        assert same(store["k.nc"], DATA)
        assert "bare" not in store


def test_damage_is_an_error(tmp_path):
    """A file that was cut anywhere is a typed error, and one that claims its bytes many times is refused."""
    with AutoStore(tmp_path, StorageConfig(max_read_bytes=1 << 20)) as store:
        store["k"] = DATA
        file = tmp_path / "k.xarray.nc"
        raw = file.read_bytes()
        for at in range(0, len(raw), 61):
            file.write_bytes(raw[:at])
            with pytest.raises(TYPED):
                store["k"]
        file.write_bytes(raw.replace(b'{\\"v\\": 1', b'{\\"v\\": 2').replace(b'"v": 1', b'"v": 2'))
        with pytest.raises(CorruptDataError, match="Upgrade"):
            store["k"]
        many = xr.Dataset({f"v{at}": ("x", np.zeros(40_000, "i1")) for at in range(60)})
        store["many.nc"] = many.isel(x=slice(0, 9))
        (tmp_path / "big.nc").write_bytes(bytes(many.to_netcdf(engine="scipy")))
        with pytest.raises(TooLargeError):
            store.read("big.nc", as_type=xr.Dataset)


def test_a_second_process(tmp_path):
    """It gets the value without importing xarray first."""
    with AutoStore(tmp_path) as store:
        store["k"] = DATA["a"]
    code = "import sys; from autostore import AutoStore; s = AutoStore(sys.argv[1]); print(type(s['k']).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["DataArray"], done.stderr
