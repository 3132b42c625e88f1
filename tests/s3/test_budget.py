"""The request budget of a store on S3: what each operation costs, counted between client and server.

A first request of a process may learn whether the bucket exists, so each store is used once before.
"""

import time

import pytest

from autostore import AutoStore, StorageFileNotFoundError, parallel


@pytest.fixture(params=[False, True], ids=["uncached", "cached"])
def open_store(request, s3_server, proxy, tmp_path):
    """Opens handles on one place behind the counting proxy; nothing is remembered between them."""
    uri = f"s3://{s3_server.make_bucket()}/data/"
    config = s3_server.config(
        endpoint_url=proxy.endpoint, cache_enabled=request.param, cache_dir=tmp_path, multipart_threshold=6 << 20,
        multipart_chunksize=5 << 20,
    )  # fmt: skip
    opened = []

    def open_one():
        store = AutoStore(uri, config)
        store.get("warm-up")
        opened.append(store)
        return store

    open_one.cached = request.param
    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def cost(proxy):
    """What an action costs, as a dict of request kinds."""

    def count(act):
        with proxy.counting() as counts:
            act()
        return dict(counts)

    return count


def test_writes(open_store, cost):
    """A named write is one PUT; a bare one looks first; a change of format costs a few more."""
    store = open_store()
    assert cost(lambda: store.__setitem__("n.json", {"a": 1})) == {"PUT": 1}
    assert cost(lambda: store.__setitem__("k", {"a": 1})) == {"LIST": 1, "PUT": 1}
    assert cost(lambda: store.__setitem__("k", {"a": 2})) == {"LIST": 1, "PUT": 1}
    change = cost(lambda: store.__setitem__("k", "text"))
    assert sum(change.values()) <= 9
    assert cost(lambda: store.__setitem__("big.bin", b"x" * (11 << 20))) == {"CREATE": 1, "PART": 3, "COMPLETE": 1} or (
        # radosgw's answer has no ETag, so it is asked for.
        cost(lambda: store.__setitem__("big.bin", b"x" * (11 << 20)))
        == {"CREATE": 1, "PART": 3, "COMPLETE": 1, "HEAD": 1}
    )


def test_reads(open_store, cost, proxy):
    """One GET where the path is known, one LIST more where it is not; a cached copy answers with a 304.

    obstore reads from the first byte on, which an empty object refuses.
    """
    writer = open_store()
    writer.update({"k": {"a": 1}, "n.json": {"a": 2}, "empty.bin": b""})
    store = open_store()
    assert cost(lambda: store["n.json"]) == {"GET": 1}
    by_obstore = "obstore" in repr(store)
    assert cost(lambda: store["empty.bin"]) == {"GET": 2 if by_obstore else 1}
    assert cost(lambda: store["k"]) == {"LIST": 1, "GET": 1}
    assert cost(lambda: store["k"]) == {"GET": 1}
    assert proxy.requests[-1].status == (304 if open_store.cached else 206 if by_obstore else 200)
    assert cost(lambda: writer["k"]) == {"GET": 1}


def test_misses(open_store, cost):
    """A missing key and `in` cost one request, whatever the answer."""
    store = open_store()
    store["k"], store["n.json"] = 1, 2
    for key in ["nope", "nope.json"]:
        assert sum(cost(lambda key=key: store.get(key)).values()) == 1
        assert sum(cost(lambda key=key: key in store).values()) == 1
    assert sum(cost(lambda: "k" in store).values()) == 1
    assert sum(cost(lambda: "n.json" in store).values()) == 1
    with pytest.raises(StorageFileNotFoundError):
        store["nope"]


def test_listing(open_store, cost):
    """keys() and len() cost one request for up to a thousand objects, never a HEAD."""
    store = open_store()
    store.update({f"k{number}": number for number in range(30)})
    store["k1.csv-like"] = "x"
    assert cost(lambda: sorted(store.keys())) == {"LIST": 1}
    assert cost(lambda: len(store)) == {"LIST": 1}
    assert cost(lambda: list(store.list_files("k1*"))) == {"LIST": 1}
    assert cost(lambda: dict(open_store().items()))["GET"] == 31


def test_many_large_values_are_not_fetched_far_ahead(open_store, proxy, monkeypatch):
    """Of many small ones a few come ahead of the reader, of large ones so many as have room."""
    # Mutation that this was seen to catch: in_order counts no sizes.
    monkeypatch.setattr(parallel, "ROOM", 1_000_000)
    writer = open_store()
    writer.update({f"{size}/{n:02}.bin": b"x" * size for size in (100, 400_000) for n in range(20)})
    for size, ahead in ((100, 11), (400_000, 3)):
        values, begun = open_store().values(f"{size}/"), len(proxy.requests)
        next(values)
        ends = time.monotonic() + (10 if size == 100 else 0.5)
        while (seen := sum(one.kind == "GET" for one in proxy.requests[begun:])) < 11 and time.monotonic() < ends:
            time.sleep(0.01)
        assert seen == ahead, size
        assert len([*values]) == 19


def test_copies_and_moves(open_store, cost):
    """A copy is one request on the server after resolving both names, a move one more; onto itself nothing moves."""
    store = open_store()
    store["k"], store["n.json"] = {"a": 1}, {"a": 2}
    assert cost(lambda: store.copy("k", "l")) == {"LIST": 2, "COPY": 1}
    assert cost(lambda: store.copy("n.json", "m.json")) == {"HEAD": 1, "COPY": 1}
    assert cost(lambda: store.move("l", "m")) == {"LIST": 2, "COPY": 1, "DELETE": 1}
    assert "COPY" not in cost(lambda: store.copy("k", "k"))
    assert set(cost(lambda: store.move("k", "k"))) <= {"LIST", "HEAD"}


def test_removal_and_conditions(open_store, cost):
    """Deleting looks once and deletes once; a conditional write is decided by the PUT itself.

    Before one on a bare key its file is looked up, and its mark where no GET told it.
    """
    store = open_store()
    store["k"], store["n.json"] = {"a": 1}, {"a": 2}
    etag = store.write("c", 0).etag
    store.write("c", 1, if_etag=etag)  # the server's form of If-Match is known from here on
    assert cost(lambda: store.__delitem__("k")) == {"LIST": 1, "DELETE": 1}
    assert cost(lambda: store.__delitem__("n.json")) == {"HEAD": 1, "DELETE": 1}
    assert cost(lambda: store.write("new.json", 1, if_absent=True)) == {"PUT": 1}
    assert cost(lambda: store.modify("c", lambda value: value + 1)) == {"LIST": 1, "GET": 1, "PUT": 1}
    assert cost(lambda: store.modify("new.json", lambda value: value + 1)) == {"GET": 1, "PUT": 1}
    assert cost(lambda: store.write("c", 3, if_etag=store.get_metadata("c").etag)) == {"LIST": 2, "HEAD": 1, "PUT": 1}
    assert store["c"] == 3
