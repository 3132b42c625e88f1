"""The bridge to fsspec: what each place keeps of the promises, and that it refuses what it does not keep."""

import contextlib
import errno
import functools
import http.server
import pickle
import subprocess
import sys
import threading
import uuid
import zipfile

import pytest

from autostore import (
    AutoStore,
    FsspecConfig,
    InvalidConfigError,
    InvalidKeyError,
    LeftOutWarning,
    MissingDependencyError,
    PreconditionFailedError,
    StorageConnectionError,
    StorageFileNotFoundError,
    StoragePermissionError,
    UnsupportedSchemeError,
)
from autostore.backends.bridge.backend import FsspecBackend
from autostore.keys import parse_uri
from autostore.mark import Mark
from autostore.testing import BackendContract
from tests.backends.sftp import PASSWORD, USER, running_sftp

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(scope="module")
def sftp(tmp_path_factory):
    """The served folder, and how to reach it."""
    pytest.importorskip("asyncssh")
    pytest.importorskip("paramiko")
    folder = tmp_path_factory.mktemp("sftp")
    with running_sftp(folder, tmp_path_factory.mktemp("log") / "sftp.log") as port:
        yield folder, {"port": port, "username": USER, "password": PASSWORD, "host_key_policy": "auto_add"}


class TestMemory(BackendContract):
    """In memory all promises are kept, by a lock."""

    @pytest.fixture
    def backend(self):
        backend = FsspecBackend(parse_uri(f"fsspec+memory://{uuid.uuid4().hex}/store"), FsspecConfig())
        yield backend
        backend.close()

    def raw_write(self, backend, path, data):
        fsspec.filesystem("memory").pipe_file(backend._full(path), data)

    def raw_read(self, backend, path):
        fs = fsspec.filesystem("memory")
        return fs.cat_file(backend._full(path)) if fs.exists(backend._full(path)) else None

    def test_a_mark_is_of_one_version(self, backend):
        """A file that somebody laid over a marked one is nobody's of the store."""
        self.put(backend, "k.bin", b"1", mark=Mark.fresh("k"))
        self.raw_write(backend, "k.bin", b"another's")
        assert backend.get_metadata("k.bin").mark is None


class TestSftp(BackendContract):
    """On SFTP all promises are kept where one process writes."""

    @pytest.fixture
    def backend(self, sftp):
        self.folder, options = sftp
        self.place = uuid.uuid4().hex
        config = FsspecConfig(options=options, single_writer=True)
        backend = FsspecBackend(parse_uri(f"fsspec+sftp://127.0.0.1/{self.place}"), config)
        yield backend
        backend.close()

    def raw_write(self, backend, path, data):
        file = self.folder / self.place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def raw_read(self, backend, path):
        file = self.folder / self.place / path
        return file.read_bytes() if file.is_file() else None


@pytest.fixture
def opened(sftp):
    _, options = sftp
    place = uuid.uuid4().hex
    stores = []

    def one(**settings):
        config = FsspecConfig(**{"options": options, **settings})
        stores.append(AutoStore(f"fsspec+sftp://127.0.0.1/{place}", config))
        return stores[-1]

    yield one
    for store in stores:
        store.close()


def test_a_store_on_sftp(opened):
    """Values come back, another handle sees them, and formats change where one process writes."""
    store = opened(single_writer=True)
    store.update({"k": {"a": 1}, "deep/t.txt": "words"})
    store["k"] = "text"
    store.write("n.json", 1)
    store.move("deep/t.txt", "u.txt")
    assert dict(opened().items()) == {"k": "text", "n": 1, "u": "words"}
    del store["k"]
    assert "k" not in opened()
    assert "engine='fsspec'" in repr(store)


def test_what_is_written_again_within_a_second(opened):
    """Values of one size, removed and written again under one name: each is a version, and no ETag comes again."""
    # Mutation that this was seen to catch: `move_on` knows only what is there; an id that says nothing of the path.
    store = opened(single_writer=True, history=True)
    for value in (1, "x", 3):
        store["k"] = value
    del store["k"]
    store["k"] = 4
    values = [store.read("k", version=version.id) for version in store.versions("k")]
    assert values[:2] == [4, 3]
    assert sorted(values[2:], key=str) == [1, "x"]  # of one second, and of two files
    plain = opened(single_writer=True)
    etag = plain.write("n.json", 1).etag
    del plain["n.json"]
    opened(single_writer=True)["n.json"] = 2
    with pytest.raises(PreconditionFailedError):
        plain.write("n.json", 3, if_etag=etag)


