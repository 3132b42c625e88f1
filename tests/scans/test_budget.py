"""What a scan costs on S3, counted between client and server: requests, and bytes on the wire."""

import io

import pytest

from autostore import AutoStore, PreconditionFailedError
from tests.optional import np, pl
from tests.proxy import Proxy

GROUPS, ROWS, COLUMNS = 50, 20_000, 10


@pytest.fixture(scope="module")
def table():
    """A Parquet file of ten columns of noise beside each other, 50 row groups."""
    random = np.random.default_rng(0)
    columns = {"id": np.arange(GROUPS * ROWS)}
    columns |= {f"c{n}": random.integers(0, 1 << 62, GROUPS * ROWS) for n in range(COLUMNS - 1)}
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file, row_group_size=ROWS, compression="uncompressed")
    return file.getvalue()


@pytest.fixture
def place(s3_server, tmp_path):
    """Opens stores on one bucket behind the counting proxy."""
    with Proxy(s3_server.endpoint) as proxy:
        bucket, opened = s3_server.make_bucket(), []

        def open_one(**settings):
            config = s3_server.config(endpoint_url=proxy.endpoint, cache_dir=tmp_path / "cache", **settings)
            opened.append(AutoStore(f"s3://{bucket}/", config))
            opened[-1].get("warm-up")
            return opened[-1]

        open_one.put = lambda key, data: s3_server.raw().put_object(Bucket=bucket, Key=key, Body=data)
        open_one.proxy = proxy
        yield open_one
        for store in opened:
            store.close()


class Cost:
    """Requests and bytes of a block."""

    def __init__(self, proxy):
        self.proxy = proxy

    def __enter__(self):
        self.begun = len(self.proxy.requests)
        return self

    def __exit__(self, *exc_info):
        seen = self.proxy.requests[self.begun :]
        self.kinds = [request.kind for request in seen]
        self.bytes = sum(request.received for request in seen)


def test_one_large_table(place, table):
    """Planning is one GET; then what is needed and little else: a column, a row group, the first rows, everything."""
    # Mutations that this was seen to catch: gaps of 1 MiB are always brought along; no pruning.
    place.put("t.parquet", table)
    store, whole = place(), len(table)
    native = pl.read_parquet(io.BytesIO(table))
    with Cost(place.proxy) as cost:
        scan = store.scan("t.parquet")
    assert cost.kinds == ["GET"]
    assert cost.bytes <= 64 << 10
    with Cost(place.proxy) as cost:
        assert scan.select("c3").collect().equals(native.select("c3"))
    assert cost.bytes <= 0.12 * whole
    with Cost(place.proxy) as cost:
        assert scan.filter(pl.col("id") == 123_456).collect().height == 1
    assert cost.bytes <= 0.021 * whole
    with Cost(place.proxy) as cost:
        assert scan.head(10).collect().equals(native.head(10))
    assert cost.bytes <= 0.04 * whole
    with Cost(place.proxy) as cost:
        assert scan.collect().equals(native)
    assert cost.bytes <= 1.01 * whole
    assert len(cost.kinds) <= 12
    with Cost(place.proxy) as cost:
        assert store.read("t.parquet", columns=["c5"]).equals(native.select("c5"))
    assert cost.bytes <= 0.12 * whole + (64 << 10)


def test_a_small_table_is_one_request(place):
    """A table of up to 64 KiB is one GET in all, as reading it is."""
    store = place()
    store["t"] = pl.DataFrame({"x": [1, 2, 3]})
    with Cost(place.proxy) as cost:
        assert store.scan("t.parquet").filter(pl.col("x") > 1).collect().height == 2
        assert store.read("t.parquet", as_type=pl.LazyFrame).collect().height == 3
    assert cost.kinds == ["GET", "GET"]


def test_a_wide_table(place):
    """Thousands of small columns, between which a writer left some bytes each, are not thousands of requests."""
    file, store = io.BytesIO(), place()
    pl.DataFrame({f"c{n}": [n] for n in range(9_000)}).write_parquet(file)
    place.put("t.parquet", file.getvalue())
    scan = store.scan("t.parquet")
    with Cost(place.proxy) as cost:
        assert scan.collect().width == 9_000
    assert len(cost.kinds) <= 2
    assert cost.bytes <= len(file.getvalue())


