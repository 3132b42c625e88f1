"""What goes wrong has one of this library's names, says what to do, and never reads as absence."""

import inspect
import time
import traceback

import boto3  # noqa: F401 - its exceptions are walked through
import botocore.exceptions
import pytest

from autostore import errors
from autostore.backends.cloud.boto3.errors import translated
from autostore.errors import (
    InvalidConfigError,
    InvalidKeyError,
    StorageConnectionError,
    StorageError,
    StorageFileNotFoundError,
    StoragePermissionError,
)
from autostore.keys import parse_uri
from autostore.s3 import S3Backend, S3StorageConfig
from tests.proxy import Fault
from tests.s3.conftest import each_engine
from tests.s3.tools import get, put
from tests.servers import free_port

engine = each_engine()

SECRET = "sekret-VALUE-7f3a"

DUTIES = [
    lambda backend: backend.get_metadata("x.json"),
    lambda backend: get(backend, "x.json"),
    lambda backend: put(backend, "x.json", b"1"),
    lambda backend: put(backend, "x.json", b"1", if_absent=True),
    lambda backend: list(backend.list_files()),
    lambda backend: backend.find("x", [".json"]),
    lambda backend: backend.copy("x.json", "y.json"),
    lambda backend: backend.delete("x.json"),
    lambda backend: backend.sweep(),
]


@pytest.mark.parametrize("duty", DUTIES)
def test_a_missing_bucket_is_not_an_empty_one(s3_server, open_backend, duty):
    """A bucket that does not exist is a connection error that names it, at every duty."""
    backend = open_backend(s3_server, bucket="no-such-bucket-here")
    with pytest.raises(StorageConnectionError, match="no-such-bucket-here") as caught:
        duty(backend)
    assert not isinstance(caught.value, KeyError)


@pytest.mark.parametrize("duty", DUTIES)
def test_a_wrong_secret_is_refusal_not_absence(radosgw_s3, open_backend, duty):
    """Refused access is a permission error at every duty, and shows no secret anywhere."""
    bucket = radosgw_s3.make_bucket()
    backend = open_backend(radosgw_s3, bucket=bucket, aws_secret_access_key=SECRET)
    with pytest.raises(StoragePermissionError) as caught:
        duty(backend)
    shown = "".join(traceback.format_exception(caught.value)) + repr(backend.config) + repr(backend)
    assert SECRET not in shown


@pytest.mark.parametrize("duty", DUTIES)
def test_a_dead_endpoint_is_an_error_within_the_timeout(moto_s3, open_backend, duty):
    """Where nobody listens every duty fails, typed, within the timeout."""
    backend = open_backend(moto_s3, bucket="b-1", endpoint_url=f"http://127.0.0.1:{free_port()}", timeout=3)
    begun = time.monotonic()
    with pytest.raises(StorageConnectionError):
        duty(backend)
    assert time.monotonic() - begun < 6


def test_a_silent_endpoint_is_an_error_within_the_timeout(s3_server, proxy, open_backend):
    """A server that takes the request and says nothing is given up after the timeout, retries or not."""
    backend = open_backend(s3_server, endpoint_url=proxy.endpoint, timeout=1, max_retries=5)
    proxy.latency = 4
    begun = time.monotonic()
    with pytest.raises(StorageConnectionError):
        backend.get_metadata("x.json")
    assert time.monotonic() - begun < 3.5


@pytest.mark.parametrize("status", [404, 405, 200])
def test_what_is_not_s3_is_no_absence(s3_server, proxy, open_backend, status):
    """A web server that answers 404, or anything, to everything is not an empty store."""
    backend = open_backend(s3_server, endpoint_url=proxy.endpoint)
    proxy.fault = lambda request: Fault("status", status=status, code="")
    with pytest.raises(StorageError) as caught:
        backend.get_metadata("x.json")
    assert not isinstance(caught.value, StorageFileNotFoundError)
    with pytest.raises(StorageError) as caught:
        get(backend, "x.json")
    assert not isinstance(caught.value, StorageFileNotFoundError)


def test_throttling_is_retried_then_named(line, proxy):
    """503 SlowDown is sent again `max_retries` times; what remains says to slow down."""
    refused = []
    proxy.fault = lambda request: refused.append(1) or (Fault("status") if len(refused) <= 2 else None)
    put(line, "x.json", b"1")
    assert len(refused) == 3
    proxy.fault = lambda request: Fault("status")
    with proxy.counting() as counts, pytest.raises(StorageConnectionError, match="slow down"):
        line.get_metadata("x.json")
    assert counts == {"HEAD": 4}


def test_no_credentials_at_all(monkeypatch, moto_s3, open_backend, tmp_path):
    """Without credentials anywhere the error says where they could come from."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    backend = open_backend(moto_s3, bucket="b-1", aws_access_key_id=None, aws_secret_access_key=None)
    with pytest.raises(StoragePermissionError, match="aws_access_key_id"):
        backend.get_metadata("x.json")
    named = open_backend(
        moto_s3, bucket="b-1", aws_access_key_id=None, aws_secret_access_key=None, profile_name="nobody"
    )
    with pytest.raises(StoragePermissionError, match=r"\(nobody\) could not be found.*profile_name"):
        named.get_metadata("x.json")


def test_wrong_settings_are_named(moto_s3, open_backend):
    """A bad endpoint and a misspelt upload argument are configuration errors."""
    with pytest.raises(InvalidConfigError, match="endpoint"):
        open_backend(moto_s3, bucket="b-1", endpoint_url="nonsense").get_metadata("x")
    with pytest.raises(InvalidConfigError, match="upload_args"):
        put(open_backend(moto_s3, upload_args={"StorageKlass": "STANDARD"}), "x", b"1")


@pytest.mark.parametrize("uri", ["s3://", "s3:///x", "s3://bad bucket/x", "s3://büro/x"])
def test_a_uri_needs_a_bucket(uri):
    """A URI without a usable bucket is refused when the store is opened."""
    with pytest.raises(InvalidKeyError, match="bucket"):
        S3Backend(parse_uri(uri), S3StorageConfig())


def test_every_exception_of_the_client_is_translated():
    """No exception class of botocore leaves the backend as itself."""
    foreign = [
        cls
        for _, cls in inspect.getmembers(botocore.exceptions, inspect.isclass)
        if issubclass(cls, Exception) and not issubclass(cls, Warning) and cls.__module__ == "botocore.exceptions"
    ]
    assert len(foreign) > 80
    for cls in foreign:
        error = cls.__new__(cls)
        Exception.__init__(error, "text")
        if issubclass(cls, botocore.exceptions.ClientError):
            error.response, error.operation_name = {"Error": {}}, "GetObject"
        with pytest.raises(StorageError) as caught, translated("s3://bucket/", "key"):
            raise error
        assert type(caught.value).__name__ in errors.__all__
        assert not isinstance(caught.value, StorageFileNotFoundError)
