"""Each engine keeps the contract on each server, and what one declines the other does: nobody sees which it was."""

import base64
import hashlib
import os
import subprocess
import sys
import threading
import time
import traceback

import pytest

from autostore import AutoStore
from autostore.backends.cloud.boto3.engine import Boto3Engine
from autostore.backends.cloud.choosing import Together
from autostore.engine.contract import Declined, Engine
from autostore.errors import StorageConnectionError, StorageError, StoragePermissionError
from autostore.keys import parse_uri
from autostore.s3 import S3Backend, S3StorageConfig
from autostore.testing import EngineContract
from tests.almost_s3 import AlmostS3
from tests.proxy import Fault, Proxy
from tests.s3.raw import RawBucket
from tests.s3.test_contract import S3Contract
from tests.s3.test_processes import fork, status_of
from tests.s3.tools import get, noise, put

needs_obstore = pytest.mark.usefixtures("obstore")


@pytest.fixture
def obstore():
    return pytest.importorskip("obstore", reason="needs the extra `fast`: pip install 'dagster-autostore[fast]'")


@pytest.fixture(params=["moto", "radosgw", "seaweedfs"])
def server(request):
    return request.getfixturevalue(f"{request.param}_s3")


def engine_of(config, bucket):
    return S3Backend(parse_uri(f"s3://{bucket}/data/"), config)._engine


class Both(RawBucket, EngineContract):
    @pytest.fixture
    def engine(self, server):
        self.bucket, self.client = server.make_bucket(), server.raw()
        engine = self.made(server)
        yield engine
        engine.close()
        self.client.close()


class TestBoto3(Both):
    """boto3 declines nothing."""

    does = (
        "head",
        "get",
        "last_bytes",
        "read",
        "put",
        "put_bytes",
        "put_parts",
        "delete",
        "pages",
        "page",
        "copy",
        "duplicate",
    )

    def made(self, server):
        return engine_of(server.config(engine="boto3"), self.bucket)


@needs_obstore
class TestObstore(Both):
    """obstore reads, whole and in ranges, and writes."""

    does = ("get", "last_bytes", "read", "put", "put_bytes")

    def made(self, server):
        return engine_of(server.config(engine="obstore"), self.bucket).first


@needs_obstore
class TestS3ByObstore(S3Contract):
    """The backend's contract with obstore in front, where it is most unlike boto3: on a real server."""

    @pytest.fixture
    def server(self, radosgw_s3):
        return radosgw_s3

    @pytest.fixture
    def backend(self, server, raw, open_backend):
        backend = open_backend(server, engine="obstore")
        assert backend.engine == "obstore"
        backend.raw_client = raw
        return backend


def opened(server, **settings):
    bucket = settings.pop("bucket", None) or server.make_bucket()
    return AutoStore(f"s3://{bucket}/data/", server.config(**settings))


def asked(store):
    """Whether obstore itself answers."""
    first = store._place._engine
    if not isinstance(first, Together):
        return False
    try:
        with store._place.scratch_file() as file:
            first.first.get("x.bin", file)
    except Declined:
        return False
    return True


@needs_obstore
def test_it_is_chosen_forced_or_forbidden_and_told(moto_s3):
    """`engine=` decides, and a store's repr and `info` say what was decided."""
    for engine, told in [("auto", "obstore"), ("obstore", "obstore"), ("boto3", "boto3")]:
        with opened(moto_s3, engine=engine) as store:
            store["x.bin"] = b"1"
            assert repr(store) == f"AutoStore({store.uri!r}, engine={told!r})"
            assert store.info("x.bin").engine == told
            assert asked(store) == (told == "obstore")


