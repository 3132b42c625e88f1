"""What the tests of S3 share: a backend on each server, directly or through the proxy."""

import pytest

from autostore.keys import parse_uri
from autostore.s3 import S3Backend
from tests.proxy import Proxy


@pytest.fixture
def engine():
    """The engine of `open_backend`: boto3, which does everything; a module where it matters asks for `each_engine`."""
    return "boto3"


def each_engine(params=("boto3", "obstore")):
    """A fixture for a module whose tests run with each engine that is installed."""

    @pytest.fixture(params=params)
    def engine(request):
        return pytest.importorskip(request.param, reason="pip install 'dagster-autostore[fast]'").__name__

    return engine


@pytest.fixture
def open_backend(engine):
    """Opens backends on a server and closes them at the end."""
    opened = []

    def open_one(server, *, bucket=None, prefix="data/", **settings):
        bucket = bucket or server.make_bucket()
        config = server.config(**{"engine": engine, **settings})
        backend = S3Backend(parse_uri(f"s3://{bucket}/{prefix}"), config)
        opened.append(backend)
        return backend

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture
def backend(s3_server, open_backend):
    """A backend on an empty bucket of each server."""
    return open_backend(s3_server)


@pytest.fixture
def proxy(s3_server):
    """A proxy before each server."""
    with Proxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def line(s3_server, proxy, open_backend):
    """A backend behind the proxy, in a bucket that was seen already."""
    backend = open_backend(s3_server, endpoint_url=proxy.endpoint, timeout=5)
    backend.find("warm", [".up"])
    return backend
