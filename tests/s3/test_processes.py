"""One backend, many threads and processes: clients are never shared over fork, and pickle reopens."""

import os
import pickle
import subprocess
import sys
import threading

import pytest

from autostore.keys import parse_uri
from autostore.s3 import S3Backend, S3StorageConfig
from tests.s3.conftest import each_engine
from tests.s3.tools import get, put

engine = each_engine()


def fork(work):
    """Run `work()` in a forked child; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def status_of(child):
    """0 where the child's work succeeded."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_has_its_own_connections(backend):
    """Parent and children use one backend at once and each gets its own answers."""
    for number in range(4):
        put(backend, f"{number}.bin", bytes([number]) * 50_000)

    def check(number):
        for _ in range(20):
            assert get(backend, f"{number}.bin") == bytes([number]) * 50_000

    children = [fork(lambda number=number: check(number)) for number in range(3)]
    check(3)
    assert [status_of(child) for child in children] == [0, 0, 0]


def test_a_fork_beside_a_busy_thread_works(backend):
    """A child forked while another thread uses, or just opens, the client is not stuck."""
    put(backend, "x.bin", b"1")
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            backend.close()
            get(backend, "x.bin")

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        assert status_of(fork(lambda: get(backend, "x.bin"))) == 0
    finally:
        stop.set()
        thread.join()


def test_threads_share_one_client(backend):
    """Sixteen threads that begin at once on a fresh backend get their own answers."""
    failed, begin = [], threading.Barrier(16)

    def work(number):
        begin.wait()
        try:
            data = bytes([number]) * 1000
            for _ in range(5):
                put(backend, f"{number}.bin", data)
                assert get(backend, f"{number}.bin") == data
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_pickling_reopens(backend):
    """A pickled backend reads the same objects by connections of its own."""
    put(backend, "x.bin", b"1")
    again = pickle.loads(pickle.dumps(backend))
    assert isinstance(again, S3Backend)
    assert (again.uri, again.config) == (backend.uri, backend.config)
    assert get(again, "x.bin") == b"1"
    again.close()


def test_a_closed_backend_opens_again(backend):
    """`close()` drops what is open, and the next use opens it again."""
    put(backend, "x.bin", b"1")
    backend.close()
    assert get(backend, "x.bin") == b"1"


@pytest.mark.parametrize("with_slash", ["s3://b-1/data", "s3://b-1/data/", "s3://b-1/data//"])
def test_a_prefix_means_the_same_with_and_without_its_slash(with_slash):
    """`s3://bucket/data` and `s3://bucket/data/` are one place."""
    assert S3Backend(parse_uri(with_slash), S3StorageConfig()).uri == "s3://b-1/data/"


def test_importing_the_backend_needs_no_boto3():
    """`autostore.s3` is importable without boto3; a backend says what it lacks when it is made."""
    program = (
        "import sys; sys.modules['boto3'] = None; sys.modules['botocore'] = None\n"
        "from autostore.errors import MissingDependencyError\n"
        "from autostore.keys import parse_uri\n"
        "from autostore.s3 import S3Backend, S3StorageConfig\n"
        "try: S3Backend(parse_uri('s3://b-1/'), S3StorageConfig())\n"
        "except MissingDependencyError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "dagster-autostore[s3]" in done.stdout