def test_threads_with_stores_of_their_own_lose_nothing(opened):
    """Each thread opens the place for itself, and counts; the count is exact."""
    opened(single_writer=True)["n"] = 0
    starting = threading.Barrier(4)

    def count():
        starting.wait(30)
        store = opened(single_writer=True)
        for _ in range(3):
            store.modify("n", lambda number: number + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert opened()["n"] == 12


def test_threads_open_a_place_once(opened):
    """Threads that are the first to use a store connect once, and exclude each other from then on."""
    for _ in range(5):
        store, starting, won = opened(single_writer=True), threading.Barrier(8), []
        key = f"{uuid.uuid4().hex}.json"

        def create(number, key=key, store=store, starting=starting, won=won):
            starting.wait(30)
            with contextlib.suppress(PreconditionFailedError):
                store.write(key, number, if_absent=True)
                won.append(number)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert won == [store[key]]


def test_a_cached_copy_is_of_every_thread():
    """Which file a copy is of does not depend on the thread that asks, nor on the process."""
    ids = []

    def ask():
        backend = FsspecBackend(parse_uri("fsspec+memory://place"), FsspecConfig())
        ids.append(backend.cache_id("k.bin"))

    for thread in [threading.Thread(target=ask) for _ in range(2)]:
        thread.start()
        thread.join()
    code = (
        "from autostore.backends.bridge.backend import FsspecBackend; from autostore.keys import parse_uri\n"
        "from autostore import FsspecConfig\n"
        "print(FsspecBackend(parse_uri('fsspec+memory://place'), FsspecConfig()).cache_id('k.bin'))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {*ids, said[:-1]} == {ids[0]}


def test_what_a_place_without_conditions_refuses(opened):
    """Plain writes are made; conditions, changes of format, history and a cache are refused, and nothing changes."""
    store = opened()
    store["k"] = {"a": 1}
    store["k"] = {"a": 2}
    etag = store.write("n.json", 1).etag
    for refused in (
        lambda: store.write("n.json", 2, if_etag=etag),
        lambda: store.write("new.json", 2, if_absent=True),
        lambda: store.modify("n.json", lambda n: n + 1),
        lambda: store.write("k", "text"),
        lambda: store.move("n.json", "m.json"),
    ):
        with pytest.raises(InvalidConfigError, match="single_writer"):
            refused()
    assert dict(store.items()) == {"k": {"a": 2}, "n": 1}
    with pytest.raises(InvalidConfigError, match="single_writer"):
        opened(history=True)["k"] = 1
    with pytest.raises(InvalidConfigError, match="cache_enabled"):
        opened(cache_enabled=True)


def test_wrong_passwords_and_servers(sftp):
    """The one is refused, the other cannot be reached; neither error shows a secret."""
    _, options = sftp
    for odd, error in (({"password": "wrong-VALUE"}, StoragePermissionError), ({"port": 1}, StorageConnectionError)):
        config = FsspecConfig(options={**options, **odd})
        with AutoStore("fsspec+sftp://127.0.0.1/x", config) as store, pytest.raises(error) as caught:
            store["k"]
        assert "wrong-VALUE" not in str(caught.value)
        assert PASSWORD not in repr(config)


def test_a_server_that_is_gone_is_no_empty_store(tmp_path):
    """Every call says that it cannot be reached, and the same store goes on once the server is there again."""
    pytest.importorskip("asyncssh")
    pytest.importorskip("paramiko")
    folder, log = tmp_path / "served", tmp_path / "log"
    folder.mkdir()
    options = {"username": USER, "password": PASSWORD, "host_key_policy": "auto_add"}
    with running_sftp(folder, log) as port:
        options["port"] = port
        store = AutoStore("fsspec+sftp://127.0.0.1/x", FsspecConfig(options=options, single_writer=True))
        store.update({"a.json": 1, "deep/b": "text"})
    with store:
        for call in (
            lambda: list(store.keys()),
            lambda: list(store.keys("deep/")),
            lambda: "a.json" in store,
            lambda: store.get("deep/b"),
            lambda: store.write("a.json", 2, if_absent=True),
            lambda: store.__delitem__("a.json"),
        ):
            with pytest.raises(StorageConnectionError):
                call()
        with running_sftp(folder, log, port):
            assert dict(store.items()) == {"a": 1, "deep/b": "text"}


def _broken_at(tmp_path, **broken):
    """A store of `a.json` and `deep/b.json` whose file system fails at calls of these names, of names that end so."""
    from fsspec.implementations.local import LocalFileSystem

    class Broken(LocalFileSystem):
        protocol = "own"
        cachable = False
        raising = None

        def _fail(self, call, path):
            if self.raising is not None and str(path).endswith(broken.get(call, "\0")):
                self.calls += 1
                if self.calls >= self.first:
                    raise self.raising

        def info(self, path, **kwargs):
            self._fail("info", path)
            return super().info(path, **kwargs)

        def ls(self, path, detail=False, **kwargs):
            self._fail("ls", path)
            return super().ls(path, detail=detail, **kwargs)

        def breaks(self, error, first=1):
            self.raising, self.first, self.calls = error, first, 0

    fs = Broken()
    store = AutoStore(fs=fs, root=tmp_path, config=FsspecConfig(replaces="rename", single_writer=True))
    store.update({"a.json": 1, "deep/b.json": 2})
    return store, fs


def test_a_listing_says_what_it_could_not_list(tmp_path):
    """A folder that cannot be reached is an error, one that may not be read is left out and said, or refused."""
    store, fs = _broken_at(tmp_path, ls="deep")
    fs.breaks(ConnectionResetError(errno.ECONNRESET, "reset"))
    for prefix in ("", "deep/"):
        with pytest.raises(StorageConnectionError):
            list(store.keys(prefix))
    fs.breaks(PermissionError(errno.EACCES, "no"))
    with pytest.warns(LeftOutWarning, match="'deep/'") as said:
        assert list(store.keys()) == ["a"]
    assert len(said) == 1
    with pytest.raises(StoragePermissionError):
        list(store.keys("deep/"))
    fs.breaks(None)
    assert list(store.keys()) == ["a", "deep/b"]


@pytest.mark.parametrize("first", range(1, 7))
@pytest.mark.parametrize(
    "error", [ConnectionResetError(errno.ECONNRESET, "reset"), PermissionError(errno.EACCES, "no")]
)
def test_a_look_that_fails_is_no_absence(tmp_path, first, error):
    """Whichever look fails: what is there is not replaced as absent, nor said to be removed while it is there."""
    store, fs = _broken_at(tmp_path, info="/a.json")
    fs.breaks(error, first)
    with pytest.raises((StorageConnectionError, StoragePermissionError, PreconditionFailedError)):
        store.write("a.json", 99, if_absent=True)
    fs.breaks(None)
    assert store["a.json"] == 1
    fs.breaks(error, first)
    try:
        del store["a.json"]
    except (StorageConnectionError, StoragePermissionError):
        pass  # it may be there or not
    else:
        fs.breaks(None)
        assert "a.json" not in store


def test_links_that_lead_out_of_a_folder(tmp_path):
    """By the bridge as by the place of folders' own: neither read, written through, removed nor listed."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (inside / "link.txt").symlink_to(outside / "secret.txt")
    (inside / "folder").symlink_to(outside)
    with AutoStore(f"fsspec+file://{inside}", FsspecConfig(single_writer=True)) as store:
        store["own"] = 1
        (inside / "same.json").symlink_to("own.json")
        for refused in (
            lambda: store["link.txt"],
            lambda: store["folder/secret.txt"],
            lambda: store.write("link.txt", "x"),
            lambda: store.write("folder/new.txt", "x"),
            lambda: store.__delitem__("folder/secret.txt"),
        ):
            with pytest.raises(InvalidKeyError, match="leads out"):
                refused()
        with pytest.warns(LeftOutWarning, match=r"link\.txt"):
            assert list(store.keys()) == ["own", "same"]
        assert store["same"] == 1
    assert [file.name for file in outside.iterdir()] == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == "secret"


def test_a_file_goes_into_no_folder_of_its_name(tmp_path):
    """A folder stands where the file should: refused, and nothing is moved into it."""
    (tmp_path / "k.json" / "deep").mkdir(parents=True)
    with AutoStore(f"fsspec+file://{tmp_path}", FsspecConfig(single_writer=True)) as store:
        with pytest.raises(InvalidKeyError, match="share a name"):
            store["k.json"] = 1
        assert [file.name for file in (tmp_path / "k.json").iterdir()] == ["deep"]


def test_a_zip_is_read(tmp_path):
    """An archive that somebody made is a store, which nobody writes."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/k.json", '{"a": 1}')
        archive.writestr("data/deep/t.txt", "words")
    with AutoStore(fs=fsspec.filesystem("zip", fo=str(tmp_path / "a.zip")), root="data") as store:
        assert dict(store.items()) == {"deep/t": "words", "k": {"a": 1}}
        assert store["k"] == {"a": 1}
        assert "none" not in store
        before = (tmp_path / "a.zip").read_bytes()
        for refused in (lambda: store.write("k", 1), lambda: store.__delitem__("k"), lambda: store.write("n.json", 1)):
            with pytest.raises(StoragePermissionError, match="only read"):
                refused()
    assert (tmp_path / "a.zip").read_bytes() == before


class Answers(http.server.SimpleHTTPRequestHandler):
    """Files, and below a folder named by a status that status."""

    def do_GET(self):
        status = self.path.split("/")[1]
        if status.isdigit():
            self.send_error(int(status))
        else:
            super().do_GET()

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


def test_what_an_http_server_says_is_told(tmp_path):
    """Its client in fsspec says of every failure that the file is not there."""
    # Mutation that this was seen to catch: is_absence asks for the class alone.
    pytest.importorskip("aiohttp")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "k.json").write_text("{}")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Answers, directory=tmp_path))
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"fsspec+http://127.0.0.1:{server.server_port}"
        for key in ("k", "k.json"):
            assert AutoStore(f"{place}/files")[key] == {}
            for folder in ("files/none", "404"):
                with pytest.raises(StorageFileNotFoundError):
                    AutoStore(f"{place}/{folder}")[key]
            for status in (401, 403):
                with pytest.raises(StoragePermissionError, match="refuses"):
                    AutoStore(f"{place}/{status}").get(key)
            for status in (400, 429, 500, 503):
                with pytest.raises(StorageConnectionError):
                    AutoStore(f"{place}/{status}").get(key)
        server.shutdown()
    with pytest.raises(StorageConnectionError):
        AutoStore(f"{place}/gone").get("k.json")


