"""What history and layers cost on S3, counted between client and server: where every condition is checked, and some."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from autostore import AutoStore
from autostore.backends.cloud.boto3.client import make_client, ready_session
from tests.proxy import Proxy
from tests.reliability.scale import measured, scaled

CLAIM = Counter({"PUT": 1, "DELETE": 1})
"""Around each change on a server that does not check the condition of a DELETE."""


@pytest.fixture(params=["seaweedfs", "radosgw"])
def line(request):
    """(open a store behind a counting proxy, count what an action costs, what claims add)."""
    server = request.getfixturevalue(f"{request.param}_s3")
    with Proxy(server.endpoint) as proxy:
        opened = []

        def open_store(**settings):
            store = AutoStore(
                f"s3://{server.make_bucket()}/data/", server.config(endpoint_url=proxy.endpoint, **settings)
            )
            store.get("warm-up")
            opened.append(store)
            return store

        def cost(act):
            with proxy.counting() as counts:
                act()
            return Counter(counts)

        yield open_store, cost, Counter() if request.param == "seaweedfs" else CLAIM
        for store in opened:
            store.close()


def test_history(line):
    """Reads and listings cost what they cost; a write one HEAD and one COPY more, and a claim where one is needed."""
    open_store, cost, claim = line
    store = open_store(history=True)
    etag = store.write("w.json", {"a": 1}).etag  # what the server checks, and its form of If-Match, are known from here
    store.write("w.json", {"a": 2}, if_etag=etag)
    named, bare = "n.json", "k"
    assert cost(lambda: store.write(named, {"a": 1})) == Counter(HEAD=1, PUT=1) + claim
    assert cost(lambda: store.write(named, {"a": 2})) == Counter(HEAD=1, COPY=1, PUT=1) + claim
    assert cost(lambda: store.write(bare, {"a": 1})) == Counter(LIST=1, PUT=1) + claim
    assert cost(lambda: store.write(bare, {"a": 2})) == Counter(LIST=1, HEAD=1, COPY=1, PUT=1) + claim
    assert cost(lambda: store.modify(named, dict)) == Counter(GET=1, COPY=1, PUT=1) + claim
    assert cost(lambda: store.modify(bare, dict)) == Counter(LIST=1, GET=1, COPY=1, PUT=1) + claim
    assert cost(lambda: store.write(bare, {"a": 3}, note="why")) == Counter(LIST=1, HEAD=1, COPY=1, PUT=2) + claim
    assert cost(lambda: store[named]) == cost(lambda: store[bare]) == Counter(GET=1)
    assert cost(lambda: list(store.keys())) == cost(lambda: len(store)) == Counter(LIST=1)
    assert cost(lambda: store.versions(named)) == Counter(HEAD=1, LIST=1)
    assert cost(lambda: store.versions(bare)) == Counter(LIST=2, HEAD=1, GET=1)
    old = store.versions(bare)[-1].id
    assert cost(lambda: store.read(bare, version=old)) == Counter(LIST=1, GET=1)
    assert cost(lambda: store.restore(bare, old))["GET"] == 0
    assert cost(lambda: store.__delitem__(named)) == Counter(HEAD=1, COPY=1, PUT=1, DELETE=1) + claim
    assert cost(lambda: store.__delitem__(bare)) == Counter(LIST=1, HEAD=1, COPY=1, PUT=1, DELETE=1) + claim


def test_without_history_nothing_more(line):
    """A store without the setting sends what it sent before there was one."""
    open_store, cost, _ = line
    store = open_store()
    store["k"] = 1
    assert cost(lambda: store.write("k", 2)) == Counter(LIST=1, PUT=1)
    assert cost(lambda: store.write("n.json", 2)) == Counter(PUT=1)
    assert cost(lambda: store.__delitem__("k")) == Counter(LIST=1, DELETE=1)


def test_many_versions(line, request):
    """A listing costs one request for each 1,000 versions and one look; reading one is not slowed by the rest."""
    open_store, cost, _ = line
    store = open_store(history=True)
    count = scaled(1_001, 10_000)
    store["n.json"], store["n.json"] = 1, 2
    (old,) = [version for version in store.versions("n.json") if not version.current]
    (raw, _), bucket = make_client(store.config, ready_session(store.config)), store.uri.split("/")[2]
    folder = f"data/{old.path.rpartition('/')[0]}"
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: raw.put_object(Bucket=bucket, Key=f"{folder}/{n}-a.json", Body=b"0"), range(1, count)))
    raw.close()
    with measured(f"{count:,} versions of one key, {request.node.callspec.params['line']}") as facts:
        requests = cost(lambda: store.versions("n.json"))
        assert requests == Counter(HEAD=1, LIST=-(-count // 1_000))
        facts.update(requests=requests.total())
    assert len(store.versions("n.json")) == count + 1
    assert cost(lambda: store.read("n.json", version=old.id)) == Counter(LIST=1, GET=1)


def test_layers(line):
    """What the branch holds costs one look more at most; what it does not, a look, and what the base costs."""
    open_store, cost, _ = line
    base, branch = open_store(), open_store()
    base["n.json"], base["k"] = {"a": 1}, {"a": 1}
    branch = branch.over(base)
    branch["own.json"] = 1
    assert cost(lambda: branch["own.json"]) == Counter(GET=1)
    assert cost(lambda: branch["n.json"]) == Counter(GET=2, LIST=1)
    assert sum(cost(lambda: branch["k"]).values()) <= 7
    assert cost(lambda: list(branch.keys())) == Counter(LIST=3)
    assert sum(cost(lambda: branch.write("n.json", {"a": 2})).values()) <= 7
    assert sum(cost(lambda: branch.write("n.json", {"a": 3})).values()) <= 4
    assert cost(lambda: branch.diff()) == Counter(LIST=2)
