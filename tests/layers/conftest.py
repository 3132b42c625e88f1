"""What the tests of layers share: a base and a branch over it, in places of one kind and of two."""

import uuid

import pytest

from autostore import AutoStore, StorageConfig
from tests.history.conftest import SOME

PAIRS = ["local over local", "memory over memory", f"local over {SOME}", f"{SOME} over {SOME}", f"{SOME} over local",
         "seaweedfs over seaweedfs"]  # fmt: skip


@pytest.fixture
def open_store(request, tmp_path):
    """Opens stores on empty places of a kind; each call is another place."""
    opened = []

    def open_one(kind, **settings):
        if kind == "memory":
            uri, config = f"memory://{uuid.uuid4().hex}", StorageConfig(**settings)
        elif kind == "local":
            uri, config = str(tmp_path / uuid.uuid4().hex), StorageConfig(**settings)
        else:
            server = request.getfixturevalue(f"{kind}_s3")
            uri, config = f"s3://{server.make_bucket()}/data/", server.config(**settings)
        store = AutoStore(uri, config)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture(params=PAIRS)
def pair(request, open_store):
    """(base, branch): the base holds a few values, with history."""
    above, _, below = request.param.split()
    base = open_store(below, history=True)
    base.update({"a": {"x": 1}, "ab": "text", "a/b": [1, 2], "n.json": {"n": 1}, "t.txt": "named"})
    with open_store(above).over(base) as branch:
        yield base, branch