def test_without_it_boto3_does_everything(moto_s3):
    """A process without obstore works with boto3 alone; where it is demanded the error says which extra."""
    program = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'obstore': raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from autostore import AutoStore, MissingDependencyError\n"
        "from autostore.s3 import S3StorageConfig\n"
        "uri, endpoint = sys.argv[1:]\n"
        "settings = dict(endpoint_url=endpoint, region_name='us-east-1')\n"
        "settings |= dict(aws_access_key_id='a', aws_secret_access_key='b')\n"
        "with AutoStore(uri, S3StorageConfig(**settings)) as store:\n"
        "    store['k'] = 1; assert store['k'] == 1; print(store)\n"
        "try: AutoStore(uri, S3StorageConfig(engine='obstore', **settings))\n"
        "except MissingDependencyError as error: print(error)\n"
    )
    arguments = [sys.executable, "-c", program, f"s3://{moto_s3.make_bucket()}/", moto_s3.endpoint]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    assert "engine='boto3'" in done.stdout
    assert "dagster-autostore[fast]" in done.stdout


@needs_obstore
@pytest.mark.parametrize(
    "settings",
    [
        {"upload_args": {"StorageClass": "STANDARD"}},
        {"verify": False},
        {"checksums": True},
        {"addressing_style": "virtual"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_that_only_boto3_keeps(moto_s3, settings):
    """Encryption and other upload arguments, certificates of one's own, checksums, styles: boto3 does all."""
    assert opened(moto_s3, bucket="b-1", **settings)._place.engine == "boto3"


@needs_obstore
@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTP_PROXY", "http://127.0.0.1:1"), ("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms"), ("AWS_PROXY_URL", "http://x")],
)
def test_an_environment_that_only_one_of_both_reads(moto_s3, monkeypatch, name, value):
    """A proxy, or what obstore finds in the environment and boto3 would not, leaves all to boto3."""
    monkeypatch.setenv(name, value)
    assert opened(moto_s3, bucket="b-1")._place.engine == "boto3"


@needs_obstore
def test_no_import_of_boto3_where_obstore_does_it(moto_s3):
    """A process that reads one named value never imports boto3, which would take most of its time."""
    with opened(moto_s3) as store:
        store["x.json"] = {"a": 1}
    program = (
        "import sys\n"
        "from autostore import AutoStore\n"
        "from autostore.s3 import S3StorageConfig\n"
        "uri, endpoint = sys.argv[1:]\n"
        "settings = dict(endpoint_url=endpoint, region_name='us-east-1')\n"
        "settings |= dict(aws_access_key_id='a', aws_secret_access_key='b')\n"
        "assert AutoStore(uri, S3StorageConfig(**settings))['x.json'] == {'a': 1}\n"
        "assert not {'boto3', 'botocore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, store.uri, moto_s3.endpoint], timeout=60, check=True)


@pytest.mark.parametrize("engine", ["auto", "boto3"])
def test_a_kept_error_holds_no_connection(moto_s3, engine):
    """After `close()` no connection of before is used, though an error that somebody keeps refers to the client."""
    # Mutation that this was seen to catch: `close()` that only forgets the client, and so waits for the collector.
    with Proxy(moto_s3.endpoint) as proxy:
        store = opened(moto_s3, engine=engine, endpoint_url=proxy.endpoint)
        store["x.bin"] = b"1"
        with pytest.raises(KeyError) as kept:
            store["absent.bin"]
        store.close()
        assert store["x.bin"] == b"1"  # opens again
        store.close()
        proxy.close()
        with pytest.raises(StorageConnectionError):
            store["x.bin"]
        assert "absent.bin" in str(kept.value)


@needs_obstore
def test_forks_leave_it_to_boto3(moto_s3, open_backend):
    """A process that forks while obstore is busy neither hangs nor shares a connection: its child uses boto3."""
    backend = open_backend(moto_s3, engine="obstore")
    put(backend, "x.bin", b"1" * 1000)
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            get(backend, "x.bin")

    def child():
        assert get(backend, "x.bin") == b"1" * 1000
        put(backend, "child.bin", b"2")
        backend.close()
        fresh = open_backend(moto_s3, bucket=backend.uri.split("/")[2], engine="obstore")
        assert get(fresh, "child.bin") == b"2"
        with pytest.raises(Declined), backend.scratch_file() as file:
            fresh._engine.first.get("x.bin", file)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(3):
            assert status_of(fork(child)) == 0
            assert get(backend, "x.bin") == b"1" * 1000
    finally:
        stop.set()
        thread.join()


@needs_obstore
def test_its_messages_show_no_secret_and_no_address(radosgw_s3):
    """Obstore quotes addresses and the server's words, with key ids; our errors never do, nor what stands behind."""
    secret = "sekret-VALUE-7f3a"
    with opened(radosgw_s3, aws_secret_access_key=secret) as store:
        with pytest.raises(StoragePermissionError) as caught:
            store["x.bin"]
        with pytest.raises(StoragePermissionError):
            store["x.bin"] = b"1"
    shown, behind = "".join(traceback.format_exception(caught.value)), caught.value
    while behind is not None:
        shown += str(behind)
        behind = behind.__cause__ or behind.__context__
    assert secret not in shown
    assert "Debug source" not in shown


@needs_obstore
def test_a_panic_is_no_end(moto_s3, open_backend, monkeypatch, obstore):
    """What panics in Rust is not asked again, and boto3 does it."""
    backend = open_backend(moto_s3, engine="obstore")
    put(backend, "x.bin", b"1")
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    calls = []

    def panics(*arguments, **options):
        calls.append(1)
        raise panic("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(obstore, "get", panics)
    assert get(backend, "x.bin") == b"1"
    assert get(backend, "x.bin") == b"1"
    assert len(calls) == 1


@needs_obstore
def test_a_silent_server_is_given_up_in_time_and_signals_are_heard(moto_s3, proxy_of_moto):
    """A read ends after `timeout`, and a time limit set by a signal ends it at once."""
    import signal

    class LimitError(Exception):
        pass

    def limit(*_):
        raise LimitError

    with opened(moto_s3, endpoint_url=proxy_of_moto.endpoint, timeout=2, max_retries=5) as store:
        store["x.json"] = 1
        proxy_of_moto.latency = 5
        begun = time.monotonic()
        with pytest.raises(StorageConnectionError):
            store["x.json"]
        assert time.monotonic() - begun < 4.5
        before = signal.signal(signal.SIGALRM, limit)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        begun = time.monotonic()
        try:
            with pytest.raises(LimitError):
                store["x.json"]
        finally:
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - begun < 4.5
        proxy_of_moto.latency = 0


@pytest.fixture
def proxy_of_moto(moto_s3):
    with Proxy(moto_s3.endpoint) as proxy:
        yield proxy


@needs_obstore
@pytest.mark.parametrize("kind", ["reset", "lost", "short", "cut", "status"])
def test_a_bad_line(moto_s3, proxy_of_moto, kind):
    """Whatever breaks, the value is right or the error typed, and never absence; what was acknowledged is there."""
    with opened(moto_s3, endpoint_url=proxy_of_moto.endpoint, timeout=3, max_retries=1) as store:
        data, turns, failed = noise(300_000), iter(range(10**6)), 0
        store["keep.bin"] = data
        proxy_of_moto.fault = lambda request: Fault(kind, status=503, at=70_000) if next(turns) % 3 else None
        for number in range(6):
            try:
                assert store["keep.bin"] == data
                store[f"new{number}.bin"] = data
            except StorageError as error:
                assert not isinstance(error, KeyError)
                failed += 1
                continue
            fault, proxy_of_moto.fault = proxy_of_moto.fault, None
            assert store[f"new{number}.bin"] == data
            proxy_of_moto.fault = fault


@pytest.fixture(params=["boto3", "obstore"])
def either(request):
    """The name of each engine that is installed."""
    return pytest.importorskip(request.param, reason="pip install 'dagster-autostore[fast]'").__name__


def test_a_client_that_dies_after_the_headers_leaves_no_object(server, either):
    """No server takes what it did not receive for a value: a digest of the bytes goes before them."""
    with Proxy(server.endpoint) as proxy, opened(server, engine=either, max_retries=0, timeout=5) as near:
        with AutoStore(near.uri, server.config(engine=either, endpoint_url=proxy.endpoint, max_retries=0)) as store:
            proxy.fault = lambda request: Fault("headers") if request.method == "PUT" else None
            for write in ({}, {"if_absent": True}):
                with pytest.raises(StorageError):
                    store.write("x.bin", b"1" * 1000, **write)
        assert proxy.requests
        time.sleep(0.1)  # a server may take a moment to give up
        assert "x.bin" not in near


@needs_obstore
def test_a_put_by_obstore_names_the_digest_of_its_bytes(moto_s3, proxy_of_moto):
    """On a server that is not AWS too; and where checksums are not wanted boto3 sends its own."""
    for checksums in (None, False):
        with opened(moto_s3, endpoint_url=proxy_of_moto.endpoint, checksums=checksums) as store:
            store["x.bin"] = b"abc"
    own, other = (r.headers for r in proxy_of_moto.requests if r.method == "PUT")
    assert base64.b64decode(own["x-amz-checksum-sha256"]) == hashlib.sha256(b"abc").digest()
    assert "x-amz-checksum-sha256" not in other
    assert base64.b64decode(other["content-md5"]) == hashlib.md5(b"abc", usedforsecurity=False).digest()


@needs_obstore
def test_where_a_digest_is_refused_boto3_writes_and_obstore_reads_on(moto_s3, proxy_of_moto):
    """A server that does not know the header is written to by boto3, after three refusals at once."""
    proxy_of_moto.fault = lambda r: Fault("status", status=400) if "x-amz-checksum-sha256" in r.headers else None
    with opened(moto_s3, endpoint_url=proxy_of_moto.endpoint) as store:
        for number in range(5):
            store["x.bin"] = bytes([number])
            assert store["x.bin"] == bytes([number])
        assert asked(store)
    sent = ["x-amz-checksum-sha256" in request.headers for request in proxy_of_moto.requests if request.kind == "PUT"]
    assert sent == [True, False, True, False, True, False, False, False]


def test_a_slow_line_is_read_to_its_end(moto_s3, proxy_of_moto, either):
    """However long the whole takes, as long as something comes; obstore, which has a limit, gives way to boto3."""
    data = noise(250_000)
    with opened(moto_s3, endpoint_url=proxy_of_moto.endpoint, timeout=1, max_retries=0, engine=either) as store:
        store["k.bin"] = data
        proxy_of_moto.bytes_per_second = 120_000
        begun = time.monotonic()
        assert store["k.bin"] == data
        assert time.monotonic() - begun > 1.5


@pytest.mark.parametrize("size", [0, 5, (1 << 20) + 5])
@pytest.mark.parametrize("shown", ["bytes 0-3/{size}", "bytes 0-3/*", "bytes 1-4/{size}", ""])
def test_a_part_that_nobody_asked_for_is_no_value(either, size, shown):
    """Of 206 to a whole read the part is never taken for the value, whatever it says of itself."""
    whole = noise(size)

    def part(answer):
        if answer.operation == "GET":
            answer.status, answer.body = 206, whole[:4]
            answer.headers = [h for h in answer.headers if h[0] not in ("Content-Length", "Content-Range")]
            answer.headers += [("Content-Length", str(len(answer.body)))]
            answer.headers += [("Content-Range", shown.format(size=size))] if shown else []
        return answer

    with AlmostS3() as server, AutoStore("s3://bucket/", almost(server, either)) as store:
        server.objects["x.bin"] = whole, {}
        server.spoil = part
        with pytest.raises(StorageConnectionError):
            store["x.bin"]


@needs_obstore
@pytest.mark.parametrize("told", [-1, 1, 2_000_000])
@pytest.mark.parametrize("size", [5, (2 << 20) + 5])
def test_a_body_of_another_length_than_the_whole_is_no_value(size, told):
    """Where the length of a body and what it says of the whole differ, the whole is read again, by boto3."""
    whole = noise(size)

    def other(answer):
        answer.headers = [
            (name, f"bytes 0-{size + told - 1}/{size + told}" if name == "Content-Range" else value)
            for name, value in answer.headers
        ]
        return answer

    with AlmostS3() as server, AutoStore("s3://bucket/", almost(server, "obstore")) as store:
        server.objects["x.bin"] = whole, {}
        server.spoil = other
        if told > 0 or size > 5:
            assert store["x.bin"] == whole


@needs_obstore
def test_a_server_without_ranges_is_read_by_boto3(tmp_path):
    """One that answers all of an object to a part of it is asked twice for three reads, then at once by boto3."""
    with AlmostS3() as server, AutoStore("s3://bucket/", almost(server, "obstore")) as store:
        server.objects["x.bin"], server.ignores_ranges = (b"abc", {}), True
        for _ in range(5):
            assert store["x.bin"] == b"abc"
        assert server.requests == 3 * 2 + 2
        store.close()
        assert store["x.bin"] == b"abc"
        assert server.requests == 3 * 2 + 2 + 2


@needs_obstore
def test_an_empty_object(moto_s3, proxy_of_moto):
    """It refuses every range, and is then read whole; known to be empty, at once."""
    with opened(moto_s3) as writer:
        writer["e.bin"] = writer["y"] = b""
        writer["x.bin"] = b"1"
    config = moto_s3.config(endpoint_url=proxy_of_moto.endpoint, engine="obstore")
    with AutoStore(writer.uri, config) as store:
        for _ in range(4):
            assert store["e.bin"] == b""
        assert asked(store)
        with proxy_of_moto.counting() as counts:
            assert store["y"] == b""
    assert counts == {"LIST": 1, "GET": 1}


def almost(server, engine):
    return S3StorageConfig(
        endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
        timeout=5, max_retries=0, engine=engine,
    )  # fmt: skip


def test_what_one_declines_the_other_is_asked():
    """No call of the contract ends with the engine that declines it, and boto3 declines none."""
    calls = {name for name, call in vars(Engine).items() if callable(call) and not name.startswith("_")}
    assert calls <= vars(Together).keys()
    assert calls <= vars(Boto3Engine).keys()


def test_an_engine_that_nobody_knows():
    """A misspelt engine is refused by name."""
    with pytest.raises(StorageError, match="obsore"):
        S3StorageConfig(engine="obsore")


@needs_obstore
def test_moto_in_the_process_is_what_a_store_talks_to():
    """`mock_aws` stands in for AWS by boto3: obstore would send the tests' objects to the real one."""
    # Mutation that this was seen to catch: obstore asks nobody whether something stands in.
    program = (
        "import boto3\n"
        "from moto import mock_aws\n"
        "from autostore import AutoStore\n"
        "from autostore.s3 import S3StorageConfig\n"
        "where = dict(endpoint_url='http://127.0.0.1:1', region_name='us-east-1')\n"
        "store = AutoStore('s3://mocked/data', S3StorageConfig(**where, timeout=2, max_retries=0))\n"
        "with mock_aws():\n"
        "    boto3.client('s3', **where).create_bucket(Bucket='mocked')\n"
        "    store['x'] = {'a': 1}\n"
        "    assert store['x'] == {'a': 1} and list(store.keys()) == ['x']\n"
    )
    without = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment = without | {"MOTO_S3_CUSTOM_ENDPOINTS": "http://127.0.0.1:1"}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=True)


@needs_obstore
@pytest.mark.parametrize(
    "name", ["socket.socket.connect", "socket.socket", "botocore.client.BaseClient._make_api_call"]
)
def test_what_tests_forbid_python_no_engine_does(moto_s3, monkeypatch, name):
    """Where a test has taken sockets away (pytest-socket), or the client's calls, nothing is sent past it."""
    with opened(moto_s3) as store:
        store["x.json"] = 1

        def forbidden(*args, **named):
            raise ConnectionRefusedError("no network in tests")

        with monkeypatch.context() as patched:
            patched.setattr(name, forbidden)
            with pytest.raises((StorageError, ConnectionRefusedError)):
                store["x.json"] = 2
        assert store["x.json"] == 1