def test_an_archive_or_key_file_that_is_not_there_is_no_absent_key(sftp, tmp_path):
    """`get` would take it for its default."""
    _, options = sftp
    key = str(tmp_path / "id_none")
    for uri, wrong in (
        ("fsspec+zip://x", {"fo": str(tmp_path / "none.zip")}),
        ("fsspec+sftp://127.0.0.1/x", {**options, "key_filename": key, "password": None}),
    ):
        with AutoStore(uri, FsspecConfig(options=wrong)) as store:
            for call in (lambda store=store: store.get("k"), lambda store=store: "k" in store):
                with pytest.raises((StorageConnectionError, StoragePermissionError)):
                    call()


def test_a_file_system_that_was_made_already():
    """`AutoStore(fs=..., root=...)` is the same store as by URI, pickles, and keeps history."""
    place = uuid.uuid4().hex
    with AutoStore(fs=fsspec.filesystem("memory"), root=f"/{place}", config=FsspecConfig(history=True)) as store:
        store["k"] = 1
        store["k"] = "text"
        assert [store.read("k", version=one.id) for one in store.versions("k")] == ["text", 1]
        assert dict(pickle.loads(pickle.dumps(store)).items()) == {"k": "text"}
        assert AutoStore(f"fsspec+memory://{place}")["k"] == "text"