def test_a_folder(place):
    """A few tables are looked at for the schema; a filter on the folders then asks for its own tables alone."""
    store = place()
    store.update({f"f/day={day:03}/t": pl.DataFrame({"x": [day]}) for day in range(120)})
    with Cost(place.proxy) as cost:
        scan = store.scan("f/")
    assert sorted(cost.kinds) == ["GET"] * 16 + ["LIST"]
    with Cost(place.proxy) as cost:
        assert scan.filter(pl.col("day") == "033").collect()["x"].to_list() == [33]
    assert cost.kinds == ["GET"]
    with Cost(place.proxy) as cost:
        assert scan.filter((pl.col("day") == "034") & (pl.col("x") > 0)).collect()["x"].to_list() == [34]
    assert cost.kinds == ["GET"]
    with Cost(place.proxy) as cost:
        assert scan.collect().height == 120
    assert len(cost.kinds) == 104  # those that were looked at came whole
    with Cost(place.proxy) as cost:
        given = store.scan("f/", schema={"x": pl.Int64})
        assert given.filter(pl.col("day").is_in(["001", "002"])).collect().height == 2
    assert sorted(cost.kinds) == ["GET", "GET", "LIST"]
    with Cost(place.proxy) as cost:
        assert store.read("f/", as_type=pl.DataFrame).height == 120
    assert sorted(cost.kinds) == ["GET"] * 120 + ["LIST"]


def test_with_the_cache_nothing_comes_twice(place, table):
    """Ranges of a version that were read once, and small tables, come from the cache; other versions do not."""
    place.put("t.parquet", table)
    store = place(cache_enabled=True)
    store.update({f"f/{day}": pl.DataFrame({"x": [day]}) for day in range(5)})
    store.scan("t.parquet").select("c3").collect()
    store.scan("f/").collect()
    again = place(cache_enabled=True)
    with Cost(place.proxy) as cost:
        assert again.scan("t.parquet").select("c3").collect().height == GROUPS * ROWS
    assert cost.kinds == ["GET"]
    assert place.proxy.requests[-1].status == 304
    assert cost.bytes == 0
    with Cost(place.proxy) as cost:
        again.scan("t.parquet").select("c3", "c4").collect()
    assert cost.bytes <= 0.12 * len(table)
    with Cost(place.proxy) as cost:
        assert again.scan("f/", schema={"x": pl.Int64}).collect().height == 5
    assert cost.kinds == ["LIST"]
    other = io.BytesIO()
    native = pl.read_parquet(io.BytesIO(table))
    native.with_columns(pl.col("c3") + 1).write_parquet(other, row_group_size=ROWS)
    place.put("t.parquet", other.getvalue())
    assert again.scan("t.parquet").select("c3").head(1).collect()[0, 0] == native["c3"][0] + 1


def test_the_cache_stays_below_its_limit(place, table, tmp_path):
    """Ranges count as copies do: the least recently used go."""
    place.put("t.parquet", table)
    store = place(cache_enabled=True, cache_max_bytes=len(table) // 4)
    for name in ("c1", "c2", "c3", "c4"):
        store.scan("t.parquet").select(name).collect()
    held = sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file())
    assert 0 < held <= 1.1 * len(table) // 4


@pytest.mark.parametrize("change", ["replaced", "removed"])
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_one_version_or_none(place, table, change, engine, tmp_path):
    """Where the object changes in the middle, every way to run the scan raises that it changed; nothing is a mix."""
    # Mutation that this was seen to catch: ranges without If-Match.
    store = place()
    place.put("t.parquet", table)
    scan = store.scan("t.parquet")
    native = pl.read_parquet(io.BytesIO(table))
    reads = []

    def before(request):
        if request.method == "GET" and request.headers.get("range", "").startswith("bytes=") and len(reads) < 3:
            reads.append(request)
            if len(reads) == 3:
                if change == "removed":
                    del place()["t.parquet"]
                else:
                    other = io.BytesIO()
                    native.with_columns(pl.all() + 1).write_parquet(other, row_group_size=ROWS)
                    place.put("t.parquet", other.getvalue())

    place.proxy.before = before
    with pytest.raises(PreconditionFailedError, match="changed or removed"):
        scan.collect(engine=engine)
    place.proxy.before = None
    with pytest.raises(PreconditionFailedError):
        scan.sink_parquet(tmp_path / "out.parquet", engine=engine)
    with pytest.raises(PreconditionFailedError):
        scan.join(scan, on="id").collect(engine=engine)
