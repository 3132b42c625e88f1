"""What many tests share: a store on every backend, S3 servers with and without a cache among them."""

import uuid

import pytest

from autostore import AutoStore

pytest_plugins = ["tests.servers"]


@pytest.fixture(params=["local", "memory", "moto", "moto-cached", "radosgw", "radosgw-cached"])
def store(request, tmp_path):
    """A fresh, empty store on every backend; another handle on it is `AutoStore(store.uri, store.config)`."""
    uri, config = str(tmp_path / "store"), None
    if request.param == "memory":
        uri = f"memory://{uuid.uuid4().hex}"
    elif request.param != "local":
        name, _, cached = request.param.partition("-")
        server = request.getfixturevalue(f"{name}_s3")
        uri = f"s3://{server.make_bucket()}/some/prefix/"
        config = server.config(cache_enabled=bool(cached), cache_dir=tmp_path / "cache")
    with AutoStore(uri, config) as store:
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