def test_a_file_system_that_nobody_knows(tmp_path):
    """It is read; written only where somebody says how it replaces a file."""
    from fsspec.implementations.local import LocalFileSystem

    class Own(LocalFileSystem):
        protocol = "own"

    (tmp_path / "k.json").write_text("1")
    with AutoStore(fs=Own(), root=tmp_path) as store:
        assert store["k"] == 1
        with pytest.raises(InvalidConfigError, match="replaces"):
            store["n.json"] = 1
    with AutoStore(fs=Own(), root=tmp_path, config=FsspecConfig(replaces="rename")) as store:
        store["n.json"] = 1
        assert (tmp_path / "n.json").read_text()
        assert list((tmp_path / ".autostore" / "writing").iterdir()) == []


def test_what_fsspec_has_not_is_no_fault_of_the_network():
    """A protocol that it does not know, or whose client is not installed, is said at the first use."""
    with pytest.raises(UnsupportedSchemeError, match="no file system 'nonesuch'"):
        AutoStore("fsspec+nonesuch://a/b").get("k")
    with pytest.raises(MissingDependencyError, match="dropbox"):
        AutoStore("fsspec+dropbox://a/b").get("k")


def test_other_tools_words_for_places_are_told_ours():
    """`sftp://` and `https://` are no schemes here, and the error says how such a place is named."""
    with pytest.raises(UnsupportedSchemeError, match=r"fsspec\+sftp://"):
        AutoStore("sftp://host/folder")
    with pytest.raises(UnsupportedSchemeError, match="endpoint_url"):
        AutoStore("https://s3.example.com/bucket")


def test_gs_says_which_extra():
    """Google Cloud Storage goes through the bridge, with gcsfs."""
    try:
        import gcsfs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match=r"\[gcs\]"):
            AutoStore("gs://bucket/prefix")
        return
    assert "fsspec" in repr(AutoStore("gs://bucket/prefix"))


def test_settings():
    """What contradicts itself is refused."""
    with pytest.raises(InvalidConfigError, match="replaces"):
        FsspecConfig(replaces="hope")
    with pytest.raises(InvalidConfigError, match="options"):
        FsspecConfig(fs=fsspec.filesystem("memory"), options={"a": 1})
