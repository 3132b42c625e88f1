"""Large objects: in parts, of one version, in flat memory, and with nothing left behind."""

import base64
import hashlib
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from autostore.backends.cloud.boto3.connection import S3Connection
from autostore.backends.cloud.boto3.copies import Origin, copy_parts
from autostore.backends.cloud.boto3.said import headers_of
from autostore.engine.objects import said_by
from autostore.errors import StorageError
from autostore.mark import Mark
from tests.proxy import Fault, Proxy
from tests.s3.tools import bucket_of, get, noise, put

MIB = 1 << 20


@pytest.fixture
def parts(s3_server, proxy, open_backend):
    """A backend behind the proxy that moves everything from 6 MiB on in parts of 5 MiB."""
    backend = open_backend(
        s3_server,
        endpoint_url=proxy.endpoint,
        timeout=10,
        multipart_threshold=6 * MIB,
        multipart_chunksize=5 * MIB,
    )
    backend.find("warm", [".up"])
    return backend


@pytest.mark.parametrize("size", [6 * MIB - 1, 6 * MIB, 10 * MIB, 10 * MIB + 1, 23 * MIB])
def test_every_size_arrives_whole(parts, size):
    """Sizes around the threshold and the part size keep bytes, mark and type, in parts or not."""
    data, mark = noise(size), Mark.fresh("x")
    sent = put(parts, "x.json", data, mark=mark)
    assert get(parts, "x.json") == data
    found = parts.get_metadata("x.json")
    assert (found.etag, found.content_type, found.size) == (sent.etag, "application/json", size)
    assert (found.mark.time_ns, found.mark.id) == (mark.time_ns, mark.id)


def test_a_failed_upload_leaves_nothing(parts, proxy, s3_server):
    """An upload whose parts fail is aborted: no object, no dangling parts."""
    proxy.fault = lambda request: Fault("status", status=400, code="BadDigest") if request.kind == "PART" else None
    with pytest.raises(StorageError, match="BadDigest"):
        put(parts, "x.bin", noise(12 * MIB))
    proxy.fault = None
    bucket, _ = bucket_of(parts)
    raw = s3_server.raw()
    assert not raw.list_multipart_uploads(Bucket=bucket).get("Uploads")
    raw.close()
    assert list(parts.list_files()) == []


def test_a_lost_answer_to_complete_is_no_failure(parts, proxy):
    """Where COMPLETE arrived and only its answer was lost, the upload succeeded, once."""
    lost = []

    def fault(request):
        if request.kind == "COMPLETE" and not lost:
            lost.append(request)
            return Fault("lost")
        return None

    proxy.fault = fault
    data = noise(12 * MIB)
    sent = put(parts, "x.bin", data)
    assert lost
    assert parts.get_metadata("x.bin").etag == sent.etag
    assert get(parts, "x.bin") == data


def test_an_object_replaced_in_the_middle_is_never_mixed(parts, proxy, s3_server):
    """A download during which the object is replaced gives one version or the other, of every part."""
    bucket, prefix = bucket_of(parts)
    versions = [noise(16 * MIB, seed) for seed in range(3)]
    raw = s3_server.raw()
    raw.put_object(Bucket=bucket, Key=f"{prefix}x.bin", Body=versions[0])
    waiting, guard = [versions[1], versions[2]], threading.Lock()

    def replace(request):
        with guard:
            if "range" in request.headers and waiting:
                raw.put_object(Bucket=bucket, Key=f"{prefix}x.bin", Body=waiting.pop(0))

    proxy.before = replace
    try:
        assert get(parts, "x.bin") in versions
    finally:
        proxy.before = None
        raw.close()
    assert not waiting
    assert get(parts, "x.bin") == versions[2]


def test_an_object_replaced_all_the_time_is_one_version(parts, proxy, s3_server):
    """Even where every range meets a new version, the download ends, and gives one of them."""
    bucket, prefix = bucket_of(parts)
    raw = s3_server.raw()
    count = [0]

    def write():
        count[0] += 1
        raw.put_object(Bucket=bucket, Key=f"{prefix}x.bin", Body=bytes([count[0] % 251]) * (12 * MIB))

    write()
    proxy.before = lambda request: write() if "range" in request.headers else None
    data = get(parts, "x.bin")
    proxy.before = None
    raw.close()
    assert data == data[:1] * (12 * MIB)


