"""What leaves for S3 while a table is still computed, what it costs, and what is left where it fails."""

import subprocess
import sys
import time

import pytest

from autostore import AutoStore, StorageError
from tests.optional import pl
from tests.proxy import Fault, Proxy
from tests.reliability.scale import scaled
from tests.scans.streamed import STREAMS, noise, rows_of

PARTS = {"multipart_chunksize": 5 << 20, "multipart_threshold": 5 << 20}


@pytest.fixture
def open_one(s3_server):
    """Opens stores on one bucket behind the counting proxy."""
    with Proxy(s3_server.endpoint) as proxy:
        bucket, opened = s3_server.make_bucket(), []

        def one(base=None, **settings):
            config = s3_server.config(endpoint_url=proxy.endpoint, **PARTS, **settings)
            opened.append(AutoStore(f"s3://{bucket}/", config, base=base))
            opened[-1].get("warm-up")
            return opened[-1]

        def left():
            raw = s3_server.raw()
            found = raw.list_objects_v2(Bucket=bucket).get("Contents", [])
            return sorted(entry["Key"] for entry in found), raw.list_multipart_uploads(Bucket=bucket).get("Uploads", [])

        one.proxy, one.left = proxy, left
        yield one
        for store in opened:
            store.close()


@pytest.mark.parametrize("name", ["frames of polars", "batches", "a C stream", "a query"])
def test_a_small_stream_is_one_put(open_one, name):
    """What fits in one part is one PUT, and no temporary file; a bare key needs its look."""
    store = open_one()
    for key, requests in (("t.parquet", ["PUT"]), ("t.csv", ["PUT"]), ("u", ["LIST", "PUT"])):
        begun = len(open_one.proxy.requests)
        store[key] = STREAMS[name][0]()
        assert [request.kind for request in open_one.proxy.requests[begun:]] == requests
        assert rows_of(store[key]) == rows_of(
            store.read("t.csv", as_type=pl.DataFrame) if key == "t.csv" else store[key]
        )


@pytest.mark.parametrize("key", ["t", "t.csv"])
def test_parts_leave_while_the_table_is_computed(open_one, key):
    """Before the last frame is made, parts of the first have left; nobody sees anything of it until it is whole."""
    store, seen = open_one(), []

    size = 3 if key == "t.csv" else 7

    def parts():
        return [request.kind for request in open_one.proxy.requests].count("PART")

    def frames():
        yield from (noise(size) for _ in range(3))
        until = time.monotonic() + 20
        while not parts() and time.monotonic() < until:
            time.sleep(0.01)
        seen.append(parts())
        assert key not in store
        yield noise(size)

    store[key] = frames()
    assert seen[-1] > 0
    kinds = [request.kind for request in open_one.proxy.requests]
    assert (kinds.count("CREATE"), kinds.count("COMPLETE"), kinds.count("ABORT")) == (1, 1, 0)
    assert store.scan(key).select(pl.len()).collect().item() == 4 * len(noise(size))
    assert store.get_metadata(key).etag == next(iter(store._place.list_files())).etag


class OwnError(Exception):
    pass


def test_a_failure_in_the_middle_leaves_nothing(open_one):
    """Where the source fails, a piece does not fit or a part is refused: the upload is aborted, the old value stays."""
    store = open_one()
    store["t"] = {"old": 1}

    def failing(error):
        yield from (noise(7) for _ in range(3))
        raise error

    own = OwnError("mine")
    with pytest.raises(OwnError) as caught:
        store["t"] = failing(own)
    assert caught.value is own
    with pytest.raises(StorageError, match="Piece 4"):
        store["t"] = (piece for piece in [*(noise(7) for _ in range(3)), pl.DataFrame({"x": ["text"]})])
    open_one.proxy.fault = lambda request: (
        Fault("status", status=403, code="AccessDenied") if request.kind == "PART" else None
    )
    with pytest.raises(PermissionError):
        store["t"] = (noise(7) for _ in range(9))
    with pytest.raises(PermissionError):
        store["t"] = pl.concat([noise(7)] * 9).lazy()
    open_one.proxy.fault = None
    assert store["t"] == {"old": 1}
    keys, uploads = open_one.left()
    assert keys == ["t.json"]
    assert not uploads
    kinds = [request.kind for request in open_one.proxy.requests]
    assert kinds.count("CREATE") == kinds.count("ABORT") > 0


def test_a_lost_answer(open_one):
    """An upload whose completion was done and whose answer was lost is recognised."""
    store, lost = open_one(max_retries=0), []

    def lose(request):
        if request.kind == "COMPLETE" and not lost:
            lost.append(request)
            return Fault("lost")
        return None

    open_one.proxy.fault = lose
    store["t"] = (noise(7) for _ in range(2))
    assert lost
    assert store["t"].collect().height == 2 * len(noise(7))


def test_another_format_meanwhile(open_one):
    """What is written under the key in another format while the stream is computed goes when that ends."""
    store, other = open_one(), open_one()

    def frames():
        yield noise(7)
        yield noise(7)
        other["t"] = {"meanwhile": 1}
        assert open_one()["t"] == {"meanwhile": 1}
        yield noise(7)

    store["t"] = frames()
    assert open_one()["t"].collect().height == 3 * len(noise(7))
    assert open_one.left()[0] == ["t.parquet"]
    store["t"] = 5
    assert open_one.left()[0] == ["t.json"]


def test_history_and_conditions(open_one):
    """With history or a condition the whole file is made first: what was there is kept, what is there is checked."""
    store = open_one(history=True)
    first = store.write("t", (noise(7) for _ in range(2)))
    store["t"] = (noise(1) for _ in range(2))
    assert [len(store.read("t", version=found.id).collect()) for found in store.versions("t")] == [
        2 * len(noise(1)), 2 * len(noise(7))]  # fmt: skip
    with pytest.raises(RuntimeError):
        store.write("t", (noise(1) for _ in range(2)), if_etag=first.etag)
    with pytest.raises(RuntimeError):
        open_one().write("t", (noise(1) for _ in range(2)), if_absent=True)
    assert not open_one.left()[1]


def test_a_branch(open_one, tmp_path):
    """A stream written over a base lands in the branch; a query over the base is computed from there."""
    base = open_one()
    base["t"] = (noise(7) for _ in range(2))
    with AutoStore(tmp_path, base=base) as branch:
        branch["t"] = branch.scan("t").head(10)
        assert len(branch["t"].collect()) == 10
    assert base["t"].collect().height == 2 * len(noise(7))


def test_from_s3_to_s3_in_flat_memory(radosgw_s3):
    """From a scan to a new object passes a table of many times the memory that it takes (another process, measured)."""
    megabytes = scaled(100, 6_000)
    bucket = radosgw_s3.make_bucket()
    config = radosgw_s3.config()
    settings = {name: getattr(config, name) for name in ("endpoint_url", "aws_access_key_id", "aws_secret_access_key")}
    code = f"""
import re, polars as pl
from autostore import AutoStore, S3StorageConfig
from tests.scans.streamed import noise
store = AutoStore("s3://{bucket}/", S3StorageConfig(region_name="us-east-1", **{settings!r}))
piece, pieces = noise(10), {megabytes} // 10
store["a"] = (piece for _ in range(pieces))
store["b"] = store.scan("a").with_columns(y=pl.col("x") % 7)
assert store.scan("b").select(pl.len()).collect().item() == len(piece) * pieces
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=True)
    assert int(done.stdout) < 750
