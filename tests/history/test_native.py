"""`history="native"`: the bucket keeps the versions, and the same calls read, restore and prune them."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from autostore import AutoStore, InvalidConfigError, StorageConfig, StorageConnectionError, StorageFileNotFoundError
from autostore.store import native_pruning
from autostore.testing import same
from tests.history.test_versions import values
from tests.optional import pl
from tests.proxy import Proxy

# The order across formats is that of times which some servers tell in whole seconds.
TICK = {"radosgw": 0.002, "seaweedfs": 1.1}


@pytest.fixture(params=TICK)
def bucket(request):
    """(server, URI of a store in an empty bucket that keeps versions)."""
    server = request.getfixturevalue(f"{request.param}_s3")
    name = server.make_bucket()
    versioning(server, name, "Enabled")
    return server, f"s3://{name}/some/prefix/"


def versioning(server, bucket, status):
    client = server.raw()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    client.close()


@pytest.fixture
def native(bucket):
    """A store whose bucket keeps its past."""
    server, uri = bucket
    with AutoStore(uri, server.config(history="native")) as store:
        yield store


@pytest.fixture
def tick(bucket):
    """Waits until the server's clock has gone on."""
    return lambda: time.sleep(TICK[bucket[0].name])


def test_every_change_keeps(native):
    """Writes, copies, moves and deletions keep what was there, under bare keys and full names; nothing of it shows."""
    native["k"] = 1
    native.write("k", 2, note="the second\nü")
    native.update(k=3)
    native["other"] = 4
    native.copy("other", "k")
    native.move("other", "moved")
    del native["k"]
    native["t.json"], native["t.csv"] = {"a": 1}, pl.DataFrame({"a": [1]})
    native["t.json"] = {"a": 2}
    assert values(native, "k") == [4, 3, 2, 1]
    assert [version.note for version in native.versions("k")] == ["", "", "the second\nü", ""]
    assert [version.current for version in native.versions("k")] == [False] * 4
    assert (values(native, "other"), values(native, "moved")) == ([4], [4])
    assert values(native, "t.json") == [{"a": 2}, {"a": 1}]
    assert [version.current for version in native.versions("t.json")] == [True, False]
    assert len(native.versions("t.csv")) == 1
    assert native.versions("never") == []
    assert sorted(native.keys()) == ["moved", "t.csv", "t.json"]
    assert sorted(native.list_files()) == ["moved.json", "t.csv", "t.json"]


def test_formats_and_moments(native, tick):
    """Across formats each version has its type, `at` gives what was there then, and nothing while it was deleted."""
    moments = []
    for value in [{"a": 1}, "text", None, b"bytes"]:
        tick()
        if value is None:
            del native["k"]
        else:
            native["k"] = value
        tick()
        moments.append(datetime.now(UTC))
    assert values(native, "k") == [b"bytes", "text", {"a": 1}]
    assert native.versions("k")[0].current
    assert [native.read("k", at=moments[n]) for n in (0, 1, 3)] == [{"a": 1}, "text", b"bytes"]
    assert native.read("k", at=moments[1], as_type=bytes) == b"text"
    with pytest.raises(StorageFileNotFoundError, match="at that time"):
        native.read("k", at=moments[2])


def test_a_bare_key_beside_a_full_name(native, tick):
    """At a moment the bare key is what was written under it, and the file beside it only where nothing was."""
    moments = []
    for act in [
        lambda: native.write("k", {"a": 1}), lambda: native.write("k.csv", pl.DataFrame({"x": [1]})),
        lambda: native.write("k.csv", pl.DataFrame({"x": [2]})), lambda: native.__delitem__("k"),
    ]:  # fmt: skip
        act()
        tick()
        moments.append((datetime.now(UTC), native["k"]))
        tick()
    assert all(same(native.read("k", at=moment), value) for moment, value in moments)