def test_a_broken_body_is_asked_for_again_where_it_broke(parts, proxy):
    """A stream that ends early goes on from there, by a range of the same version."""
    data = noise(5 * MIB)
    put(parts, "x.bin", data)
    broken = []

    def fault(request):
        if request.kind == "GET" and len(broken) < 3:
            broken.append(request)
            return Fault("cut" if len(broken) % 2 else "short", at=MIB + 17)
        return None

    proxy.fault = fault
    assert get(parts, "x.bin") == data
    assert len(broken) == 3
    assert "range" in proxy.requests[-1].headers


def test_a_body_that_stays_short_is_an_error_and_no_file(s3_server, proxy, open_backend):
    """Where nothing more comes, the download fails, typed, and leaves no file."""
    backend = open_backend(s3_server, endpoint_url=proxy.endpoint, max_retries=1)
    put(backend, "x.bin", b"12345")
    proxy.fault = lambda request: Fault("short", at=0)
    with backend.scratch_file() as file:
        with pytest.raises(StorageError):
            backend.download("x.bin", file)
        assert not file.exists()


def test_a_bit_flipped_on_the_way_is_noticed(radosgw_s3, open_backend):
    """What arrives is what was sent: the server checks every body against the signature."""
    with Proxy(radosgw_s3.endpoint) as proxy:
        backend = open_backend(
            radosgw_s3, endpoint_url=proxy.endpoint, multipart_threshold=6 * MIB, multipart_chunksize=5 * MIB
        )
        proxy.fault = lambda request: Fault("flip") if request.kind in ("PUT", "PART") else None
        for size in (5, 7 * MIB):
            with pytest.raises(StorageError):
                put(backend, "x.bin", noise(size))
        proxy.fault = None
        assert list(backend.list_files()) == []


def test_parallel_ranges_use_the_whole_line(s3_server, proxy, open_backend):
    """Where each connection is slow, ten of them are several times faster than one."""
    settings = {"endpoint_url": proxy.endpoint, "multipart_chunksize": 5 * MIB}
    many = open_backend(s3_server, multipart_threshold=6 * MIB, **settings)
    one = open_backend(s3_server, bucket=bucket_of(many)[0], multipart_threshold=1 << 40, **settings)
    put(many, "x.bin", noise(40 * MIB))
    proxy.bytes_per_second = 20 * MIB
    took = []
    for backend in (one, many):
        begun = time.monotonic()
        assert len(get(backend, "x.bin")) == 40 * MIB
        took.append(time.monotonic() - begun)
    assert took[1] < took[0] / 2


@pytest.mark.parametrize(
    ("mib", "sent"), [(16, [8, 8]), (18, [3, 5, 5, 5]), (24, [6, 6, 6, 6]), (36, [6] * 6), (200, [8] * 25)]
)
def test_the_last_turn_of_the_parts_is_full(moto_s3, open_backend, mib, sent):
    """Where the parts take some turns in all connections, they are cut so that none is idle in the last one."""
    with Proxy(moto_s3.endpoint) as proxy:
        settings = {"multipart_threshold": MIB, "multipart_chunksize": 8 * MIB, "max_concurrency": 2}
        backend = open_backend(moto_s3, endpoint_url=proxy.endpoint, **settings)
        data = noise(mib * MIB)
        put(backend, "x.bin", data)
        assert get(backend, "x.bin") == data
        sizes = [int(request.headers["content-length"]) for request in proxy.requests if request.kind == "PART"]
        assert sorted(sizes) == [size * MIB for size in sent]


