"""What the tests of the cache share: copies of one backend, counted at the server where that matters."""

from pathlib import Path

import pytest

from autostore.cache.copies import Copies
from autostore.keys import parse_uri
from autostore.s3 import S3Backend
from tests.proxy import Proxy
from tests.s3.tools import put


class Reader:
    """A backend with its copies, as a store has them."""

    def __init__(self, backend):
        self.backend = backend
        self.copies = Copies(backend, backend.config)

    def read(self, path):
        with self.copies.open(path, Path(path).suffix) as (file, _):
            return file.read_bytes()

    def put(self, path, data):
        return put(self.backend, path, data)


@pytest.fixture
def cache_dir(tmp_path):
    """The cache's folder."""
    return tmp_path / "cache"


@pytest.fixture
def open_reader(cache_dir):
    """Opens readers that share one cache folder, and closes them at the end."""
    opened = []

    def open_one(server, *, bucket=None, prefix="data/", **settings):
        settings = {"cache_enabled": True, "cache_dir": cache_dir} | settings
        uri = parse_uri(f"s3://{bucket or server.make_bucket()}/{prefix}")
        reader = Reader(S3Backend(uri, server.config(**settings)))
        opened.append(reader)
        return reader

    yield open_one
    for reader in opened:
        reader.backend.close()


@pytest.fixture
def proxy(s3_server):
    """A proxy before each server."""
    with Proxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def reader(s3_server, proxy, open_reader):
    """A reader with a cache, behind the proxy."""
    return open_reader(s3_server, endpoint_url=proxy.endpoint)


@pytest.fixture
def files_of(cache_dir):
    """The files of the copies in the cache."""

    def files():
        return sorted(file for file in cache_dir.glob("v1/*/*") if file.is_file())

    return files
