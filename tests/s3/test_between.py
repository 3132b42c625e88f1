"""What stands between here and S3 is named for what it is: strangers, proxies, certificates and their files."""

import datetime as dt
import socket
import ssl
import threading
import traceback

import pytest

from autostore import AutoStore, InvalidConfigError, StorageConnectionError, StorageError, StoragePermissionError
from autostore.s3 import S3StorageConfig
from tests.almost_s3 import AlmostS3, Answer
from tests.s3.conftest import each_engine

engine = each_engine()
TOKEN = "canary-token-of-a-session"
PAGE = b"<html><head><title>400</title></head><body><hr>Please log in<br></body></html>"


def store_at(endpoint, engine, **settings):
    return AutoStore("s3://bucket/", S3StorageConfig(
        endpoint_url=endpoint, engine=engine, aws_access_key_id="AKIA", aws_secret_access_key="canary-secret",
        aws_session_token=TOKEN, region_name="us-east-1", timeout=3, max_retries=0, **settings,
    ))  # fmt: skip


def fails(store, error, said, unsaid="upload_args"):
    """Every kind of call raises this error, whose text says what it is, and blames nothing else."""
    for call in (
        lambda: store["k.json"],
        lambda: store.get("k"),
        lambda: list(store),
        lambda: store.write("k.json", 1),
    ):
        with pytest.raises(StorageError, match=said) as caught:
            call()
        assert isinstance(caught.value, error)
        assert unsaid not in str(caught.value)
        assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("body", [PAGE, b"<html><body>Please log in</body></html>", b""])
@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (400, StorageConnectionError, r"is not S3 \(400\)"),  # of nginx: a plain request to a port of https
        (401, StoragePermissionError, r"refused \(401\), and nothing in the answer is S3's"),
        (403, StoragePermissionError, r"refused \(403\), and nothing in the answer is S3's"),
        (407, StorageConnectionError, r"proxy wants a name and a password"),
        (451, StorageConnectionError, r"is not S3 \(451\)"),
    ],
)
def test_a_stranger_s_refusal_is_not_s3_s(engine, status, error, said, body):
    """It was the store's credentials, or `upload_args`, that were to be checked."""
    with AlmostS3() as server, store_at(server.endpoint, engine) as store:
        head = [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]
        server.spoil = lambda answer: Answer(answer.operation, status, head, body)
        fails(store, error, said, unsaid="session token")


def test_a_page_under_a_success_is_no_failure_of_s3(engine):
    """It was said that S3 failed with 500, and to raise `max_retries`."""
    with AlmostS3() as server, store_at(server.endpoint, engine) as store:
        head = [("Content-Type", "text/html"), ("Content-Length", str(len(PAGE)))]
        server.spoil = lambda answer: Answer(answer.operation, 200, head, PAGE)
        fails(store, StorageConnectionError, "what stands between here and there", unsaid="max_retries")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["/bucket/k.json/", "/login", "other", "../..", "http://127.0.0.1:1/k.json"])
def test_who_sends_on_says_nothing_of_a_key(engine, status, to):
    """A key that is there was "not stored" where a proxy sent on to a path of the same host, which obstore follows."""
    with AlmostS3() as server, store_at(server.endpoint, engine) as store:
        store["k.json"] = 1
        answers = iter(
            [Answer("GET", status, [("Location", to), ("Content-Length", "0")])] * (1 if to[0] != "h" else 99)
        )
        server.spoil = lambda answer: next(answers, answer)
        for call, right in (
            (lambda: store["k.json"], 1),
            (lambda: store.modify("k.json", lambda value: value).path, "k.json"),
            (lambda: list(store), ["k"]),
        ):
            try:
                assert call() == right
            except StorageConnectionError as error:
                assert "endpoint_url" in str(error)
        server.spoil = None
        assert store["k.json"] == 1


@pytest.mark.parametrize("second", ["false", "FALSE", "", "bytes 0-0/*", None])
def test_a_listing_that_says_twice_whether_it_is_whole_is_refused(engine, second):
    """The last word counted, and the keys of all later pages were absent."""

    def twice(answer):
        said = b"<IsTruncated/>" if second is None else f"<IsTruncated>{second}</IsTruncated>".encode()
        answer.body = answer.body.replace(b"</IsTruncated>", b"</IsTruncated>" + said)
        answer.headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(answer.body)))]
        return answer

    with AlmostS3() as server, store_at(server.endpoint, engine) as store:
        for number in range(5):
            store[f"{number}.json"] = number
        server.spoil = twice
        with pytest.raises(StorageConnectionError, match="IsTruncated"):
            list(store)


def test_an_answer_that_repeats_a_secret_is_not_quoted(engine):
    """What a server says of a request may hold what was sent."""
    text = f"<Error><Code>InvalidRequest</Code><Message>{TOKEN} is wrong</Message></Error>".encode()
    head = [("Content-Type", "application/xml"), ("Content-Length", str(len(text))), ("x-amz-request-id", "1")]
    with AlmostS3() as server, store_at(server.endpoint, engine) as store:
        server.spoil = lambda answer: Answer(answer.operation, 400, head, b"" if answer.operation == "HEAD" else text)
        fails(store, StorageError, "InvalidRequest|400", unsaid=TOKEN)


