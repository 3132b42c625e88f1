"""Azure Blob Storage, on its emulator: the whole contract, conditions included, and a store over it."""

import sys
import threading
from urllib.parse import quote

import pytest

from autostore import (
    AutoStore,
    AzureStorageConfig,
    InvalidConfigError,
    InvalidKeyError,
    MissingDependencyError,
    PreconditionFailedError,
    StorageConnectionError,
    StoragePermissionError,
)
from autostore.backends.cloud.azure.backend import AzureBackend
from autostore.keys import parse_uri
from autostore.mark import Mark
from autostore.testing import BackendContract, EngineContract
from autostore.testing.backend import ODD_PATHS
from tests.azurite import azurite  # noqa: F401 - a fixture
from tests.proxy import Fault, Proxy


@pytest.fixture
def container(azurite):  # noqa: F811
    return azurite.make_container()


@pytest.fixture
def opened(azurite, container):  # noqa: F811
    """Opens a store in an empty container."""
    stores = []

    def one(prefix="some/prefix/", **settings):
        stores.append(AutoStore(f"az://{container}/{prefix}", azurite.config(**settings)))
        return stores[-1]

    yield one
    for store in stores:
        store.close()


class Raw:
    """Access behind the code's back, by signed requests of Python's own client."""

    def raw_write(self, backend, path, data):
        self.server.asked("PUT", f"/{self.container}/data/{quote(path)}", body=data).close()

    def raw_read(self, backend, path):
        import urllib.error

        try:
            with self.server.asked("GET", f"/{self.container}/data/{quote(path)}") as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return None


class TestAzure(Raw, BackendContract):
    @pytest.fixture
    def backend(self, azurite, container):  # noqa: F811
        self.server, self.container = azurite, container
        backend = AzureBackend(parse_uri(f"az://{container}/data/"), azurite.config())
        yield backend
        backend.close()

    @pytest.mark.parametrize("path", [path for path in ODD_PATHS if not set(path) & {"\\", "\t"}])
    def test_upload_keeps_bytes_under_odd_names(self, backend, path):
        """What was uploaded lies at exactly this path, whatever characters it has, but for the two kinds below."""
        super().test_upload_keeps_bytes_under_odd_names(backend, path)

    @pytest.mark.parametrize("path", [path for path in ODD_PATHS if set(path) & {"\\", "\t"}])
    def test_names_that_azure_has_not(self, backend, path):
        """A backslash, which Azure takes for a slash, and control characters are refused, and nothing is written."""
        with pytest.raises(InvalidKeyError):
            self.put(backend, path, b"1")
        with pytest.raises(InvalidKeyError):
            backend.get_metadata(path)
        assert list(backend.list_files()) == []


class TestAzureEngine(Raw, EngineContract):
    does = ("head", "get", "last_bytes", "read", "put", "put_bytes", "put_parts", "delete", "pages", "page", "copy",
            "duplicate")  # fmt: skip

    @pytest.fixture
    def engine(self, azurite, container):  # noqa: F811
        self.server, self.container = azurite, container
        backend = AzureBackend(parse_uri(f"az://{container}/data/"), azurite.config())
        yield backend._engine
        backend.close()

    @pytest.mark.parametrize("path", ["a b.bin", "ünï/☃.bin", "#?%+&=;,@!'()[]{}~^`$.bin", "100%25.bin"])
    def test_odd_paths_are_exact_or_declined(self, engine, path, file, tmp_path):
        """As of every engine; what Azure has not stands above."""
        super().test_odd_paths_are_exact_or_declined(engine, path, file, tmp_path)


def test_a_store(opened):
    """Formats change, conditions hold, another handle sees it all, and a prefix is a store of its own."""
    store = opened()
    store.update({"k": {"a": 1}, "t.txt": "words", "deep/n": 1})
    store["k"] = "text"
    store.modify("deep/n", lambda n: n + 1)
    with pytest.raises(PreconditionFailedError):
        store.write("t.txt", "other", if_absent=True)
    store.copy("k", "copy")
    store.move("t.txt", "u.txt")
    assert dict(opened().items()) == {"copy": "text", "deep/n": 2, "k": "text", "u": "words"}
    assert dict(opened("some/").items()) == {
        f"prefix/{key}": value for key, value in {"copy": "text", "deep/n": 2, "k": "text", "u": "words"}.items()
    }
    del store["k"]
    assert "k" not in opened()
    assert "engine='obstore'" in repr(store)


def test_history(opened):
    """What is replaced or deleted stays to be read, and is pruned."""
    store = opened(history=True)
    for value in (1, "text", [3]):
        store["k"] = value
    del store["k"]
    assert [store.read("k", version=one.id) for one in store.versions("k")] == [[3], "text", 1]
    assert len(store.prune(keep=1).removed) >= 2