def test_copies_by_parts_are_whole_and_of_one_version(s3_server, open_backend):
    """A copy in parts, as S3 demands above 5 GiB, has the bytes and sets the mark."""
    backend = open_backend(s3_server, multipart_threshold=6 * MIB)
    bucket, prefix = bucket_of(backend)
    data, mark = noise(12 * MIB), Mark.fresh("x")
    put(backend, "x.json", data)
    connection = S3Connection(bucket, s3_server.config(multipart_chunksize=5 * MIB))
    found = connection.call("head_object", Key=f"{prefix}x.json")
    said = said_by("y.json", mark, {}, write_id="w")
    copy_parts(connection, Origin(connection.bucket, f"{prefix}x.json"), f"{prefix}y.json", found, headers_of(said))
    connection.close()
    assert get(backend, "y.json") == data
    assert backend.get_metadata("y.json").mark.id == mark.id


def test_old_unfinished_uploads_are_swept(moto_s3, open_backend):
    """Uploads in parts that a killed process left are aborted a day later, others' prefixes are not touched."""
    backend = open_backend(moto_s3)
    bucket, prefix = bucket_of(backend)
    raw = moto_s3.raw()
    for key in (f"{prefix}x.bin", "other/x.bin"):
        raw.create_multipart_upload(Bucket=bucket, Key=key)  # moto dates every upload into 2010
    backend.sweep()
    assert [upload["Key"] for upload in raw.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["other/x.bin"]
    raw.close()


def test_uploads_under_way_are_not_swept(radosgw_s3, open_backend):
    """An upload of this hour is somebody's work."""
    backend = open_backend(radosgw_s3)
    bucket, prefix = bucket_of(backend)
    raw = radosgw_s3.raw()
    upload = raw.create_multipart_upload(Bucket=bucket, Key=f"{prefix}x.bin")["UploadId"]
    backend.sweep()
    assert len(raw.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    raw.abort_multipart_upload(Bucket=bucket, Key=f"{prefix}x.bin", UploadId=upload)
    raw.close()


MEASURE = """
    import os, resource, sys
    from pathlib import Path
    from autostore.keys import parse_uri
    from autostore.s3 import S3Backend, S3StorageConfig

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    endpoint, bucket, folder, size = sys.argv[1:]
    config = S3StorageConfig(
        endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="testsecret", region_name="us-east-1"
    )
    backend = S3Backend(parse_uri(f"s3://{bucket}/m/"), config)
    backend.find("x", [".bin"])
    idle = peak()
    file = Path(folder, "big")
    with file.open("wb") as target:
        target.truncate(int(size))
    backend.upload(file, "x.bin")
    backend.download("x.bin", Path(folder, "back"))
    print(peak() - idle)
    backend.close()
"""


def test_memory_does_not_grow_with_the_object(radosgw_s3, tmp_path):
    """A client that moves 256 MiB up and down needs less than 120 MB more than an idle one."""
    command = [sys.executable, "-c", textwrap.dedent(MEASURE), radosgw_s3.endpoint, radosgw_s3.make_bucket()]
    done = subprocess.run(
        [*command, str(tmp_path), str(256 * MIB)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 120


def test_many_large_transfers_at_once_share_the_threads(parts):
    """Eight large objects at once, up and down, arrive whole."""
    data = [noise(7 * MIB, seed) for seed in range(8)]
    failed = []

    def work(number):
        try:
            put(parts, f"{number}.bin", data[number])
            assert get(parts, f"{number}.bin") == data[number]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_put_names_the_digest_of_its_bytes(parts, proxy):
    """A client that dies after the headers leaves no empty object: the server has what to compare with."""
    data = noise(1_000)
    put(parts, "x.bin", data)
    sent = [request.headers for request in proxy.requests if request.method == "PUT"]
    digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    assert [{name.lower(): value for name, value in headers.items()}["content-md5"] for headers in sent] == [digest]


def test_a_table_that_fits_in_one_part_names_its_digest_too(parts, proxy):
    """Whatever way its bytes came."""
    with parts.receive("x.bin") as incoming:
        incoming.write(data := noise(1_000))
        incoming.publish(None)
    (sent,) = [request for request in proxy.requests if request.method == "PUT"]
    digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    assert {name.lower(): value for name, value in sent.headers.items()}["content-md5"] == digest
