"""Redirects and endpoints: signed requests go where they were addressed, and nowhere else."""

import http.server
import threading

import pytest

from autostore import AutoStore, InvalidKeyError, StorageConnectionError, StorageError
from autostore.s3 import S3StorageConfig
from tests.servers import ACCESS_KEY, SECRET_KEY


class Listener:
    """A server that answers every request alike, and remembers what it was sent."""

    def __init__(self, status, headers, body=b""):
        self.heard = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                listener.heard.append((self.command, self.path, dict(self.headers)))
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

            def log_message(self, *arguments):
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.server.shutdown()
        self.server.server_close()


def config(endpoint, **more):
    return S3StorageConfig(
        endpoint_url=endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1", timeout=3, max_retries=1, **more,
    )  # fmt: skip


def acts(store):
    return [
        lambda: store["k.json"], lambda: store["k"], lambda: store.write("k.json", 1), lambda: list(store),
        lambda: store.exists("k.json"), lambda: store.copy("k.json", "l.json"),
    ]  # fmt: skip


# botocore leaves the answer of a redirect that it refuses to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("engine", "host"), [("boto3", "127.0.0.1"), ("boto3", "localhost"), ("obstore", "localhost")])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_to_another_host(status, engine, host):
    """A server that redirects gets an error raised, and the host it names hears nothing."""
    # Mutations that this was seen to catch: S3Connection.call fetches what Location names; obstore has no proxy_url.
    pytest.importorskip(engine)
    with Listener(200, {"ETag": '"x"'}, b"{}") as thief:
        address = thief.endpoint.replace("127.0.0.1", host)
        location = {"Location": f"{address}/bucket/k.json", "x-amz-bucket-region": "eu-central-1"}
        body = f"<Error><Code>PermanentRedirect</Code><Endpoint>{thief.endpoint[7:]}</Endpoint></Error>".encode()
        with Listener(status, location, body) as server:
            with AutoStore("s3://bucket/", config(server.endpoint, engine=engine)) as store:
                for act in acts(store):
                    with pytest.raises(StorageError, match="redirects|another region" if status != 303 else None):
                        act()
            assert server.heard
        assert thief.heard == []


@pytest.mark.parametrize("body", [b"", b"<html>a captive portal</html>", b'{"a": 1}', b"\0" * 50])
def test_what_answers_but_is_not_s3(body):
    """A web page in the place of the server is an error, never a value, never an empty store."""
    # Mutation that this was seen to catch: S3Connection.call accepts answers without an ETag.
    with Listener(200, {"Content-Type": "text/html"}, body) as server:
        store = AutoStore("s3://bucket/", config(server.endpoint))
        for act in [lambda: store["k.json"], lambda: store.exists("k.json"), lambda: store.get("k.json")]:
            with pytest.raises(StorageConnectionError):
                act()
        store.close()


def test_the_certificate_is_checked(radosgw_https):
    """A server whose certificate nobody vouches for is refused by default; with its CA it is accepted."""
    # Mutation that this was seen to catch: verify=False is handed to the client where it is None.
    bucket = radosgw_https.make_bucket()
    with AutoStore(f"s3://{bucket}/", config(radosgw_https.endpoint)) as store, pytest.raises(StorageConnectionError):
        store["k"] = 1
    with AutoStore(f"s3://{bucket}/", config(radosgw_https.endpoint, verify=radosgw_https.ca_bundle)) as store:
        store["k"] = 1
        assert store["k"] == 1


def test_a_bucket_s_name_cannot_lead_elsewhere():
    """Names that would change the host or the path of a request are refused when the store is made or used."""
    # Mutation that this was seen to catch: S3Backend takes any text for a bucket.
    for name in ("a@evil.example", "x:80", "%2e%2e", "a?b", "a#b", "a b", "a\\b", "[::1]", ""):
        with pytest.raises(InvalidKeyError):
            AutoStore(f"s3://{name}/prefix", config("http://127.0.0.1:1"))
    with Listener(200, {}) as server:
        for name in ("..", "-", "evil.example/../x"):
            with pytest.raises(StorageError):
                AutoStore(f"s3://{name}", config(server.endpoint))["k"]


def test_anonymous_requests_are_not_signed():
    """With `anonymous` nothing is sent that tells who asks."""
    # Mutation that this was seen to catch: anonymous is not handed on.
    with Listener(404, {}, b"<Error><Code>NoSuchKey</Code></Error>") as server:
        settings = S3StorageConfig(endpoint_url=server.endpoint, region_name="us-east-1", anonymous=True, timeout=3)
        with AutoStore("s3://bucket/", settings) as store:
            assert store.get("k.json") is None
        assert server.heard
        assert not [headers for _, _, headers in server.heard if "Authorization" in headers]