def test_restore(native, tick):
    """A version comes back by a copy of the server's, also of a deleted key; what is the value already is left."""
    native["k"] = 1
    tick()
    native["k"] = "two"
    one = native.versions("k")[1].id
    tick()
    assert native.restore("k", one).path == "k.json"
    assert native["k"] == 1
    assert values(native, "k") == [1, "two", 1]
    assert native.restore("k", native.versions("k")[0].id).etag == native.get_metadata("k").etag
    assert len(native.versions("k")) == 3
    del native["k"]
    native.restore("k", one)
    assert native["k"] == 1
    assert native.keys.__self__ is native
    assert list(native) == ["k"]


def test_what_lay_there_before(bucket):
    """What a bucket held before it kept versions is its first one."""
    server, uri = bucket
    name = server.make_bucket()
    uri = f"s3://{name}/"
    AutoStore(uri, server.config())["k"] = "before"
    versioning(server, name, "Enabled")
    with AutoStore(uri, server.config(history="native")) as store:
        store["k"] = "after"
        assert values(store, "k") == ["after", "before"]
        assert len(store.prune(keep=1).removed) == 1
        assert values(store, "k") == ["after"]


def test_prune(native):
    """`keep` and `days` mean what they mean; the value stays, and of a deleted key that has none left all goes."""
    for number in range(5):
        native.write("k", number, note=f"{number}")
        native["a/b"], native["kk"] = number, number
    planned = native.prune(keep=2, dry_run=True)
    assert values(native, "k") == [4, 3, 2, 1, 0]
    done = native.prune(keep=2)
    assert [version.id for version in done.removed] == [version.id for version in planned.removed]
    assert (len(done.removed), done.bytes) == (9, 9)
    for key in ("k", "a/b", "kk"):
        assert values(native, key) == [4, 3]
    assert [version.note for version in native.versions("k")] == ["4", "3"]
    assert native.prune("a/", days=1).removed == []
    assert len(native.prune("a/b", keep=1).removed) == 1
    del native["k"]
    native.prune("k", keep=1)
    assert values(native, "k") == [4]
    native.restore("k", native.versions("k")[0].id)
    del native["k"]
    native.prune("k", keep=0)
    assert native.versions("k") == []
    left = [one.path for one in native._place.versioning().listed("k.", deep=True)]
    assert left == []
    assert values(native, "kk") == [4, 3]


@pytest.mark.parametrize("bad", ["", "x", "x.json", "null.json", "../../x.json", "a/b.json", "\uff11.json", None, 7])
def test_unknown_and_hostile_versions(native, bad):
    """What names no version of this key is not found, and nothing changes."""
    native["k"], native["other"] = 1, 2
    for wrong in (bad, native.versions("other")[0].id):
        if wrong is not None:
            with pytest.raises(StorageFileNotFoundError, match="no version"):
                native.read("k", version=wrong)
        with pytest.raises(StorageFileNotFoundError, match="no version"):
            native.restore("k", wrong)
    assert values(native, "k") == [1]


def test_what_it_costs(bucket):
    """A write is one PUT, versions one listing of them and one of notes, a version a HEAD and a GET."""
    server, uri = bucket
    with Proxy(server.endpoint) as proxy:
        store = AutoStore(uri, server.config(endpoint_url=proxy.endpoint, history="native"))
        store["n.json"] = {"a": 1}

        def cost(act):
            with proxy.counting() as counts:
                act()
            return sum(Counter(counts).values())

        assert cost(lambda: store.write("n.json", {"a": 2})) == 1
        assert cost(lambda: store["n.json"]) == 1
        old = store.versions("n.json")[1].id
        assert cost(lambda: store.versions("n.json")) == 3
        assert cost(lambda: store.read("n.json", version=old)) == 2
        assert cost(lambda: store.restore("n.json", old)) == 5
        store.close()


