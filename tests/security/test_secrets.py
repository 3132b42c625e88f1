"""Credentials are canaries: whatever is printed, logged, raised, pickled for a crash report or cached, none sings."""

import io
import logging
import pickle
import traceback
from dataclasses import fields
from pathlib import Path

import pytest

import autostore
from autostore import AutoStore, FsspecConfig, LocalFileConfig, StorageConfig, StorageError
from autostore.s3 import S3StorageConfig
from tests.proxy import Fault, Proxy
from tests.security.tools import lay

CANARIES = {
    "aws_access_key_id": "AKIACANARYCANARYCANA",
    "aws_secret_access_key": "canary-secret-canary-secret",
    "aws_session_token": "canary-token-canary-token",
    "pickle_key": "canary-pickle-key",
    "upload_args": {"SSECustomerKey": "canary-customer-key-of-32-bytes-", "SSECustomerAlgorithm": "AES256"},
}
SONGS = [*[value for value in CANARIES.values() if isinstance(value, str)], "canary-customer-key"]


def sings(text):
    """The secrets that a text gives away."""
    return [song for song in SONGS if song in text]


def everything_of(error):
    """What a crash reporter would send of an error: every cause, with the locals of our own frames."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = []
    pending = [found]
    while pending:
        one = pending.pop()
        ours += [str(one)]
        for frame in one.stack:
            if "/autostore/" in frame.filename or "/tests/" in frame.filename:
                ours.append(f"{frame.filename}:{frame.lineno} {frame.locals}")
        pending += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
    return "\n".join(ours)


def locals_of_ours(error):
    """The variables of the library's frames, without those of the test, which knows the secret."""
    home, found = str(Path(autostore.__file__).parent), ""
    while error is not None:
        stack = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        found += "".join(f"{one.filename} {one.locals}" for one in stack if one.filename.startswith(home))
        error = error.__cause__ or error.__context__
    return found


