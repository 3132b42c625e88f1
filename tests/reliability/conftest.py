"""What the proofs share: a nursery of children, and the places they are tried in."""

import gc
import sys
import uuid

import pytest

from autostore import LocalFileConfig
from tests.reliability.nursery import Nursery

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(scope="session")
def nursery():
    """Forks children that can be killed or traced."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def place(request, tmp_path):
    """Where a store is opened, and with which settings: `local`, `memory`, or a server, cached or in parts."""
    name, _, kind = request.param.partition("-")
    if name == "local":
        return str(tmp_path / "store"), LocalFileConfig()
    server = request.getfixturevalue(f"{name}_s3")
    settings = {
        "": {},
        "cached": {"cache_enabled": True, "cache_dir": tmp_path / "cache"},
        "multipart": {"multipart_threshold": 1 << 20, "multipart_chunksize": 5 << 20},
    }[kind]
    return f"s3://{server.make_bucket()}/{uuid.uuid4().hex[:8]}/", server.config(timeout=20, **settings)


@pytest.fixture
def no_collector():
    """What is right must not wait for the collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
