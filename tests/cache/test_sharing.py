"""Many threads and processes on one cache: right without locks, and thrifty with them."""

import fcntl
import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.s3.tools import bucket_of

SECONDS = float(os.environ.get("AUTOSTORE_TEST_SECONDS", "4"))
"""60 in a long run."""


def many(count, work):
    """Run `work(number)` in threads; what went wrong in them."""
    failed = []

    def run(number):
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def busy(open_reader, server, bucket, seed, seconds):
    """Four threads that read, write, clean and remove for a while, and check each read."""
    reader = open_reader(server, bucket=bucket, cache_max_bytes=60_000)
    end = time.monotonic() + seconds

    def work(number):
        dice = random.Random(f"{seed}-{number}")
        while time.monotonic() < end:
            path = f"{dice.randrange(12)}.bin"
            if dice.random() < 0.1:
                reader.put(path, bytes([dice.randrange(256)]) * dice.choice([100, 9_000]))
            elif dice.random() < 0.02:
                reader.copies.cleanup()
            else:
                with reader.copies.open(path, Path(path).suffix) as (file, found):
                    data = file.read_bytes()
                assert len(data) == found.size
                assert data == data[:1] * len(data)

    return many(4, work)


def test_six_processes_with_four_threads_share_a_small_cache(radosgw_s3, open_reader):
    """Readers, writers, eviction and cleaning at once: no error, no torn or foreign bytes."""
    bucket = radosgw_s3.make_bucket()
    reader = open_reader(radosgw_s3, bucket=bucket)
    for number in range(12):
        reader.put(f"{number}.bin", bytes([number]) * 9_000)
    children = []
    for seed in range(5):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = len(busy(open_reader, radosgw_s3, bucket, seed, SECONDS))
            finally:
                os._exit(status)
        children.append(child)
    assert busy(open_reader, radosgw_s3, bucket, 5, SECONDS) == []
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 5


def test_one_download_serves_all_who_wait(s3_server, proxy, open_reader):
    """Of 40 staggered readers of one slow object the first fetches the body, the others are told 304."""
    reader = open_reader(s3_server, endpoint_url=proxy.endpoint)
    reader.put("x.bin", bytes(400_000))
    proxy.bytes_per_second = 1_000_000

    def work(number):
        time.sleep(number * 0.005)
        assert reader.read("x.bin") == bytes(400_000)

    assert many(40, work) == []
    gets = [request for request in proxy.requests if request.kind == "GET"]
    assert len(gets) == 40
    assert sum(request.received for request in gets) == 400_000


def test_a_failing_server_does_not_queue_its_readers(s3_server, proxy, open_reader):
    """Readers who wait for another's download that fails do not wait for each other's failures."""
    reader = open_reader(s3_server, endpoint_url=proxy.endpoint, timeout=1, max_retries=0)
    reader.put("x.bin", b"1")
    proxy.latency = 3
    begun = time.monotonic()
    assert len(many(10, lambda _: reader.read("x.bin"))) == 10
    assert time.monotonic() - begun < 7


@pytest.fixture(params=["no-op", "refused"])
def no_locks(request, monkeypatch):
    """A file system where file locks do nothing, or where they are refused."""

    def flock(descriptor, operation):
        if request.param == "refused":
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_no_lock_is_needed_to_be_right(no_locks, radosgw_s3, open_reader):
    """The same holds where file locks do nothing."""
    bucket = radosgw_s3.make_bucket()
    reader = open_reader(radosgw_s3, bucket=bucket)
    for number in range(12):
        reader.put(f"{number}.bin", bytes([number]) * 9_000)
    assert busy(open_reader, radosgw_s3, bucket, 7, min(SECONDS, 2)) == []
    assert bucket_of(reader.backend)[0] == bucket


def test_a_killed_reader_leaves_a_cache_that_works(s3_server, open_reader, proxy, cache_dir):
    """A process killed in the middle of a download blocks nobody and breaks nothing."""
    reader = open_reader(s3_server, endpoint_url=proxy.endpoint)
    reader.put("x.bin", bytes(500_000))
    proxy.bytes_per_second = 500_000
    child = os.fork()
    if child == 0:
        try:
            reader.read("x.bin")
        finally:
            os._exit(0)
    time.sleep(0.4)
    os.kill(child, 9)
    os.waitpid(child, 0)
    proxy.bytes_per_second = None
    assert reader.read("x.bin") == bytes(500_000)
    assert reader.read("x.bin") == bytes(500_000)