def test_large_files_in_blocks_and_ranges(opened):
    """Above the threshold they move in parallel, and are whole."""
    store = opened(multipart_threshold=1 << 20, multipart_chunksize=1 << 20)
    data = bytes(range(256)) * 4096 * 3 + b"end"
    store["x.bin"] = data
    store["y"] = data
    assert store["x.bin"] == store["y"] == data


def test_a_scan(opened):
    """A table is read in ranges, and by Polars itself with the options that the store names."""
    pl = pytest.importorskip("polars")
    store = opened()
    store["t.parquet"] = pl.DataFrame({"a": range(1000)})
    assert store.scan("t.parquet").filter(pl.col("a") > 997).collect()["a"].to_list() == [998, 999]
    options = store.storage_options("polars")
    assert pl.read_parquet(store.url("t.parquet"), storage_options=options).shape == (1000, 1)


def test_many_counters_count_exactly(opened):
    """`modify` by several threads loses nothing."""
    opened()["n.json"] = 0
    threads = [threading.Thread(target=lambda: opened().modify("n.json", lambda n: n + 1)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened()["n.json"] == 6


def test_a_write_whose_answer_is_lost_is_known_again(azurite, container):  # noqa: F811
    """A condition that is met by one's own first attempt is met."""
    host, _, account = azurite.endpoint.rpartition("/")
    with Proxy(host) as proxy:
        config = azurite.config(endpoint_url=f"{proxy.endpoint}/{account}", timeout=5)
        with AutoStore(f"az://{container}/", config) as store:
            lost = iter([True])
            proxy.fault = lambda r: Fault("lost") if r.method == "PUT" and next(lost, False) else None
            store.write("x.json", 1, if_absent=True)
            assert store["x.json"] == 1
            proxy.fault = lambda request: Fault("reset")
            with pytest.raises(StorageConnectionError):
                store.read("x.json")


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"account_key": "bm90IHRoZSBrZXk="}, StoragePermissionError),
        ({"endpoint_url": "http://127.0.0.1:1/devstoreaccount1"}, StorageConnectionError),
        ({"account_name": None, "account_key": None, "endpoint_url": None}, InvalidConfigError),
        ({"account_key": "no base 64!"}, InvalidConfigError),
    ],
)
def test_what_is_wrong_is_said(azurite, container, settings, error):  # noqa: F811
    """Refused, unreachable and impossible are three errors, each for reading, writing and listing, with no secret."""
    with AutoStore(f"az://{container}/", azurite.config(timeout=2, max_retries=0, **settings)) as store:
        for act in (lambda: store["k.json"], lambda: store.write("k.json", 1), lambda: list(store.keys())):
            with pytest.raises(error) as caught:
                act()
            assert "no base 64!" not in str(caught.value)


def test_a_missing_container_is_no_absent_key(azurite):  # noqa: F811
    """It is an error of the connection, whatever is asked."""
    with AutoStore("az://nobody-made-this/", azurite.config()) as store:
        for act in (
            lambda: store["k.json"], lambda: "k" in store, lambda: store.write("k.json", 1),
            lambda: list(store.keys()), lambda: store.exists("k.json"),
        ):  # fmt: skip
            with pytest.raises(StorageConnectionError, match="nobody-made-this"):
                act()


def test_settings():
    """Two ways to sign in, an address with credentials and a name that no container has are refused."""
    with pytest.raises(InvalidConfigError, match="two ways"):
        AzureStorageConfig(account_key="a", sas_token="b")
    with pytest.raises(InvalidConfigError, match="endpoint_url"):
        AzureStorageConfig(endpoint_url="https://host/?sig=secret")
    assert "secret" not in repr(AzureStorageConfig(account_key="secret"))
    pytest.importorskip("obstore")
    with pytest.raises(InvalidKeyError):
        AutoStore("az://Not_A_Container/", AzureStorageConfig(account_name="a"))
    with pytest.raises(InvalidConfigError, match="history=True"):
        AutoStore("az://container", AzureStorageConfig(account_name="a", history="native"))


def test_without_obstore_the_extra_is_named(monkeypatch):
    """Whoever opens such a store learns what to install."""

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "obstore":
                raise ModuleNotFoundError(name, name=name)

    for name in [name for name in sys.modules if name.partition(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Blocked(), *sys.meta_path])
    with pytest.raises(MissingDependencyError, match=r"\[fast\]"):
        AutoStore("az://container/", AzureStorageConfig(account_name="a"))


def test_marks_travel(opened):
    """A copy has a mark of its own, as on every place."""
    store = opened()
    store["k"] = 1
    backend = store._place
    found = backend.copy("k.json", "l.json", mark=Mark.fresh("l"))
    assert found.mark is not None
    assert backend.get_metadata("l.json").mark is not None