def test_where_versions_are_not_kept(bucket, tmp_path):
    """A bucket whose versioning is off or suspended, and a folder, are refused before anything changes."""
    server, _ = bucket
    name = server.make_bucket()
    with AutoStore(f"s3://{name}/", server.config()) as plain:
        plain["k"] = 1
        for status in ("off", "suspended"):
            if status == "suspended":
                versioning(server, name, "Enabled")
                versioning(server, name, "Suspended")
            store = AutoStore(plain.uri, server.config(history="native"))
            for change in [
                lambda store=store: store.write("k", 2),
                lambda store=store: store.__delitem__("k"),
                lambda store=store: store.move("k", "l"),
                lambda store=store: store.copy("k", "l"),
            ]:
                with pytest.raises(InvalidConfigError, match=f"versioning is {status}"):
                    change()
            assert store["k"] == 1
        assert dict(plain.items()) == {"k": 1}
    for wrong in (StorageConfig(history="native"),):
        with pytest.raises(InvalidConfigError, match="history=True"):
            AutoStore(tmp_path, wrong)
    with pytest.raises(InvalidConfigError, match="'native'"):
        StorageConfig(history="natvie")


def test_conditions(native, bucket):
    """They mean what they mean where the server checks them in such a bucket, and are refused where it checks none."""
    etag = native.write("k", 1).etag
    assert native.setdefault("k", 5) == 1
    if bucket[0].name == "radosgw":
        for change in [
            lambda: native.modify("k", lambda value: value + 1),
            lambda: native.write("k", 2, if_etag=etag),
            lambda: native.write("new", 2, if_absent=True),
            lambda: native.setdefault("new", 2),
        ]:
            with pytest.raises(InvalidConfigError, match="history=True"):
                change()
        assert values(native, "k") == [1]
    else:
        native.modify("k", lambda value: value + 1)
        native.write("new", 2, if_absent=True)
        assert values(native, "k") == [2, 1]


def test_a_server_that_refuses_every_etag(radosgw_s3):
    """Without the setting, too, `modify` in such a bucket ends with an error instead of trying for ever."""
    name = radosgw_s3.make_bucket()
    versioning(radosgw_s3, name, "Enabled")
    with AutoStore(f"s3://{name}/", radosgw_s3.config()) as store:
        store["k"] = 1
        with pytest.raises(StorageConnectionError, match="refuses a write under a condition"):
            store.modify("k", lambda value: value + 1)
        assert store["k"] == 1


def test_claims_that_crashed_are_pruned(native, monkeypatch):
    """What claims leave behind goes with a pruning of everything, a day later; one that is held stays."""
    native["k"] = 1
    native["k"] = "another format"
    listed = native._place.versioning().listed
    assert list(listed(".autostore/claims/", deep=True))
    native.prune(keep=9)
    assert list(listed(".autostore/claims/", deep=True))
    monkeypatch.setattr(native_pruning, "NOBODYS_AFTER", timedelta(0))
    time.sleep(1.1)
    native.prune(keep=9)
    assert not list(listed(".autostore/claims/", deep=True))
    assert values(native, "k") == ["another format", 1]


def test_a_branch(native, bucket, tmp_path):
    """A branch reads the past of such a base and brings it back for itself; one on such a bucket keeps its own."""
    native["k"], native["k"] = 1, 2
    branch = AutoStore(tmp_path / "branch").over(native)
    assert values(branch, "k") == [2, 1]
    branch.restore("k", branch.versions("k")[1].id)
    assert (branch["k"], native["k"]) == (1, 2)
    base = AutoStore(tmp_path / "base")
    base["b"] = 1
    above = native.over(base)
    if bucket[0].name == "radosgw":
        with pytest.raises(InvalidConfigError, match="cannot be a branch"):
            above["b"] = [2]
        return
    above["b"] = [2]
    above["b"] = [3]
    assert values(above, "b") == [[3], [2], 1]
    above.restore("b", above.versions("b")[1].id)
    assert above["b"] == [2]
    above.promote("b")
    assert base["b"] == [2]
