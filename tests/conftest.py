"""What many tests share: a store on every backend that needs no server."""

import uuid

import pytest

from autostore import AutoStore

pytest_plugins = ["tests.servers"]


@pytest.fixture(params=["local", "memory"])
def uri(request, tmp_path):
    """Where a fresh, empty store begins."""
    return str(tmp_path / "store") if request.param == "local" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def store(uri):
    """A fresh, empty store."""
    with AutoStore(uri) as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    """The folder of `local_store`."""
    return tmp_path / "store"


@pytest.fixture
def local_store(folder):
    """A fresh store in a local folder."""
    with AutoStore(folder) as store:
        yield store
