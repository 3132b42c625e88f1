"""How many requests each duty costs, counted between the client and the server."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from autostore.engine.objects import LARGEST_PUT
from autostore.errors import PreconditionFailedError, StorageFileNotFoundError
from autostore.mark import Mark
from tests.s3.conftest import each_engine
from tests.s3.tools import bucket_of, get, put

engine = each_engine()

MIB = 1 << 20


def test_small_objects_cost_one_request_each(line, proxy):
    """Write, read, confirmed read, look, find, copy, delete and list: one request."""
    with proxy.counting() as counts:
        etag = put(line, "x.json", b"{}", mark=Mark.fresh("x")).etag
    assert counts == {"PUT": 1}
    with proxy.counting() as counts:
        assert get(line, "x.json") == b"{}"
    assert counts == {"GET": 1}
    with proxy.counting() as counts, line.scratch_file() as file:
        assert line.download("x.json", file, unless_etag=etag) is None
    assert counts == {"GET": 1}
    assert proxy.requests[-1].status == 304
    with proxy.counting() as counts:
        line.get_metadata("x.json")
    assert counts == {"HEAD": 1}
    with proxy.counting() as counts:
        line.find("x", [".json", ".csv"])
    assert counts == {"LIST": 1}
    with proxy.counting() as counts:
        assert line.copy("x.json", "y.json").size == 2
    assert counts == {"COPY": 1}
    with proxy.counting() as counts:
        line.move("x.json", "z.json", if_etag=etag)
    assert counts == {"COPY": 1, "DELETE": 1}
    with proxy.counting() as counts:
        line.delete("y.json")
    assert counts == {"DELETE": 1}
    with proxy.counting() as counts:
        assert [found.path for found in line.list_files()] == ["z.json"]
    assert counts == {"LIST": 1}


def test_an_empty_object_costs_one_request_too(line, proxy):
    """Nothing begins with a range, which an empty object refuses."""
    put(line, "x.bin", b"")
    with proxy.counting() as counts:
        assert get(line, "x.bin") == b""
    assert counts == {"GET": 1}


def test_conditional_writes_cost_one_request(line, proxy):
    """A condition that holds is part of the PUT; only the first `if_etag` may have to learn the server's form."""
    with proxy.counting() as counts:
        etag = put(line, "x.bin", b"1", if_absent=True).etag
    assert counts == {"PUT": 1}
    etag = put(line, "x.bin", b"2", if_etag=etag).etag
    with proxy.counting() as counts:
        put(line, "x.bin", b"3", if_etag=etag)
    assert counts == {"PUT": 1}


@pytest.mark.parametrize(
    "ask", [lambda backend: backend.get_metadata("no.json"), lambda backend: get(backend, "no.json")]
)
def test_absence_costs_one_request(s3_server, proxy, open_backend, ask):
    """A missing path is known after one request, also to a process that saw nothing of the bucket yet."""
    backend = open_backend(s3_server, endpoint_url=proxy.endpoint)
    for _ in range(2):
        with proxy.counting() as counts, pytest.raises(StorageFileNotFoundError):
            ask(backend)
        assert sum(counts.values()) == 1


@pytest.mark.parametrize("engine", ["boto3"])
def test_only_large_bodies_are_asked_for_first(line, proxy):
    """A small body is sent at once: to ask first whether it is wanted takes a round trip."""
    put(line, "small.bin", bytes(100_000))
    put(line, "large.bin", bytes(3 * MIB))
    small, large = (request for request in proxy.requests if request.kind == "PUT")
    assert (small.asked, large.asked) == (False, True)
    assert small.headers["user-agent"].startswith("autostore ")


def test_large_objects_move_in_parts(s3_server, proxy, open_backend):
    """An upload creates, sends its parts and completes; a download asks once, then for ranges of that version."""
    backend = open_backend(
        s3_server, endpoint_url=proxy.endpoint, multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB
    )
    data = bytes(range(256)) * (16 * MIB // 256)
    with proxy.counting() as counts:
        put(backend, "x.bin", data)
    counts.pop("HEAD", None)  # radosgw's answer to COMPLETE has no ETag
    assert counts == {"CREATE": 1, "PART": 4, "COMPLETE": 1}
    with proxy.counting() as counts:
        assert get(backend, "x.bin") == data
    assert counts.keys() == {"GET"}
    assert counts["GET"] <= 4


@pytest.fixture
def crowded(line, s3_server):
    """The line to a bucket where 1,001 other names begin with `k.`."""
    bucket, prefix = bucket_of(line)
    raw = s3_server.raw()
    names = [f"{prefix}k.{number:04}" for number in range(1001)] + [f"{prefix}k.json"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: raw.put_object(Bucket=bucket, Key=name, Body=b""), names))
    raw.close()
    return line


def test_listing_costs_one_request_per_thousand(crowded, proxy):
    """1,002 objects take two requests, never a HEAD, and the first is there after the first request.

    To find one of them each extension is asked for, instead of paging through the others.
    """
    with proxy.counting() as counts:
        assert next(iter(crowded.list_files())).path == "k.0000"
    assert counts == {"LIST": 1}
    with proxy.counting() as counts:
        assert len(list(crowded.list_files())) == 1002
    assert counts == {"LIST": 2}
    with proxy.counting() as counts:
        assert [found.path for found in crowded.find("k", [".csv", ".json"])] == ["k.json"]
    assert counts == {"LIST": 1, "HEAD": 2}


def test_sizes_above_one_put(line, tmp_path, proxy):
    """A conditional write that no single PUT can carry is refused before anything is sent."""
    file = tmp_path / "huge"
    with file.open("wb") as sparse:
        sparse.truncate(LARGEST_PUT + 1)
    with proxy.counting() as counts, pytest.raises(PreconditionFailedError, match="5 GiB"):
        line.upload(file, "x.bin", if_absent=True)
    assert counts == {}
