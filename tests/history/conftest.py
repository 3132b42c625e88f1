"""What the tests of history share: a store that keeps it, on every place that can."""

import uuid

import pytest

from autostore import AutoStore, StorageConfig
from tests.radosgw import missing_programs

SOME = "moto" if missing_programs() else "radosgw"
"""A server that checks some conditions: the real one where it is installed."""

PLACES = ["local", "memory", SOME, "seaweedfs"]


@pytest.fixture
def open_place(request, tmp_path):
    """Opens handles on an empty place of a kind: `open_place(kind)` gives a function that takes settings."""
    opened = []

    def place(kind):
        uri, make = str(tmp_path / f"store-{kind}"), StorageConfig
        if kind == "memory":
            uri = f"memory://{uuid.uuid4().hex}"
        elif kind != "local":
            server = request.getfixturevalue(f"{kind}_s3")
            uri, make = f"s3://{server.make_bucket()}/some/prefix/", server.config

        def handle(**settings):
            store = AutoStore(uri, make(**settings))
            opened.append(store)
            return store

        return handle

    yield place
    for store in opened:
        store.close()


@pytest.fixture(params=PLACES)
def place(request, open_place):
    """An empty place of every kind, as a function that opens a handle with settings."""
    return open_place(request.param)


@pytest.fixture
def kept(place):
    """A fresh store with history on every place."""
    return place(history=True)
