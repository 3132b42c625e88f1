"""The S3 backend keeps the backend contract on both servers, and over https."""

import pytest

from autostore.testing.backend import BackendContract
from tests.s3.tools import bucket_of


class S3Contract(BackendContract):
    @pytest.fixture
    def server(self, s3_server):
        return s3_server

    @pytest.fixture
    def raw(self, server):
        client = server.raw()
        yield client
        client.close()

    @pytest.fixture
    def backend(self, server, raw, open_backend):
        backend = open_backend(server)
        backend.raw_client = raw
        return backend

    def raw_write(self, backend, path, data):
        bucket, prefix = bucket_of(backend)
        backend.raw_client.put_object(Bucket=bucket, Key=prefix + path, Body=data)

    def raw_read(self, backend, path):
        bucket, prefix = bucket_of(backend)
        try:
            return backend.raw_client.get_object(Bucket=bucket, Key=prefix + path)["Body"].read()
        except backend.raw_client.exceptions.NoSuchKey:
            return None


class TestS3(S3Contract):
    """Over http, on both servers."""


class TestS3InParts(S3Contract):
    """With transfers in parts from the first byte on."""

    @pytest.fixture
    def backend(self, server, raw, open_backend):
        backend = open_backend(server, multipart_threshold=1, multipart_chunksize=5 << 20)
        backend.raw_client = raw
        return backend


class TestS3OverTls(S3Contract):
    """Over https, on radosgw."""

    @pytest.fixture
    def server(self, radosgw_https):
        return radosgw_https