@pytest.fixture
def log():
    """Everything that is logged at DEBUG by us."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("autostore")
    before, logger.level = logger.level, logging.DEBUG
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def config_for(endpoint, tmp_path, **more):
    """A configuration of nothing but canaries."""
    return S3StorageConfig(
        endpoint_url=endpoint, region_name="us-east-1", cache_enabled=True, cache_dir=tmp_path / "cache",
        **{"timeout": 1, "max_retries": 0, **CANARIES, **more},
    )  # fmt: skip


def test_no_repr_shows_a_secret(tmp_path):
    """Configurations, stores, backends and errors print without secrets."""
    # Mutation that this was seen to catch: repr=False taken from aws_session_token.
    config = config_for("http://127.0.0.1:1", tmp_path)
    store = AutoStore("s3://bucket/prefix/", config)
    for thing in (config, store, store._backend, store._registry, vars(store)):
        assert sings(f"{thing!r} {thing!s}") == []
    for cls in (StorageConfig, LocalFileConfig, S3StorageConfig):
        hidden = {field.name for field in fields(cls) if not field.repr}
        assert hidden == set(CANARIES) & {field.name for field in fields(cls)}


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503, "refused", "dead", "nonsense"])
def test_no_error_shows_a_secret(moto_s3, tmp_path, log, status):
    """Errors of every kind of refusal, their causes, and their tracebacks with our locals hold no secret."""
    # Mutation that this was seen to catch: a local variable of S3Connection.call, or of make_client, that
    # holds upload_args or the credentials.
    with Proxy(moto_s3.endpoint) as proxy:
        if status == "refused":
            proxy.fault = lambda request: Fault("reset")
        elif status not in ("dead", "nonsense"):
            proxy.fault = lambda request: Fault("status", status=status, code="AccessDenied")
        endpoint = {"dead": "http://127.0.0.1:1", "nonsense": "http://[nonsense"}.get(status, proxy.endpoint)
        store = AutoStore(f"s3://{moto_s3.make_bucket()}/", config_for(endpoint, tmp_path))
        acts = [
            lambda: store["k"], lambda: store.write("k", (1, 2)), lambda: store.exists("k"), lambda: list(store),
            lambda: store.copy("k.json", "l"), lambda: store.write("k", 1, if_absent=True), lambda: store.pop("k.pkl"),
        ]  # fmt: skip
        raised = 0
        for act in acts:
            try:
                act()
            except StorageError as error:
                raised += 1
                assert sings(everything_of(error)) == []
                assert sings("".join(traceback.format_exception(error))) == []
                assert sings(repr(pickle.loads(pickle.dumps(error)))) == []
        store.close()
        assert raised >= len(acts) - 2
    assert sings(log.getvalue()) == []


def test_no_file_holds_a_secret(moto_s3, tmp_path, log):
    """Neither the cache, nor the temporary files, nor the stored objects and their metadata hold a secret."""
    # Mutation that this was seen to catch: CacheFolder.keep publishes the pickle_key with what is known of a copy.
    bucket = moto_s3.make_bucket()
    with Proxy(moto_s3.endpoint) as proxy:
        config = config_for(proxy.endpoint, tmp_path, timeout=20, upload_args={})
        store = AutoStore(f"s3://{bucket}/", config)
        for key, value in {"a": {"x": 1}, "b": (1, 2), "c": "text"}.items():
            store[key] = value
            assert store[key] == value
        store.copy("b", "d")
        files = [
            file for folder in (tmp_path, store._backend.scratch()) for file in folder.rglob("*") if file.is_file()
        ]
        assert len(files) >= 6
        for file in files:
            assert sings(str(file) + file.read_bytes().decode("latin-1")) == []
        raw = moto_s3.raw()
        for entry in raw.list_objects_v2(Bucket=bucket)["Contents"]:
            found = raw.get_object(Bucket=bucket, Key=entry["Key"])
            with found["Body"] as body:
                assert sings(f"{entry} {found['Metadata']} {body.read().decode('latin-1')}") == []
        raw.close()
        store.close()
        # The access key's id names its owner in every signed request; the secrets never travel.
        travelled = "".join(f"{request.path} {request.headers}" for request in proxy.requests)
        assert set(sings(travelled)) <= {CANARIES["aws_access_key_id"], CANARIES["aws_session_token"]}
        assert not [request for request in proxy.requests if sings(request.path)]
    assert sings(log.getvalue()) == []


def test_a_pickled_store_does_hold_its_secrets(tmp_path):
    """A pickled store carries its secrets, as the documentation says: it is to be kept like them."""
    store = AutoStore("s3://bucket/", config_for("http://127.0.0.1:1", tmp_path))
    assert CANARIES["aws_secret_access_key"].encode() in pickle.dumps(store)


@pytest.mark.parametrize("extension", [".pkl", ".pt"])
def test_a_wrong_signature_shows_no_key(folder, extension):
    """The traceback of a refused signature, with its locals, does not hold the key."""
    # Mutation that this was seen to catch: verified() has the secret in a local variable.
    lay(folder, "k" + extension, b"unsigned")
    with pytest.raises(StorageError) as caught:
        AutoStore(folder, StorageConfig(pickle_key=CANARIES["pickle_key"]))["k"]
    assert sings(everything_of(caught.value)) == []


class Unknown:
    """A class that only a pickle holds."""


def test_signed_files_hold_no_key(folder):
    """A signature does not give its key away."""
    # Mutation that this was seen to catch: SigningKey.id is the beginning of the key.
    store = AutoStore(folder, StorageConfig(pickle_key=CANARIES["pickle_key"]))
    store["k"] = Unknown()
    assert b"\n#autostore-sig:" in (folder / "k.pkl").read_bytes()
    for file in folder.rglob("*"):
        if file.is_file():
            assert CANARIES["pickle_key"][:6].encode() not in file.read_bytes()


def test_values_are_not_quoted_in_errors(folder):
    """The message of a model that no longer fits names its fields, never the values in them."""
    # Mutation that this was seen to catch: validated.reasons gives Pydantic's own message.
    from tests.store.values import Settings

    store = AutoStore(folder)
    store["k"] = Settings(name="x")
    file = folder / "k.pydantic.json"
    file.write_text(file.read_text().replace("0.5", '"canary-secret-canary-secret"'))
    with pytest.raises(StorageError) as caught:
        store["k"]
    assert sings(str(caught.value)) == []


SECRET = "canary/secret+canary"
URIS = [
    f"s3://AKIACANARY:{SECRET}@bucket/p", f"S3://AKIACANARY:{SECRET}@bucket", f"s3:/AKIACANARY:{SECRET}@bucket",
    "s3://canary@bucket", f"s3://:{SECRET}@bucket", f"s3://bucket:{SECRET}", f"memory://user:{SECRET}@x",
    f"nope://user:{SECRET}@host/x", f"sftp://user:{SECRET}@host:22/x", f"file://user:{SECRET}@x",
    f"s3://bucket/p?aws_secret_access_key={SECRET}", f"s3://bucket/p?X-Amz-Signature={SECRET}&x=1",
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET};EndpointSuffix=core.windows.net",
    f"az://DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET}", f"SharedAccessSignature=sig%3D{SECRET}",
    "fsspec+https://canary-token@host/d", "https://canary-token@host/d", "fsspec+http://host/d?key=canary",
    f"https://bucket.s3.amazonaws.com/k?X-Amz-Credential={SECRET}", f"s3://bucket/?region=x&token={SECRET}",
]  # fmt: skip


def shown(error):
    """All that is printed of an error: every exception of its chain, its notes, its pickle and its traceback."""
    # The lines of source that a traceback quotes are not the library's words.
    lines = "".join(traceback.format_exception(error)).splitlines()
    texts = [line for line in lines if not line.startswith("    ")]
    return "\n".join([*texts, repr(error), str(error), repr(pickle.loads(pickle.dumps(error)))])


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_that_holds_credentials_is_refused_unquoted(uri):
    """It is refused when the store is made, whatever its scheme, and the sentence says where they belong."""
    # Mutation that this was seen to catch: parse_uri does not ask holds_secret.
    with pytest.raises(StorageError) as caught:
        AutoStore(uri)
    assert "canary" not in shown(caught.value)
    assert traceback.TracebackException.from_exception(caught.value, capture_locals=True)  # reprs of half a store
    if "@bucket" in uri and ":canary" in uri:
        assert "configuration" in str(caught.value)


@pytest.mark.parametrize("uri", ["s3://bucket/a@b", "s3://bucket/10:30@noon/", "s3://bucket/what?x=1", "memory://a@b"])
def test_other_signs_in_a_uri_are_not_credentials(uri):
    """Names with @, : and ? below a bucket stay what they are."""
    with AutoStore(uri) as store:
        assert store.uri.rstrip("/") == uri.rstrip("/")


@pytest.mark.parametrize(
    "endpoint", ["http://u:canary@h", "https://canary@h:1", "u:canary@h", "http://h/?secret=canary", "http://h#canary"]
)
def test_an_endpoint_that_holds_credentials_is_refused_unquoted(endpoint, monkeypatch):
    """In the configuration when it is made, in the environment before the first request."""
    # Mutation that this was seen to catch: make_client does not look at the endpoint that botocore resolved.
    with pytest.raises(StorageError, match="aws_access_key_id") as caught:
        S3StorageConfig(endpoint_url=endpoint)
    assert "canary" not in shown(caught.value)
    if endpoint.startswith("http"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        store = AutoStore("s3://bucket/", S3StorageConfig(region_name="x", max_retries=0, timeout=1))
        with pytest.raises(StorageError, match="The endpoint of the AWS configuration or environment") as caught:
            store["k"]
        assert "canary" not in shown(caught.value)
        store.close()


@pytest.mark.parametrize(
    "proxy",
    [
        "http://u:canary@127.0.0.1:1",
        "http://u:can#ary@127.0.0.1:1",
        "http://u:canary@127.0.0.1:port",
        "ftp://u:canary@h",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_error_shows_a_proxy_s_password(monkeypatch, proxy, scheme):
    """What HTTPS_PROXY holds stands in no error and in nothing behind it, also where it cannot be parsed."""
    # Mutation that this was seen to catch: quieted() does nothing.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    config = S3StorageConfig(
        endpoint_url=f"{scheme}://192.0.2.1:1", region_name="x", aws_access_key_id="a", aws_secret_access_key="b",
        timeout=1, max_retries=0,
    )  # fmt: skip
    with AutoStore("s3://bucket/", config) as store, pytest.raises(StorageError) as caught:
        store["k"]
    text = shown(caught.value)
    assert "canary" not in text
    assert "can#ary" not in text
    assert "u:" not in text.replace("http", "")


def test_no_error_quotes_upload_args():
    """Arguments that botocore refuses are named, and their values, and those of the others, are not shown."""
    # Mutation that this was seen to catch: secrets_of leaves upload_args out.
    config = S3StorageConfig(
        endpoint_url="http://127.0.0.1:1", region_name="x", aws_access_key_id="a", aws_secret_access_key="b",
        upload_args={"SSECustomerKey": "canary-key", "ContentLength": "canary-length", "Metadata": {"n": "canary-3"}},
    )  # fmt: skip
    with AutoStore("s3://bucket/", config) as store, pytest.raises(StorageError, match="ContentLength") as caught:
        store["k.json"] = 1
    assert "canary" not in shown(caught.value)


@pytest.mark.parametrize("uri", [
    "s3://AKIA:canary-password@bucket/", "s3://AKIA%3Acanary-password%40bucket/", "s3://b/?token=canary-password",
    "fsspec+ftp://u:canary-password@127.0.0.1/", "az://c/p?sig=canary-password", "nothing://u:canary-password@h",
])  # fmt: skip
def test_a_refused_address_is_in_no_local_variable(uri):
    """What a crash report shows of our frames holds no address that was refused for its credentials."""
    # Mutations that this was seen to catch: refuses_settings() clears no frames; holds_secret() does not unquote.
    with pytest.raises(StorageError) as caught:
        AutoStore(uri)
    assert "canary-password" not in locals_of_ours(caught.value)
    assert "canary-password" not in "".join(traceback.format_exception_only(caught.value))


@pytest.mark.parametrize("endpoint", [
    "http://u:canary-password@h", "http://h/;sig=canary-password", "http://u%3Acanary-password%40h:1",
    "http:\\\\u:canary-password\\h", "http://canary-password:port", "http://u:canary-password\uff20h",
])  # fmt: skip
def test_an_endpoint_that_is_none_is_not_quoted(endpoint, tmp_path, monkeypatch):
    """Nor from the environment: in whatever spelling, no error and nothing behind it quotes it."""

    # Mutation that this was seen to catch: redacted() without _ENDPOINT.
    def told():
        with pytest.raises(StorageError) as caught:
            AutoStore("s3://bucket/", S3StorageConfig(**settings))["k"]
        return "".join(traceback.format_exception(caught.value))

    settings = {"region_name": "x", "aws_access_key_id": "a", "aws_secret_access_key": "b", "max_retries": 0}
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert "canary-password" not in told()


def test_a_configuration_file_that_cannot_be_read_is_not_quoted(tmp_path, monkeypatch):
    """Neither a line of it, nor what a credential helper printed, in anything that an error carries."""
    # Mutations that this was seen to catch: redacted() without _LINE; quieted() leaves `doc` as it is.
    for text in ("aws_secret_access_key=canary-password\n", "[default]\ncredential_process = echo canary-password\n"):
        (tmp_path / "config").write_text(text)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "config"))
        with pytest.raises(StorageError) as caught:
            AutoStore("s3://bucket/", S3StorageConfig(endpoint_url="http://127.0.0.1:1", region_name="x"))["k"]
        error = caught.value
        while error is not None:
            assert "canary-password" not in f"{error} {error!r} {vars(error)}"
            error = error.__cause__ or error.__context__


def test_options_of_a_file_system_are_in_no_local_variable():
    """A password among the options of fsspec, where it cannot be opened."""
    # Mutation that this was seen to catch: _made() keeps its options.
    pytest.importorskip("fsspec")
    config = FsspecConfig(options={"host": "127.0.0.1", "port": 1, "username": "u", "password": "canary-password"})
    with pytest.raises(StorageError) as caught:
        AutoStore("fsspec+ftp://127.0.0.1/", config)["k"]
    assert "canary-password" not in locals_of_ours(caught.value)