@pytest.mark.parametrize("file", ["missing", "folder", "empty", "text"])
def test_a_bundle_that_cannot_be_used_is_named(engine, tmp_path, file):
    """It was said that the connection failed, and to pass `verify`."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_text("")
    (tmp_path / "text").write_text("no certificate")
    with AlmostS3() as server:
        there = server.endpoint.replace("http", "https")
        with store_at(there, engine, verify=str(tmp_path / file)) as store:
            fails(store, InvalidConfigError, "CA bundle cannot be used: .*Check verify")
        with store_at(there, engine) as store:
            fails(store, StorageConnectionError, "speaks no TLS", unsaid="verify")


def served(certificate, key):
    """The port of a server that shows the certificate, and says nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            try:
                context.wrap_socket(taken, server_side=True).close()
            except OSError:
                taken.close()

    threading.Thread(target=serve, daemon=True).start()
    return listening


@pytest.mark.parametrize(
    ("name", "days", "said"),
    [("localhost", -1, "has expired.*renewed"), ("elsewhere.example", 9, "Check endpoint_url: its host")],
)
def test_why_a_certificate_is_not_taken(engine, tmp_path, name, days, said):
    """An expired one, or one of another host, no bundle mends."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(9)).not_valid_after(now + dt.timedelta(days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    form = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    (tmp_path / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    (tmp_path / "pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    with served(tmp_path / "pem", tmp_path / "key") as listening:
        there = f"https://localhost:{listening.getsockname()[1]}"
        with store_at(there, engine, verify=str(tmp_path / "pem")) as store:
            fails(store, StorageConnectionError, said, unsaid="ca-bundle")


def test_a_proxy_is_named(engine, monkeypatch):
    """One that is not there, and one that wants to be told who asks: it was said to check `endpoint_url`."""
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary-password@127.0.0.1:9")
    with store_at("https://s3.example.invalid", engine) as store:
        fails(store, StorageConnectionError, "proxy could not be reached.*HTTPS_PROXY", unsaid="endpoint_url")
    with AlmostS3() as server:
        monkeypatch.setenv("HTTPS_PROXY", server.endpoint.replace("//", "//user:canary-password@"))
        server.right = lambda request: Answer("CONNECT", 407)
        with store_at("https://s3.example.invalid", engine) as store:
            fails(store, StorageConnectionError, "proxy (wants a name|refuses)", unsaid="endpoint_url")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "NoSuchAccessPoint", "name of the access point"),
        (501, "NotImplemented", "server lacks what was asked"),
        (400, "KeyTooLongError", "shorter key"),
        (403, "QuotaExceeded", "free some room"),
        (403, "InvalidPayer", "ask its owner"),
    ],
)
def test_the_remedy_is_that_of_the_refusal(engine, status, code, said):
    """It was `upload_args` or the credentials that were to be checked, and a condition that was not kept."""
    text = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    head = [("Content-Type", "application/xml"), ("Content-Length", str(len(text))), ("x-amz-request-id", "1")]
    with AlmostS3() as server, store_at(server.endpoint, engine) as store:
        server.spoil = lambda answer: Answer(answer.operation, status, head, text)
        for call in (lambda: store["k.json"], lambda: store.write("k.json", 1)):
            with pytest.raises(StorageError, match=said):
                call()


def test_two_at_once_is_not_a_condition_that_the_server_ignores(engine):
    """409 OperationAborted: S3 is to be asked again; it was said to refuse a condition that holds."""
    text = b"<Error><Code>OperationAborted</Code><Message>no</Message></Error>"
    head = [("Content-Type", "application/xml"), ("Content-Length", str(len(text))), ("x-amz-request-id", "1")]
    with AlmostS3() as server, store_at(server.endpoint, engine) as store:

        def spoil(answer):
            if answer.operation != "PUT":
                return answer
            server.objects.clear()
            return Answer(answer.operation, 409, head, text)

        server.spoil = spoil
        with pytest.raises(StorageConnectionError, match=r"OperationAborted.*Try again"):
            store.write("k.json", 1, if_absent=True)


def test_a_server_without_ranges_is_named_with_key_and_store(engine):
    """It was the object's whole name, in the bucket."""
    with AlmostS3() as server:
        server.ignores_ranges = True
        with store_at(server.endpoint, engine, multipart_threshold=50 << 20) as store:
            store["data/k.bin"] = bytes(12 << 20)
        part = AutoStore("s3://bucket/data/", S3StorageConfig(
            endpoint_url=server.endpoint, engine="boto3", aws_access_key_id="a", aws_secret_access_key="b",
            region_name="x", max_retries=0, multipart_threshold=5 << 20, multipart_chunksize=5 << 20,
        ))  # fmt: skip
        with pytest.raises(StorageConnectionError, match=r"ranges \(key 'k.bin' in s3://bucket/data/\)"):
            part["k.bin"]


def test_a_broken_aws_configuration_is_named(tmp_path, monkeypatch):
    """It was the bucket's name that was to be checked."""
    (tmp_path / "config").write_text("no section\n[[[")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with AlmostS3() as server, store_at(server.endpoint, "boto3") as store:
        fails(store, InvalidConfigError, r"parse config file.*Correct the AWS configuration", unsaid="bucket's name")
