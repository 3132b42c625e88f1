"""The resource: one store in a run, one of its own outside, nothing left behind."""

import dagster as dg
import pytest

from autostore import AutoStore, StoragePermissionError
from autostore_dagster import AutoStoreResource, LocalStorageConfig


def test_outside_a_run(tmp_path, monkeypatch):
    """`open()` resolves EnvVars and reads and writes like a dict."""
    monkeypatch.setenv("PLACE", str(tmp_path / "store"))
    with AutoStoreResource(uri=dg.EnvVar("PLACE")).open() as store:
        store["a/b"] = {"x": 1}
    assert AutoStore(tmp_path / "store")["a/b"] == {"x": 1}


def test_inside_a_run(tmp_path, instance):
    """Steps share one store, also where `open()` is called twice."""

    @dg.asset
    def writer(store: AutoStoreResource) -> None:
        with store.open() as first, store.open() as second:
            assert first is second
            first["from_a_run"] = 5

    dg.materialize([writer], resources={"store": AutoStoreResource(uri=str(tmp_path))}, instance=instance)
    assert AutoStore(tmp_path)["from_a_run"] == 5


def test_storage_applies(tmp_path):
    """The settings of `storage` are the store's own."""
    resource = AutoStoreResource(uri=str(tmp_path), storage=LocalStorageConfig(read_only=True))
    with resource.open() as store, pytest.raises(StoragePermissionError):
        store["a"] = 1


@pytest.mark.parametrize("fails", [True, False])
def test_nothing_is_left(tmp_path, instance, fails):
    """After a run, also a failed one, no temporary file lies in the store."""

    @dg.asset
    def writer(store: AutoStoreResource) -> None:
        with store.open() as opened:
            opened["x"] = "text"
            assert not fails

    resources = {"store": AutoStoreResource(uri=str(tmp_path))}
    dg.materialize([writer], resources=resources, instance=instance, raise_on_error=False)
    assert [path.name for path in tmp_path.glob("*") if path.name != ".autostore"] == ["x.txt"]
    assert not list(tmp_path.glob(".autostore/tmp/*"))
